//! The operations: each a function from tensors to a tensor, its shapes and its gradient in one
//! file.
//!
//! On a CPU, in float32 and float64, an operation runs a kernel and records itself on the tape;
//! anywhere else it is `composed` of candle's operations.
//!
//! Read in this order: `precision`, `maps`, `packed`, `epilogue`, `batch_moments` and `inputs`
//! (what operations take and must be given), `composed` (the slow twins), then the operations;
//! `nchw` is all of them on maps as candle lays them out.

mod batch_moments;
mod epilogue;
mod inputs;
mod maps;
mod packed;
mod precision;

pub mod composed;

mod activation;
mod attention;
mod batch_norm;
mod concat;
mod conv;
mod conv_norm;
mod conv_per_axis;
mod conv_transpose;
mod measured;

mod concat_norm;
mod conv_beside;
mod dropout;
mod element_loss;
mod elementwise;
mod fractional_pool;
mod linear;
mod linear_then;
mod loss;
mod maxout;
mod norm;
mod pool;
mod resize;
mod scale;

pub mod nchw;

pub use activation::{activate, add, add_relu, relu};
pub use attention::{attention, self_attention};
pub use batch_moments::BatchMoments;
pub use batch_norm::{batch_norm_eval, batch_norm_train};
pub use concat::{concat, concat_again};
pub use concat_norm::{concat_batch_norm_relu_eval, concat_batch_norm_relu_train};
pub use conv::{conv2d, conv2d_relu};
pub use conv_beside::{Branch, conv2d_relu_concat};
pub use conv_norm::{conv2d_batch_norm_eval, conv2d_batch_norm_train};
pub use conv_per_axis::{conv1d, conv2d_per_axis};
pub use conv_transpose::conv_transpose2d;
pub use dropout::dropout;
pub use element_loss::{binary_cross_entropy, huber_loss, l1_loss, mse_loss};
pub use elementwise::elementwise;
pub use epilogue::Epilogue;
pub use fractional_pool::fractional_max_pool2d;
pub use linear::linear;
pub use linear_then::{linear_activate, linear_add};
pub use loss::{cross_entropy, log_softmax, softmax};
pub use maxout::maxout;
pub use measured::{Measured, conv2d_measured, measured};
pub use norm::{group_norm, layer_norm, rms_norm};
pub use packed::PackedWeights;
pub use pool::{adaptive_avg_pool2d, adaptive_max_pool2d, avg_pool2d, global_avg_pool, global_max_pool, max_pool2d};
pub use precision::{Precision, PrecisionError, arithmetic};
pub use resize::resize_bilinear;
pub use scale::scale_channels;
