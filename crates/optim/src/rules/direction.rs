//! For rules that must know a direction as a whole before they walk along it.

use candle_core::{Result, Tensor, Var};

use crate::engine::elementwise::Tensors;
use crate::engine::number::Number;
use crate::engine::part::Formula;
use crate::engine::squares::sum_of_squares;

/// What a formula makes of *θ*, which stays as it is while the slots change.
pub(crate) fn direction<const N: usize>(
    theta: &Var,
    grad: &Tensor,
    factor: f64,
    slots: &[Var],
    formula: impl Formula<N>,
) -> Result<Tensor> {
    // What is made a variable is copied.
    let direction = Var::from_tensor(&theta.as_detached_tensor())?;
    Tensors::new(&direction, grad, factor, slots).each(formula)?;
    Ok(direction.as_detached_tensor())
}

/// *θ* ← `kept`·*θ* - `rate`·*d* for the direction *d*.
pub(crate) fn descend(theta: &Var, direction: &Tensor, kept: f64, rate: f64) -> Result<()> {
    Tensors::new(theta, direction, 1.0, &[]).each(Descent { kept, rate })
}

/// The Euclidean norm of all elements.
pub(crate) fn norm(tensor: &Tensor) -> Result<f64> {
    Ok(sum_of_squares(&tensor.detach())?.sqrt())
}

#[derive(Clone, Copy)]
struct Descent {
    kept: f64,
    rate: f64,
}

impl Formula<0> for Descent {
    #[inline]
    fn apply<T: Number>(self, theta: T, direction: T, []: [T; 0]) -> (T, [T; 0]) {
        (theta * self.kept - direction * self.rate, [])
    }
}
