//! What a network is made of: layers with named parameters, on candle and [`taper_tensor`].
//!
//! Read in this order. [`Params`] holds the weights of a network by name, a [`ParamPath`] is a
//! place in these names; first values come from a stream keyed by the name, by an
//! [`Initialization`] or candle's [`Init`](candle_nn::Init). [`Mode`] says whether a network is
//! being trained, a [`Layer`] maps a tensor to a tensor, and an [`Activation`] stands between two
//! of them. The layers are [`Conv2d`], [`Linear`], pools, norms and [`Attention`]; layers in a row
//! are a `Vec<Box<dyn Layer>>`, which is one too. What a network computes in testing it can tell as
//! a [`Graph`].
//!
//! Feature maps have the shape (N,H,W,C): batch, height, width, channels. Parameters have PyTorch's
//! names and shapes, so its weights fit as they are.
//!
//! # Examples
//! ```
//! use candle_core::{DType, Device, Tensor};
//! use taper_nn::{Conv2d, Conv2dConfig, Layer, Mode, Params};
//! use taper_tensor::Rng;
//! let params = Params::new(Rng::new(0).fork("init"), DType::F32, Device::Cpu);
//! let conv = Conv2d::new(&params.root().at("conv1"), 3, 8, 3, Conv2dConfig::default())?;
//! let x = Tensor::zeros((1, 32, 32, 3), DType::F32, &Device::Cpu)?;
//! assert_eq!(conv.forward(&x, Mode::Eval)?.dims(), [1, 30, 30, 8]);
//! let names: Vec<_> = params.trainables().into_iter().map(|(name, _)| name).collect();
//! assert_eq!(names, ["conv1.bias", "conv1.weight"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod load_report;
mod sample;

mod params;

mod builder;

mod activation;
mod initialization;
mod names;

mod mode;

mod graph;

mod layer;

mod layers;

pub use activation::Activation;
pub use error::{LayerError, ParamsError};
pub use graph::{Graph, GraphError, GraphOp, Node, Value};
pub use initialization::Initialization;
pub use layer::Layer;
pub use layers::{
    AdaptiveAvgPool2d, Attention, AttentionPool, AttentionPoolConfig, AvgPool2d, BatchNorm, BatchNormConfig, Conv2d,
    Conv2dConfig, ConvNorm, ConvNormAct, ConvRelu, GlobalAvgPool, GlobalMaxPool, GroupNorm, LayerNorm, LayerScale,
    Linear, LinearConfig, MaxPool2d, Mlp, Part, RmsNorm, frozen_statistics, keep_statistics, recompute_statistics,
};
pub use load_report::{LoadReport, Reshaped};
pub use mode::Mode;
pub use names::NameError;
pub use params::{ParamPath, Params};

/// The version of candle that tensors and parameters here are of.
pub use candle_core;
/// The version of candle's layers that first values ([`Init`](candle_nn::Init)) and
/// [`Params::builder`] are of.
pub use candle_nn;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
