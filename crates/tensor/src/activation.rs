//! Activations.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use crate::composed;
use crate::kernels::{self, elementwise, on_floats};

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
    if kernels::fits(x) { x.contiguous()?.apply_op1(Relu) } else { composed::relu(x) }
}

struct Relu;

impl CustomOp1 for Relu {
    fn name(&self) -> &'static str {
        "relu"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let out = on_floats!(kernels::dtype(storage), T => {
            let x = kernels::slice::<T>(storage, layout)?;
            kernels::store(elementwise::map(x, |v| if v > 0.0 { v } else { 0.0 }))
        });
        Ok((out, layout.shape().clone()))
    }

    fn bwd(&self, _: &Tensor, y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let (y, grad) = (y.detach(), grad.contiguous()?);
        let out = on_floats!(y.dtype(), T => kernels::with2::<T, _>(&y, &grad, |y, g| {
            kernels::tensor(elementwise::map2(y, g, |y, g| if y > 0.0 { g } else { 0.0 }), grad.shape())
        })??);
        Ok(Some(out))
    }
}
