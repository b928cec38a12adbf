//! Activations of candle's operations.

use candle_core::{Result, Tensor};

use crate::Activation;
use crate::composed::{maxout, relu};
use crate::sizes::given;

/// See [`Activation::apply`].
///
/// # Errors
/// When the channels are no multiple of maxout's pieces, a copy of x is larger than memory, or the
/// device fails.
pub fn activation(kind: Activation, x: &Tensor) -> Result<Tensor> {
    given("activation", x)?;
    // By the hyperbolic tangent: the gradient of 1 / (1 + e^-x) is 0 · ∞ where the exponential
    // overflows.
    let sigmoid = |x: &Tensor| ((x * 0.5)?.tanh()? + 1.0)? * 0.5;
    let hard_sigmoid = |x: &Tensor| (relu(&(x + 3.0)?)? - relu(&(x - 3.0)?)?)? / 6.0;
    // What is at or below 0, else 0: its exponential cannot overflow.
    let below = |x: &Tensor| x - relu(x)?;
    match kind {
        Activation::Sigmoid => sigmoid(x),
        Activation::Tanh => x.tanh(),
        Activation::Relu => relu(x),
        Activation::LeakyRelu(a) => relu(x)? + (below(x)? * a)?,
        Activation::Elu(a) => relu(x)? + ((below(x)?.exp()? - 1.0)? * a)?,
        // Not candle's `gelu_erf`: the gradient of that has a constant of six digits.
        Activation::Gelu => x * (((x * std::f64::consts::FRAC_1_SQRT_2)?.erf()? + 1.0)? * 0.5)?,
        Activation::Silu => x * sigmoid(x)?,
        Activation::Relu6 => relu(x)? - relu(&(x - 6.0)?)?,
        Activation::HardSigmoid => hard_sigmoid(x),
        Activation::HardSwish => x * hard_sigmoid(x)?,
        Activation::Maxout(pieces) => maxout(x, pieces),
    }
}
