//! First values of weights, from keyed streams.

use candle_core::{DType, Device, Result, Shape, Tensor};
use candle_nn::Init;
use candle_nn::init::NormalOrUniform;

use crate::Rng;

/// Draws a tensor as `init` says. candle's `Init::var` draws from a generator that cannot be seeded
/// on a CPU; this one draws the same numbers from `rng`.
pub(crate) fn sample(init: Init, shape: &Shape, rng: &mut Rng, dtype: DType, device: &Device) -> Result<Tensor> {
    let n = shape.elem_count();
    let values: Vec<f64> = match init {
        Init::Const(value) => vec![value; n],
        Init::Randn { mean, stdev } => normal(n, mean, stdev, rng),
        Init::Uniform { lo, up } => uniform(n, lo, up, rng),
        Init::Kaiming { dist, fan, non_linearity } => {
            let std = non_linearity.gain() / (fan.for_shape(shape) as f64).sqrt();
            match dist {
                NormalOrUniform::Normal => normal(n, 0.0, std, rng),
                NormalOrUniform::Uniform => uniform(n, -3f64.sqrt() * std, 3f64.sqrt() * std, rng),
            }
        }
    };
    Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(dtype)?.to_device(device)
}

fn normal(n: usize, mean: f64, std: f64, rng: &mut Rng) -> Vec<f64> {
    (0..n).map(|_| mean + std * rng.normal()).collect()
}

fn uniform(n: usize, low: f64, high: f64, rng: &mut Rng) -> Vec<f64> {
    (0..n).map(|_| rng.uniform(low, high)).collect()
}
