//! What candle lacks, gets wrong or does slowly when a convolutional network is *trained*.
//!
//! Feature maps have the shape (N,H,W,C), contiguous: batch, height, width, channels. Weights keep
//! torchvision's shapes (convolution O,I,H,W; linear O,I), in memory as on disk.
//!
//! Read in this order: [`Rng`] (keyed randomness), then the operations ([`conv2d`], [`max_pool2d`],
//! ...), each a function from tensors to a tensor whose gradient candle's `backward` follows, and
//! [`check_gradients`], which holds all of them, and yours, to finite differences. Layers with
//! named weights are made of them in `taper-nn`.
//!
//! On a CPU, in float32 and float64, an operation runs a kernel of [`kernels`](crate#kernels).
//! Anywhere else it is composed of candle's own operations in a form whose gradient is right
//! (module [`composed`]); the tests run both on the CPU and hold them together.
//!
//! # Kernels
//! The folder `kernels` is the only one in the workspace with `unsafe` in it. Kernels run on the
//! best instruction set of the processor ([`simd`]); where it has bfloat16, convolutions compute in
//! it when asked ([`Precision`]). A training step allocates gigabytes of feature maps for a short
//! time: a program of your own should make [`Recycler`] its allocator (two lines), and call
//! [`backward`] where it would call candle's.
//!
//! # Sizes
//! No size is a fault of memory: what cannot be counted, addressed or allocated is a [`SizeError`]
//! inside candle's error. Of no pictures, or to no channels, an output is empty and its gradients
//! are 0.
//!
//! Maps in candle's (N,C,H,W): [`nchw`].
//!
//! # Examples
//! ```
//! use candle_core::{Device, Tensor, Var};
//! use taper_tensor::{Pool, max_pool2d};
//! let x = Var::new(&[[[[1f32], [2.0]], [[3.0], [4.0]]]], &Device::Cpu)?; // one picture, 2x2, one channel
//! let y = max_pool2d(&x, Pool { kernel: (2, 2), stride: 2, ..Pool::default() })?;
//! let grads = y.sum_all()?.backward()?;
//! let g = grads.get(&x).unwrap().flatten_all()?.to_vec1::<f32>()?;
//! assert_eq!(g, [0.0, 0.0, 0.0, 1.0]); // candle's own max_pool2d says 0.25
//! # Ok::<(), candle_core::Error>(())
//! ```
mod rng;

mod batch;

mod window;

mod pointwise;

mod size_error;
mod sizes;

mod regions;
mod shape;

mod kernels;

mod autograd;

mod ops;

pub use candle_core;

pub use autograd::{GradientError, Pass, Told, Traced, backward, backward_from, backward_told, check_gradients, trace};
pub use batch::Batch;
pub use kernels::memory::Recycler;
pub use kernels::simd::{Simd, SimdError, force_simd, simd, simd_asked_for};
pub use ops::{
    BatchMoments, Branch, Epilogue, Measured, PackedWeights, Precision, PrecisionError, activate, adaptive_avg_pool2d,
    adaptive_max_pool2d, add, add_relu, arithmetic, attention, avg_pool2d, batch_norm_eval, batch_norm_train,
    binary_cross_entropy, composed, concat, concat_again, concat_batch_norm_relu_eval, concat_batch_norm_relu_train,
    conv_transpose2d, conv1d, conv2d, conv2d_batch_norm_eval, conv2d_batch_norm_train, conv2d_measured,
    conv2d_per_axis, conv2d_relu, conv2d_relu_concat, cross_entropy, dropout, elementwise, fractional_max_pool2d,
    global_avg_pool, global_max_pool, group_norm, huber_loss, l1_loss, layer_norm, linear, linear_activate, linear_add,
    log_softmax, max_pool2d, maxout, measured, mse_loss, nchw, relu, resize_bilinear, rms_norm, scale_channels,
    self_attention, softmax,
};
pub use pointwise::Pointwise;
pub use regions::{Neighbors, Regions, Sequence};
pub use rng::Rng;
pub use shape::{check_input, check_memory, element_count};
pub use size_error::SizeError;
pub use window::{AvgPool, Conv, ConvPerAxis, ConvTranspose, Pool};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
