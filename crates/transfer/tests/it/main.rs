//! The public face: PyTorch's values, freezing, files of weights.
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests

mod backbones;
mod checkpointing;
mod checkpoints;
#[cfg(feature = "hub")]
mod dataset;
mod freezing;
mod golden;
mod hostile;
mod hostile_any;
#[cfg(feature = "hub")]
mod hostile_hub;
#[cfg(feature = "hub")]
mod hub;
mod precision;
mod pth;
mod settings;
#[cfg(feature = "hub")]
mod torchvision;
mod weight_files;

use candle_core::{DType, Device, Tensor};
use taper_nn::Params;
use taper_tensor::Rng;

fn params(seed: u64) -> Params {
    Params::new(Rng::new(seed).fork("init"), DType::F32, Device::Cpu)
}

/// An error and its causes as one sentence.
fn said(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Smooth made-up pictures, (n,side,side,3).
fn pictures(n: usize, side: usize) -> Tensor {
    let values = (0..n * side * side * 3).map(|i| ((i * i % 977) as f32 * 0.013).sin()).collect();
    Tensor::from_vec(values, (n, side, side, 3), &Device::Cpu).unwrap()
}
