//! Activations.

use candle_core::{Result, Tensor};

use crate::kernels::{self, elementwise, on_floats};
use crate::{composed, tape};

/// The rectifier: `y = max(x, 0)`, of any shape.
///
/// The gradient at 0 is 0, as in PyTorch (candle's `relu` says 1 there).
///
/// # Errors
/// Only when the device fails.
///
/// # References
/// V. Nair, G. Hinton, *Rectified linear units improve restricted Boltzmann machines*, 2010.
pub fn relu(x: &Tensor) -> Result<Tensor> {
    if !kernels::fits(x) {
        return composed::relu(x);
    }
    on_floats!(x.dtype(), T => {
        let y = kernels::with::<T, _>(&x.contiguous()?, |x| elementwise::map(x, |v| if v > 0.0 { v } else { 0.0 }))?;
        tape::record(y, x.shape(), &[x], |dy, y| Ok(vec![Some(rectified(dy, y)?)]))
    })
}

/// dy where the rectified output y is above zero, else zero.
pub(crate) fn rectified(dy: &Tensor, y: &Tensor) -> Result<Tensor> {
    on_floats!(y.dtype(), T => kernels::with2::<T, _>(y, dy, |y, g| {
        kernels::tensor(elementwise::map2(y, g, |y, g| if y > 0.0 { g } else { 0.0 }), dy.shape())
    })?)
}
