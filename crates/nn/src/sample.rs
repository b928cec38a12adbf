//! First values of weights, from keyed streams.

use candle_core::{DType, Device, Result, Shape, Tensor};
use candle_nn::Init;
use candle_nn::init::NormalOrUniform;
use taper_tensor::Rng;

/// Draws a tensor as `init` says. candle's `Init::var` draws from a generator that cannot be seeded
/// on a CPU; this one draws the same numbers from `rng`.
pub(crate) fn sample(init: Init, shape: &Shape, rng: &mut Rng, dtype: DType, device: &Device) -> Result<Tensor> {
    let next: Box<dyn FnMut() -> f64> = match init {
        Init::Const(value) => Box::new(move || value),
        Init::Randn { mean, stdev } => Box::new(move || mean + stdev * rng.normal()),
        Init::Uniform { lo, up } => Box::new(move || rng.uniform(lo, up)),
        Init::Kaiming { dist, fan, non_linearity } => {
            let std = non_linearity.gain() / (fan.for_shape(shape) as f64).sqrt();
            match dist {
                NormalOrUniform::Normal => Box::new(move || std * rng.normal()),
                NormalOrUniform::Uniform => Box::new(move || rng.uniform(-3f64.sqrt() * std, 3f64.sqrt() * std)),
            }
        }
    };
    let values = std::iter::repeat_with(next).take(shape.elem_count());
    // Not by way of float64 for all of them: the largest layers have a hundred million weights.
    let drawn = match dtype {
        DType::F64 => Tensor::from_vec(values.collect::<Vec<_>>(), shape, &Device::Cpu)?,
        _ => Tensor::from_vec(values.map(|value| value as f32).collect::<Vec<_>>(), shape, &Device::Cpu)?
            .to_dtype(dtype)?,
    };
    drawn.to_device(device)
}
