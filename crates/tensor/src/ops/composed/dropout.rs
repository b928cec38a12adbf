//! Dropout of candle's operations.

use candle_core::{Device, Result, Tensor};

use crate::kernels::elementwise::dropout as kernel;
use crate::ops::inputs::probability;
use crate::rng::Rng;

/// See [`crate::dropout`]: the mask is drawn on the CPU, so a graphics card drops the same places.
///
/// # Errors
/// When `p` is outside [0, 1), a copy of x is larger than memory, or the device fails.
pub fn dropout(x: &Tensor, p: f64, rng: &Rng) -> Result<Tensor> {
    probability(x, p)?;
    let mask = mask(x, p, rng)?.to_device(x.device())?.to_dtype(x.dtype())?;
    (x * mask)? * (1.0 / (1.0 - p))
}

/// 1 where dropout keeps an element, else 0, on the CPU.
fn mask(x: &Tensor, p: f64, rng: &Rng) -> Result<Tensor> {
    Tensor::from_vec(kernel::drop(&vec![1f32; x.elem_count()], p, rng), x.shape(), &Device::Cpu)?.ne(0f32)
}
