//! Activations of candle's operations.

use candle_core::{Result, Tensor};

use super::axis::{greatest, nothing};
use crate::sizes::given;

/// See [`crate::relu`].
///
/// # Errors
/// When a copy of x is larger than memory, or the device fails.
pub fn relu(x: &Tensor) -> Result<Tensor> {
    given("relu", x)?;
    // candle's relu has the gradient 1 at 0; a mask has 0 there.
    x * x.gt(0.0)?.to_dtype(x.dtype())?
}

/// See [`crate::add_relu`].
///
/// # Errors
/// When the shapes differ, or a copy of a term is larger than memory.
pub fn add_relu(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    given("add_relu", a)?;
    given("add_relu", b)?;
    relu(&(a + b)?)
}

/// See [`crate::maxout`].
///
/// # Errors
/// When the channels are no multiple of the pieces, a copy of x is larger than memory, or the
/// device fails.
pub fn maxout(x: &Tensor, pieces: usize) -> Result<Tensor> {
    given("maxout", x)?;
    let mut shape = x.dims().to_vec();
    let channels = shape.pop().unwrap_or(0);
    shape.extend([channels / pieces.max(1), pieces]);
    if x.elem_count() == 0 && pieces > 0 {
        shape.pop();
        return nothing(&[x], &shape);
    }
    let axis = shape.len() - 1;
    greatest(&x.reshape(shape)?, axis)?.squeeze(axis)
}
