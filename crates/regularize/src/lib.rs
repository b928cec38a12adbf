//! Noise while a network is trained, its average while it is tested.
//!
//! Regularization makes the training error worse so that the error on new pictures gets better. Each
//! piece here adds something in [`Mode::Train`](taper_tensor::Mode) and takes its expectation, or does
//! nothing, in [`Mode::Eval`](taper_tensor::Mode): [`Dropout`] switches features off at random,
//! [`BatchNorm`] normalises by the moments of whatever pictures share the batch. Two more act outside
//! the network: [`smooth_labels`] on the targets, and [`decays`], which says what weight decay may touch.
//!
//! What is drawn depends on the seed of the step and the name of the layer alone, never on threads or
//! on the order of layers.
//!
//! # Examples
//! ```
//! use candle_core::{DType, Device, Tensor};
//! use taper_regularize::Dropout;
//! use taper_tensor::{Layer, Mode, Rng};
//! let x = Tensor::ones((2, 8), DType::F32, &Device::Cpu)?;
//! let dropout = Dropout::new(0.5, "head.dropout")?;
//! let step = Rng::new(0).fork("dropout").at(17);
//! let values = dropout.forward(&x, Mode::Train(&step))?.flatten_all()?.to_vec1::<f32>()?;
//! assert!(values.iter().all(|&v| v == 0.0 || v == 2.0));
//! assert_eq!(dropout.forward(&x, Mode::Eval)?.sum_all()?.to_scalar::<f32>()?, 16.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod batch_norm;
mod dropout;
mod error;
mod smoothing;
mod weight_decay;

pub use batch_norm::{BatchNorm, BatchNormConfig};
pub use dropout::Dropout;
pub use error::RegularizeError;
pub use smoothing::smooth_labels;
pub use weight_decay::decays;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
