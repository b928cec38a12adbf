//! Backbones: networks without their heads, as lists of stages.
//!
//! In reading order: a [`stage`], a [`backbone`] of them, one that is lists of layers ([`staged`]),
//! what may differ in it ([`backbone_config`]), the stages that some heads bring
//! ([`fully_connected`]); then the families, each a function from its table to a
//! [`Staged`](staged::Staged), and what several of them are made of ([`conv_norm`],
//! `inverted_residual`, `branch`, `transformer`, `positions`).

pub(crate) mod backbone;
pub(crate) mod backbone_config;
pub(crate) mod conv_norm;
pub(crate) mod fully_connected;
pub(crate) mod stage;
pub(crate) mod staged;

pub(crate) mod alexnet;
mod branch;
mod convnext;
pub(crate) mod densenet;
mod efficientnet;
mod inverted_residual;
mod mobile;
mod mobile_block;
mod mobilenet;
mod positions;
mod regnet;
mod residual;
mod resnet;
pub(crate) mod small_cnn;
mod squeezenet;
mod transformer;
mod vgg;
mod vision_transformer;
mod vit_layers;

pub use alexnet::alexnet;
pub use backbone::Backbone;
pub use backbone_config::BackboneConfig;
pub use convnext::{ConvNextLayers, convnext};
pub use densenet::densenet121;
pub use efficientnet::{EfficientNetLayers, efficientnet};
pub use mobile::{MobileLayers, mobile};
pub use mobilenet::{MobileNetLayers, mobilenet};
pub use regnet::{RegNetLayers, regnet};
pub use resnet::{ResNetLayers, Stem, resnet};
pub use small_cnn::small_cnn;
pub use squeezenet::{SqueezeNetLayers, squeezenet};
pub use stage::Stage;
pub use staged::Staged;
pub use vgg::{VggLayers, vgg};
pub use vision_transformer::vision_transformer;
pub use vit_layers::VitLayers;
