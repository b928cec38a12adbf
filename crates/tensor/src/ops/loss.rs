//! Losses, and the softmax that they are of.

use candle_core::{D, Result, Tensor};

use super::composed;
use super::inputs::classes;
use crate::autograd::tape;
use crate::kernels::elementwise::softmax as kernel;
use crate::kernels::simd::Real;
use crate::kernels::{self, on_floats};
use crate::sizes::given;

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
    let c = classes(logits, targets)?;
    if !kernels::fits(logits) {
        return composed::cross_entropy(logits, targets);
    }
    on_floats!(logits.dtype(), T => {
        let (z, t) = (logits.contiguous()?.detach(), targets.contiguous()?.detach());
        let loss = kernels::with2::<T, T, _>(&z, &t, |z, t| kernel::cross_entropy(z, t, c))?;
        let tracked = targets.track_op();
        tape::record(vec![loss], (), &[logits, targets], move |dy| {
            let scale = dy.to_scalar::<T>()?;
            let (dz, dt) = kernels::with2::<T, T, _>(&z, &t, |z, t| kernel::cross_entropy_backward(z, t, c, scale))?;
            let dt = tracked.then(|| kernels::tensor(dt, t.shape())).transpose()?;
            Ok(vec![Some(kernels::tensor(dz, z.shape())?), dt])
        })
    })
}

/// `z - log Σ exp(z)` along the last axis: the logarithm of the class probabilities.
///
/// # Shapes
/// (..,C) to the same.
///
/// # Errors
/// When there is no axis.
pub fn log_softmax(logits: &Tensor) -> Result<Tensor> {
    let c = logits.dim(D::Minus1)?;
    if given("log_softmax", logits)? == 0 || !kernels::fits(logits) {
        return composed::log_softmax(logits);
    }
    on_floats!(logits.dtype(), T => by_row::<T>(logits, c, kernel::log_softmax, kernel::log_softmax_backward))
}

/// `exp(x) / Σ exp(x)` along the last axis, finite for any finite x.
///
/// # Shapes
/// (..,C) to the same.
///
/// # Errors
/// When there is no axis.
///
/// # Examples
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[[0f64, 3f64.ln()]], &Device::Cpu)?;
/// let y = taper_tensor::softmax(&x)?.to_vec2::<f64>()?;
/// assert!((y[0][0] - 0.25).abs() < 1e-15 && (y[0][1] - 0.75).abs() < 1e-15);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn softmax(x: &Tensor) -> Result<Tensor> {
    let c = x.dim(D::Minus1)?;
    if given("softmax", x)? == 0 || !kernels::fits(x) {
        return composed::softmax(x);
    }
    on_floats!(x.dtype(), T => by_row::<T>(x, c, kernel::softmax, kernel::softmax_backward))
}

/// A function of each row of c elements, whose gradient follows from the result and its own.
fn by_row<T: Real>(
    x: &Tensor,
    c: usize,
    forward: fn(&[T], usize) -> Vec<T>,
    backward: fn(&[T], &[T], usize) -> Vec<T>,
) -> Result<Tensor> {
    let y = kernels::with::<T, _>(&x.contiguous()?, |x| forward(x, c))?;
    tape::record_with_output(y, x.shape(), &[x], move |dy, y| {
        let dx = kernels::with2::<T, T, _>(&dy.sum()?.tensor, y, |dy, y| backward(dy, y, c))?;
        Ok(vec![Some(kernels::tensor(dx, y.shape())?)])
    })
}
