//! Pretrained backbones with named stages, and what it takes to reuse one for other pictures.
//!
//! A network that has seen a million pictures is a good start for a few hundred of another kind:
//! its early stages detect edges and textures that every picture has. So keep the [`Backbone`], put
//! a new [`Head`] on it, freeze the first stages, and train the rest. [`Classifier`] is all of that
//! in one layer. The list of [`Stage`]s is the only list of a backbone's layers: freezing, learning
//! rates by depth and feature taps all index it.
//!
//! Weights are safetensors files, or PyTorch's own, with torchvision's names ([`read_weights`],
//! [`load_weights`]). Each comes with a [`Manifest`] that says what the network expects; the
//! [`MODELS`] known here are found by name with [`model`], and the weights of some are embedded, so
//! that there is always something to begin with.
//!
//! # Examples
//! ```
//! use candle_core::{DType, Device, Tensor};
//! use taper_nn::{Mode, Params};
//! use taper_tensor::Rng;
//! use taper_transfer::{Head, model};
//! let params = Params::new(Rng::new(0).fork("init"), DType::F32, Device::Cpu);
//! let mut net = model("squeezenet1_1")?.classifier(&params, Head::default(), 10)?;
//! net.freeze(4)?; // train the new head alone
//! let pictures = Tensor::zeros((2, 64, 64, 3), DType::F32, &Device::Cpu)?;
//! assert_eq!(net.forward(&pictures, Mode::Eval)?.dims(), [2, 10]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![warn(missing_debug_implementations)]

mod names;

mod error;

mod check;

mod backbones;

mod heads;

mod architectures;

mod classifier;

mod checkpointing;

mod weights;

mod pretrained;

#[cfg(feature = "onnx")]
mod onnx;

pub use candle_core;

pub use architectures::{ARCHITECTURES, Architecture, architecture, backbone};
pub use backbones::{
    Backbone, BackboneConfig, ConvNextLayers, EfficientNetLayers, MobileLayers, MobileNetLayers, RegNetLayers,
    ResNetLayers, SqueezeNetLayers, Stage, Staged, Stem, VggLayers, VitLayers, alexnet, convnext, densenet121,
    efficientnet, mobile, mobilenet, regnet, resnet, small_cnn, squeezenet, vgg, vision_transformer,
};
pub use check::MOST_FEATURES;
pub use checkpointing::Checkpoints;
pub use classifier::{Classifier, Part, Trainable};
pub use error::TransferError;
pub use heads::{
    ConcatPoolHead, ConcatPoolHeadConfig, ConvHead, ConvHeadConfig, DropoutConfig, Head, LinearHead, MlpHead,
    MlpHeadConfig, NormHead, NormMlpHead, VggHead, VggHeadConfig,
};
#[cfg(feature = "onnx")]
pub use onnx::{OnnxConfig, OnnxWeights, onnx};
pub use pretrained::{MODELS, PretrainedModel, model, models_of_sets};
#[cfg(feature = "hub")]
pub use weights::{Answer, AnsweredBy, Fetch, FetchConfig, Hub, Sources, Torchvision};
pub use weights::{
    AnswerError, Digest, DigestError, FetchError, Fit, HubFile, Interpolation, Manifest, NotFinite, PthError,
    ReadReport, Source, TorchvisionFile, WeightSet, WeightsError, WeightsFile, int8_weights, load_weights,
    read_weights, rename, sha256, weight_set, weight_sets, weights_from_bytes,
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
