//! Dropout.

use candle_core::{Result, Tensor};

use super::composed;
use super::inputs::probability;
use crate::autograd::tape;
use crate::kernels::elementwise::dropout as kernel;
use crate::kernels::{self, on_floats};
use crate::rng::Rng;

/// Sets each element to 0 with probability `p` and divides the others by `1 - p`.
///
/// What is dropped depends on the key of `rng` (never on its position) and on where in memory order
/// the element is. The mask is not kept: the backward pass draws it again.
///
/// # Shapes
/// Any to the same.
///
/// # Errors
/// When `p` is outside [0, 1).
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_tensor::{Rng, dropout};
/// let y = dropout(&Tensor::ones(8, DType::F32, &Device::Cpu)?, 0.5, &Rng::new(0))?;
/// assert!(y.to_vec1::<f32>()?.iter().all(|&v| v == 0.0 || v == 2.0));
/// # Ok::<(), candle_core::Error>(())
/// ```
///
/// # References
/// N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever, R. Salakhutdinov, *Dropout: a simple way
/// to prevent neural networks from overfitting*, 2014.
pub fn dropout(x: &Tensor, p: f64, rng: &Rng) -> Result<Tensor> {
    probability(x, p)?;
    if !kernels::fits(x) {
        return composed::dropout(x, p, rng);
    }
    on_floats!(x.dtype(), T => {
        let y = kernels::with::<T, _>(&x.contiguous()?, |x| kernel::drop(x, p, rng))?;
        let rng = rng.clone();
        tape::record(y, x.shape(), &[x], move |dy| {
            let dx = kernels::with::<T, _>(dy, |dy| kernel::drop(dy, p, &rng))?;
            Ok(vec![Some(kernels::tensor(dx, dy.shape())?)])
        })
    })
}
