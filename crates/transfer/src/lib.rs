//! Pretrained backbones with named stages, and what it takes to reuse one for other pictures.
//!
//! A network that has seen a million pictures is a good start for a few hundred of another kind: its
//! early stages detect edges and textures that every picture has. So keep the [`Backbone`], put a new
//! [`Head`] on it, freeze the first stages, and train the rest. [`Classifier`] is all of that in one
//! layer. The list of [`Stage`]s is the only list of a backbone's layers: freezing, learning rates by
//! depth and feature taps all index it.
//!
//! Weights are safetensors files, or PyTorch's own, with torchvision's names ([`read_weights`], [`load_weights`]). Each
//! comes with a [`Manifest`] that says what the network expects; the [`MODELS`] known here are found
//! by name with [`model`], and one of them is embedded, so that there is always something to begin with.
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

mod backbone;
mod backbone_config;
mod inverted_residual;
mod staged;

mod alexnet;
mod densenet;
mod efficientnet;
mod mobilenet;
mod resnet;
mod small_cnn;
mod squeezenet;
mod vgg;

mod concat_pool_head;
mod conv_head;
mod head;
mod linear_head;
mod mlp_head;
mod vgg_head;

mod architectures;
mod classifier;

mod answer;
mod cached;
mod digest;
mod download;
mod fetch;
mod hub;
mod manifest;
mod models;
mod names;
mod pth;
mod safetensors_file;
mod source;
mod torchvision;
mod weights;
mod weights_file;
mod wrapped;

mod onnx;

mod error;
mod fetch_error;

pub use alexnet::alexnet;
pub use answer::Answer;
pub use architectures::{ARCHITECTURES, Architecture, architecture, backbone};
pub use backbone::{Backbone, Stage};
pub use backbone_config::BackboneConfig;
pub use classifier::{Classifier, Part};
pub use concat_pool_head::{ConcatPoolHead, ConcatPoolHeadConfig};
pub use conv_head::{ConvHead, ConvHeadConfig};
pub use densenet::densenet121;
pub use digest::{Digest, sha256};
pub use efficientnet::efficientnet_b0;
pub use error::{TransferError, WeightsError};
pub use fetch::{Fetch, FetchConfig};
pub use fetch_error::{FetchError, Source};
pub use head::{Head, MOST_FEATURES};
pub use hub::{Hub, HubFile};
pub use linear_head::{DropoutConfig, LinearHead};
pub use manifest::Manifest;
pub use mlp_head::{MlpHead, MlpHeadConfig};
pub use mobilenet::{MobileNetLayers, mobilenet};
pub use models::{MODELS, Model, Sources, model};
pub use onnx::onnx;
pub use pth::PthError;
pub use resnet::{ResNetLayers, Stem, resnet};
pub use small_cnn::small_cnn;
pub use squeezenet::{SqueezeNetLayers, squeezenet};
pub use staged::Staged;
pub use torchvision::{Torchvision, TorchvisionFile};
pub use vgg::{VggLayers, vgg};
pub use vgg_head::{Grid, VggHead, VggHeadConfig};
pub use weights::{Fit, load_weights, rename};
pub use weights_file::{NotFinite, ReadReport, WeightsFile, read_weights, weights_from_bytes};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
