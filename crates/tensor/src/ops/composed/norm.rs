//! Normalization of candle's operations.

use candle_core::{D, Result, Tensor};

use super::axis::nothing;
use crate::sizes::given;

/// See [`crate::layer_norm`].
///
/// # Errors
/// When the shapes do not fit each other.
pub fn layer_norm(x: &Tensor, weight: &Tensor, bias: &Tensor, eps: f64) -> Result<Tensor> {
    given("layer_norm", x)?;
    if x.elem_count() == 0 {
        return nothing(&[x, weight, bias], x.dims());
    }
    standardized(x, eps)?.broadcast_mul(weight)?.broadcast_add(bias)
}

/// See [`crate::rms_norm`].
///
/// # Errors
/// When the shapes do not fit each other.
pub fn rms_norm(x: &Tensor, weight: &Tensor, eps: f64) -> Result<Tensor> {
    given("rms_norm", x)?;
    if x.elem_count() == 0 {
        return nothing(&[x, weight], x.dims());
    }
    let mean = x.sqr()?.mean_keepdim(D::Minus1)?;
    x.broadcast_div(&(mean + eps)?.sqrt()?)?.broadcast_mul(weight)
}

/// The last axis with mean 0 and variance 1.
pub(crate) fn standardized(x: &Tensor, eps: f64) -> Result<Tensor> {
    let centered = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
    let variance = centered.sqr()?.mean_keepdim(D::Minus1)?;
    centered.broadcast_div(&(variance + eps)?.sqrt()?)
}
