//! The layers, each with its parameters. Read [`conv2d`], [`linear`] and [`pool`] first (and of
//! [`part`] that some maps are measured); then
//! [`running_statistics`], which [`batch_norm`] keeps, [`conv_norm`], which computes two layers as
//! one, and [`norm`], the norms that see one picture at a time; [`attention`], [`mlp`] and
//! [`attention_pool`] are what transformers are made of.

mod part;

mod conv2d;
mod linear;
mod pool;

mod batch_norm;
mod conv_norm;
mod norm;
mod running_statistics;

mod attention;
mod mlp;

mod attention_pool;

pub use attention::Attention;
pub use attention_pool::{AttentionPool, AttentionPoolConfig};
pub use batch_norm::{BatchNorm, BatchNormConfig};
pub use conv_norm::{ConvNorm, ConvNormAct};
pub use conv2d::{Conv2d, Conv2dConfig, ConvRelu};
pub use linear::{Linear, LinearConfig};
pub use mlp::{LayerScale, Mlp};
pub use norm::{GroupNorm, LayerNorm, RmsNorm};
pub use part::Part;
pub use pool::{AdaptiveAvgPool2d, AvgPool2d, GlobalAvgPool, GlobalMaxPool, MaxPool2d};
pub use running_statistics::{frozen_statistics, keep_statistics, recompute_statistics};
