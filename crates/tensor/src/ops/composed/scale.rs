//! Factors for channels of candle's operations.

use candle_core::{Result, Tensor};

use super::axis::nothing;
use crate::sizes::given;

/// See [`crate::scale_channels`].
///
/// # Errors
/// When the shapes do not fit each other.
pub fn scale_channels(x: &Tensor, factors: &Tensor) -> Result<Tensor> {
    given("scale_channels", x)?;
    if x.elem_count() == 0 {
        return nothing(&[x, factors], x.dims());
    }
    let (n, c) = factors.dims2()?;
    x.broadcast_mul(&factors.reshape((n, 1, 1, c))?)
}
