//! Softmax and attention of candle's operations.

use candle_core::{D, Result, Tensor};

use crate::sizes::given;

/// See [`crate::softmax`].
///
/// # Errors
/// When there is no axis.
pub fn softmax(x: &Tensor) -> Result<Tensor> {
    if given("softmax", x)? == 0 {
        return Ok(x.clone());
    }
    // The largest is the same number for all of a row: its gradient is 0.
    let powers = x.broadcast_sub(&x.detach().max_keepdim(D::Minus1)?)?.exp()?;
    powers.broadcast_div(&powers.sum_keepdim(D::Minus1)?)
}

/// See [`crate::attention`].
///
/// # Errors
/// When the shapes do not fit each other.
pub fn attention(q: &Tensor, k: &Tensor, v: &Tensor, heads: usize, scale: f64) -> Result<Tensor> {
    let ((n, queries, c), keys) = (q.dims3()?, k.dim(1)?);
    let split = |x: &Tensor, tokens: usize| x.reshape((n, tokens, heads, c / heads))?.transpose(1, 2)?.contiguous();
    let (q, k, v) = (split(q, queries)?, split(k, keys)?, split(v, keys)?);
    let weights = softmax(&(q.matmul(&k.t()?.contiguous()?)? * scale)?)?;
    weights.matmul(&v)?.transpose(1, 2)?.reshape((n, queries, c))
}
