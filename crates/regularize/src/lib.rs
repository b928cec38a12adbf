//! Noise while a network is trained, its average while it is tested.
//!
//! Regularization makes the training error worse so that the error on new pictures gets better.
//! Most pieces add noise in [`Mode::Train`](taper_nn::Mode) and take its expectation in
//! [`Mode::Eval`](taper_nn::Mode): [`Dropout`] switches features off at random, [`DropConnect`]
//! weights, [`StochasticDepth`] whole blocks; [`FractionalMaxPool`] pools over random regions, and
//! [`BatchNorm`] (of `taper-nn`, as the other norms) normalizes by the moments of whatever pictures
//! share the batch. [`marginalize`] sees all of them as one pattern and takes the mean over several
//! draws instead ([`Mode::Sample`](taper_nn::Mode)). [`recompute_statistics`] gives batch norms the
//! moments of passes that no training step is made of.
//!
//! Others act outside the network: [`Mixing`] and [`smooth_labels`] on the batch, [`Penalty`] on
//! gradients, [`max_norm`] on weights ([`decays`] says which ones are meant), [`EarlyStopping`] on
//! the length of the run.
//!
//! What is drawn depends on the seed of the step and the name of the layer alone, never on threads
//! or on the order of layers.
//!
//! # Examples
//! ```
//! use candle_core::{DType, Device, Tensor};
//! use taper_regularize::Dropout;
//! use taper_nn::{Layer, Mode};
//! use taper_tensor::Rng;
//! let x = Tensor::ones((2, 8), DType::F32, &Device::Cpu)?;
//! let dropout = Dropout::new(0.5, "head.dropout")?;
//! let step = Rng::new(0).fork("dropout").at(17);
//! let values = dropout.forward(&x, Mode::Train(&step))?.flatten_all()?.to_vec1::<f32>()?;
//! assert!(values.iter().all(|&v| v == 0.0 || v == 2.0));
//! assert_eq!(dropout.forward(&x, Mode::Eval)?.sum_all()?.to_scalar::<f32>()?, 16.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;

mod noise;

mod mixing;

mod penalties;

mod early_stopping;

pub use early_stopping::{EarlyStopping, EarlyStoppingConfig};
pub use error::RegularizeError;
pub use mixing::{Mixing, smooth_labels};
pub use noise::{
    Depth, DropConnect, DropPer, Dropout, FractionalMaxPool, FractionalMaxPoolConfig, Inference, Marginal, Marginalize,
    Product, StochasticDepth, linear_survival, marginalize, marginalize_answers,
};
pub use penalties::{Penalty, decays, max_norm};
/// The layers that regularize beside what they are for.
pub use taper_nn::{BatchNorm, BatchNormConfig, GroupNorm, LayerNorm, recompute_statistics};

/// The version of candle that tensors here are of.
pub use candle_core;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
