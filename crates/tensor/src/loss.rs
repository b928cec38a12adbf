//! Losses.

use candle_core::{CpuStorage, CustomOp2, D, Layout, Result, Shape, Tensor, bail};

use crate::composed;
use crate::kernels::{self, on_floats, softmax as kernel};

/// Cross-entropy between target probabilities and the softmax of logits, the mean over the batch:
/// `L = -1/N Σ_n Σ_c t[n,c] · log softmax(z[n])[c]`.
///
/// Finite for any finite logits. The gradient is `(softmax(z) · Σ_c t - t) / N`.
///
/// # Shapes
/// logits (N,C), targets (N,C) to a scalar.
///
/// # Errors
/// When the shapes differ or are empty.
///
/// # Differs from PyTorch
/// Targets are always probabilities; a label is a one-hot row.
///
/// # Examples
/// ```
/// use candle_core::{Device, Tensor};
/// let logits = Tensor::new(&[[0f32, 0.0]], &Device::Cpu)?;
/// let target = Tensor::new(&[[1f32, 0.0]], &Device::Cpu)?;
/// let loss = taper_tensor::cross_entropy(&logits, &target)?.to_scalar::<f32>()?;
/// assert!((loss - 2f32.ln()).abs() < 1e-6);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn cross_entropy(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    let (n, c) = logits.dims2()?;
    if targets.dims() != [n, c] || n * c == 0 {
        bail!(
            "cross_entropy: logits and targets must have one shape (N,C), not empty; got {:?} and {:?}",
            logits.dims(),
            targets.dims()
        );
    }
    if !kernels::fits(logits) {
        return composed::cross_entropy(logits, targets);
    }
    logits.contiguous()?.apply_op2(&targets.contiguous()?, CrossEntropy { classes: c })
}

/// `z - log Σ exp(z)` along the last axis: the logarithm of the class probabilities.
///
/// # Errors
/// When the device fails.
pub fn log_softmax(logits: &Tensor) -> Result<Tensor> {
    // The maximum is a constant of the formula: detached, it adds nothing to the gradient.
    let shifted = logits.broadcast_sub(&logits.max_keepdim(D::Minus1)?.detach())?;
    shifted.broadcast_sub(&shifted.exp()?.sum_keepdim(D::Minus1)?.log()?)
}

struct CrossEntropy {
    classes: usize,
}

impl CustomOp2 for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn cpu_fwd(&self, z: &CpuStorage, zl: &Layout, t: &CpuStorage, tl: &Layout) -> Result<(CpuStorage, Shape)> {
        let loss = on_floats!(kernels::dtype(z), T => {
            let (z, t) = (kernels::slice::<T>(z, zl)?, kernels::slice::<T>(t, tl)?);
            kernels::store(vec![kernel::cross_entropy(z, t, self.classes)])
        });
        Ok((loss, Shape::from(())))
    }

    fn bwd(&self, z: &Tensor, t: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        on_floats!(z.dtype(), T => {
            let scale = grad.to_scalar::<T>()?;
            let (dz, dt) = kernels::with2::<T, _>(z, t, |z, t| {
                kernel::cross_entropy_backward(z, t, self.classes, scale)
            })?;
            let dt = t.track_op().then(|| kernels::tensor(dt, t.shape())).transpose()?;
            Ok((Some(kernels::tensor(dz, z.shape())?), dt))
        })
    }
}
