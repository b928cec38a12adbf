//! Losses that are the mean over all elements: of several labels a picture, and of numbers.

use candle_core::{DType, Result, Tensor, bail};

use super::composed;
use super::inputs::{binary, same};
use crate::autograd::tape;
use crate::kernels::elementwise::losses::{self as kernel, ElementLoss};
use crate::kernels::{self, on_floats};

/// Binary cross-entropy between target probabilities and the sigmoid of logits, the mean over all
/// elements:
///
/// ```text
/// L = -1/(N C) Σ_n Σ_c p[c] t[n,c] log σ(z[n,c]) + (1 - t[n,c]) log (1 - σ(z[n,c]))
/// ```
///
/// with *p* = `pos_weight`, all 1 where there is none. Finite for any finite logits. It is
/// PyTorch's `binary_cross_entropy_with_logits`.
///
/// # Shapes
/// logits (N,C), targets (N,C), pos_weight (C) to a scalar. There is no gradient for pos_weight.
///
/// # Errors
/// When the shapes differ or are empty.
///
/// # Examples
/// ```
/// use candle_core::{Device, Tensor};
/// let logits = Tensor::new(&[[0f32, 200.0]], &Device::Cpu)?;
/// let target = Tensor::new(&[[1f32, 1.0]], &Device::Cpu)?;
/// let loss = taper_tensor::binary_cross_entropy(&logits, &target, None)?.to_scalar::<f32>()?;
/// assert!((loss - 2f32.ln() / 2.0).abs() < 1e-6);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn binary_cross_entropy(logits: &Tensor, targets: &Tensor, pos_weight: Option<&Tensor>) -> Result<Tensor> {
    let c = binary(logits, targets, pos_weight)?;
    if !kernels::fits(logits) {
        return composed::binary_cross_entropy(logits, targets, pos_weight);
    }
    let weights = pos_weight.map(|weights| weights.to_dtype(DType::F64)?.to_vec1()).transpose()?;
    mean(ElementLoss::BinaryCrossEntropy(weights.unwrap_or_default()), logits, targets, c)
}

/// The mean of `|y - t|` over all elements. The gradient of an element that is its target is 0.
///
/// # Shapes
/// Two of one shape to a scalar.
///
/// # Errors
/// When the shapes differ or are empty.
pub fn l1_loss(predictions: &Tensor, targets: &Tensor) -> Result<Tensor> {
    same("l1_loss", predictions, targets)?;
    if !kernels::fits(predictions) {
        return composed::l1_loss(predictions, targets);
    }
    mean(ElementLoss::L1, predictions, targets, 1)
}

/// The mean of `(y - t)²` over all elements.
///
/// # Shapes
/// Two of one shape to a scalar.
///
/// # Errors
/// When the shapes differ or are empty.
pub fn mse_loss(predictions: &Tensor, targets: &Tensor) -> Result<Tensor> {
    same("mse_loss", predictions, targets)?;
    if !kernels::fits(predictions) {
        return composed::mse_loss(predictions, targets);
    }
    mean(ElementLoss::Mse, predictions, targets, 1)
}

/// The mean over all elements of `d²/2` where the distance `d = |y - t|` is at most `delta`, of
/// `delta (d - delta/2)` beyond: a square whose gradient stops growing.
///
/// # Shapes
/// Two of one shape to a scalar.
///
/// # Errors
/// When the shapes differ or are empty, or `delta` is not positive.
///
/// # Examples
/// ```
/// use candle_core::{Device, Tensor};
/// let y = Tensor::new(&[0.5f64, 3.0], &Device::Cpu)?;
/// let t = y.zeros_like()?;
/// let loss = taper_tensor::huber_loss(&y, &t, 1.0)?.to_scalar::<f64>()?;
/// assert!((loss - (0.125 + 2.5) / 2.0).abs() < 1e-12);
/// # Ok::<(), candle_core::Error>(())
/// ```
///
/// # References
/// P. Huber, *Robust Estimation of a Location Parameter*, 1964.
pub fn huber_loss(predictions: &Tensor, targets: &Tensor, delta: f64) -> Result<Tensor> {
    same("huber_loss", predictions, targets)?;
    if !(delta > 0.0 && delta.is_finite()) {
        bail!("huber_loss: delta must be a positive number; got {delta}");
    }
    if !kernels::fits(predictions) {
        return composed::huber_loss(predictions, targets, delta);
    }
    mean(ElementLoss::Huber(delta), predictions, targets, 1)
}

/// The mean of a loss over the elements of matrices of c columns.
fn mean(loss: ElementLoss, y: &Tensor, targets: &Tensor, c: usize) -> Result<Tensor> {
    let (dtype, tracked) = (y.dtype(), targets.track_op());
    on_floats!(dtype, T => {
        let (z, t) = (y.contiguous()?.detach(), targets.contiguous()?.detach());
        let value = kernels::with2::<T, T, _>(&z, &t, |z, t| kernel::mean(&loss, z, t, c))?;
        tape::record(vec![value], (), &[y, targets], move |dy| {
            let scale = dy.to_scalar::<T>()?;
            let (dz, dt) = kernels::with2::<T, T, _>(&z, &t, |z, t| kernel::mean_backward(&loss, z, t, c, scale))?;
            let dt = tracked.then(|| kernels::tensor(dt, t.shape())).transpose()?;
            Ok(vec![Some(kernels::tensor(dz, z.shape())?), dt])
        })
    })
}
