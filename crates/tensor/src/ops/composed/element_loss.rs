//! Losses that are a mean over all elements, of candle's operations.

use candle_core::{DType, Result, Tensor};

use crate::ops::inputs::{binary, same};

/// See [`crate::binary_cross_entropy`].
///
/// # Errors
/// When the shapes differ.
pub fn binary_cross_entropy(logits: &Tensor, targets: &Tensor, pos_weight: Option<&Tensor>) -> Result<Tensor> {
    let c = binary(logits, targets, pos_weight)?;
    let (z, t) = (wide(logits)?, wide(targets)?);
    let weights =
        pos_weight.map_or_else(|| Tensor::ones(c, z.dtype(), z.device()), |weights| weights.to_dtype(z.dtype()))?;
    let share = (t.broadcast_mul(&(weights - 1.0)?)? + 1.0)?;
    // log(1 + e⁻ᶻ) = log(1 + e^-|z|) + max(-z, 0), with signs that are constants of the formula:
    // candle's gradients of |z| and max(-z, 0) are not those of the whole at 0.
    let sign = z.ge(0.0)?.to_dtype(z.dtype())?.affine(2.0, -1.0)?.detach();
    let negative = sign.affine(-0.5, 0.5)?;
    let log = ((&z * sign)?.neg()?.exp()? + 1.0)?.log()?;
    let softplus = (log - (&z * negative)?)?;
    (((1.0 - t)? * z)? + (share * softplus)?)?.mean_all()
}

/// See [`crate::l1_loss`].
///
/// # Errors
/// When the shapes differ.
pub fn l1_loss(predictions: &Tensor, targets: &Tensor) -> Result<Tensor> {
    same("l1_loss", predictions, targets)?;
    let d = (wide(predictions)? - wide(targets)?)?;
    let sign = d.detach().sign()?;
    (d * sign)?.mean_all()
}

/// See [`crate::mse_loss`].
///
/// # Errors
/// When the shapes differ.
pub fn mse_loss(predictions: &Tensor, targets: &Tensor) -> Result<Tensor> {
    same("mse_loss", predictions, targets)?;
    (wide(predictions)? - wide(targets)?)?.sqr()?.mean_all()
}

/// See [`crate::huber_loss`].
///
/// # Errors
/// When the shapes differ.
pub fn huber_loss(predictions: &Tensor, targets: &Tensor, delta: f64) -> Result<Tensor> {
    same("huber_loss", predictions, targets)?;
    let d = (wide(predictions)? - wide(targets)?)?;
    // The slope, which is a constant of the formula: near · (d - near/2) has it.
    let near = d.detach().clamp(-delta, delta)?;
    (&near * (d - (&near * 0.5)?)?)?.mean_all()
}

/// In float32 at least: sums in half precision lose the loss.
fn wide(x: &Tensor) -> Result<Tensor> {
    x.to_dtype(if x.dtype() == DType::F64 { DType::F64 } else { DType::F32 })
}
