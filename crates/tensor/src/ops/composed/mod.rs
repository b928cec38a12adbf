//! The operations as compositions of candle's own, in a form whose gradient is right: what runs on
//! CUDA and Metal and in types without a kernel, and the slow twin that the tests hold every kernel
//! to.

mod axis;
mod blend;
mod taps;

mod activation;
mod attention;
mod batch_norm;
mod conv;
mod dropout;
mod element_loss;
mod loss;
mod norm;
mod pool;
mod resize;
mod scale;

pub use activation::{activate, add_relu, maxout, relu};
pub use attention::{attention, softmax};
pub use batch_norm::{batch_norm_eval, batch_norm_train};
pub use conv::{conv_transpose2d, conv1d, conv2d, conv2d_per_axis};
pub use dropout::dropout;
pub use element_loss::{binary_cross_entropy, huber_loss, l1_loss, mse_loss};
pub use loss::{cross_entropy, log_softmax};
pub use norm::{layer_norm, rms_norm};
pub use pool::{adaptive_avg_pool2d, adaptive_max_pool2d, avg_pool2d, fractional_max_pool2d, max_pool2d};
pub use resize::resize_bilinear;

pub use scale::scale_channels;

pub(crate) use axis::nothing;
pub(crate) use norm::standardized;
