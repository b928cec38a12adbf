//! Losses of candle's operations.

use candle_core::{D, DType, Result, Tensor};

use super::axis::nothing;
use crate::ops::inputs::classes;
use crate::sizes::given;

/// See [`crate::log_softmax`].
///
/// # Errors
/// When the device fails.
pub fn log_softmax(logits: &Tensor) -> Result<Tensor> {
    if given("log_softmax", logits)? == 0 {
        return nothing(&[logits], logits.dims());
    }
    // The maximum is a constant of the formula: detached, it adds nothing to the gradient.
    let shifted = logits.broadcast_sub(&logits.max_keepdim(D::Minus1)?.detach())?;
    shifted.broadcast_sub(&shifted.exp()?.sum_keepdim(D::Minus1)?.log()?)
}

/// See [`crate::cross_entropy`].
///
/// # Errors
/// When the shapes differ.
pub fn cross_entropy(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    classes(logits, targets)?;
    // Half-precision sums of exponentials lose the loss; they are taken in float32.
    let wide = if logits.dtype() == DType::F64 { DType::F64 } else { DType::F32 };
    let log_p = log_softmax(&logits.to_dtype(wide)?)?;
    (targets.to_dtype(wide)? * log_p)?.sum(D::Minus1)?.mean_all()?.neg()
}
