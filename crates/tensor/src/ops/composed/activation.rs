//! Activations of candle's operations.

use candle_core::{Result, Tensor};

use super::axis::{greatest, nothing};
use crate::pointwise::Pointwise;
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

/// See [`crate::activate`].
///
/// # Errors
/// When a copy of x is larger than memory, or the device fails.
pub fn activate(x: &Tensor, function: Pointwise) -> Result<Tensor> {
    given("activate", x)?;
    // By the hyperbolic tangent: the gradient of 1 / (1 + e^-x) is 0 · ∞ where the exponential
    // overflows.
    let sigmoid = |x: &Tensor| ((x * 0.5)?.tanh()? + 1.0)? * 0.5;
    let hard_sigmoid = |x: &Tensor| (relu(&(x + 3.0)?)? - relu(&(x - 3.0)?)?)? / 6.0;
    match function {
        Pointwise::Sigmoid => sigmoid(x),
        Pointwise::Silu => x * sigmoid(x)?,
        // Not candle's `gelu_erf`: the gradient of that has a constant of six digits.
        Pointwise::Gelu => x * (((x * std::f64::consts::FRAC_1_SQRT_2)?.erf()? + 1.0)? * 0.5)?,
        Pointwise::Relu6 => relu(x)? - relu(&(x - 6.0)?)?,
        Pointwise::HardSigmoid => hard_sigmoid(x),
        Pointwise::HardSwish => x * hard_sigmoid(x)?,
    }
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
