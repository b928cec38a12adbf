//! From the formula for an element to an [`UpdateRule`](crate::UpdateRule).

use std::cell::Cell;

use candle_core::{Result, Tensor, Var};

use crate::engine::number::Number;
use crate::engine::part::Formula;
use crate::engine::{fused, whole};
use crate::rule::{Step, if_finite, scaled};

/// A rule that treats every element alike. [`elementwise!`] makes an
/// [`UpdateRule`](crate::UpdateRule) of it.
pub(crate) trait Elementwise {
    /// The names of the slots.
    fn names(&self) -> &'static [&'static str];

    /// Whether the rule follows [`Step::momentum`].
    fn follows_momentum(&self) -> bool {
        false
    }

    /// Makes the formula of the step and hands it to [`Tensors::each`].
    fn run(&self, tensors: &Tensors<'_>, step: Step) -> Result<()>;

    /// [`UpdateRule::update_finite`](crate::UpdateRule::update_finite).
    fn run_finite(&self, theta: &Var, grad: &Tensor, slots: &[Var], step: Step) -> Result<f64> {
        let squares = Cell::new(0.0);
        self.run(&Tensors { theta, grad, slots, factor: 1.0, squares: Some(&squares) }, step)?;
        Ok(squares.get())
    }
}

/// The tensors of an update.
#[derive(Clone, Copy)]
pub(crate) struct Tensors<'a> {
    theta: &'a Var,
    grad: &'a Tensor,
    slots: &'a [Var],
    /// How many times the gradient counts.
    factor: f64,
    /// Where the sum of the gradient's squares goes, when it is to be checked.
    squares: Option<&'a Cell<f64>>,
}

impl<'a> Tensors<'a> {
    pub(crate) fn new(theta: &'a Var, grad: &'a Tensor, factor: f64, slots: &'a [Var]) -> Self {
        Self { theta, grad, slots, factor, squares: None }
    }

    /// Applies the formula to each element: in one pass over memory where that can be done, and
    /// composed of candle's operations elsewhere.
    pub(crate) fn each<const N: usize>(&self, formula: impl Formula<N>) -> Result<()> {
        let &Self { theta, grad, slots, factor, squares } = self;
        let one_pass = Scaled { formula, factor };
        let composed = || whole::update(formula, theta, &scaled(grad, factor)?, slots);
        let Some(squares) = squares else {
            return if fused::update(one_pass, theta, grad, slots)? { Ok(()) } else { composed() };
        };
        let sum = fused::update_finite(one_pass, theta, grad, slots)?;
        squares.set(sum.map_or_else(|| if_finite(grad, composed), Ok)?);
        Ok(())
    }
}

/// A formula whose gradient counts `factor` times.
#[derive(Clone, Copy)]
struct Scaled<F> {
    formula: F,
    factor: f64,
}

impl<F: Formula<N>, const N: usize> Formula<N> for Scaled<F> {
    #[inline]
    fn apply<T: Number>(self, theta: T, grad: T, slots: [T; N]) -> (T, [T; N]) {
        self.formula.apply(theta, grad * self.factor, slots)
    }
}

/// Implements [`UpdateRule`](crate::UpdateRule) for an [`Elementwise`] rule.
macro_rules! elementwise {
    ($rule:ty) => {
        impl $crate::UpdateRule for $rule {
            fn slots(&self) -> &[&'static str] {
                self.names()
            }

            fn has_momentum(&self) -> bool {
                self.follows_momentum()
            }

            fn update(&self, theta: &Var, grad: &Tensor, slots: &[Var], step: Step) -> Result<()> {
                self.run(&Tensors::new(theta, grad, 1.0, slots), step)
            }

            fn update_scaled(&self, theta: &Var, grad: &Tensor, factor: f64, slots: &[Var], step: Step) -> Result<()> {
                self.run(&Tensors::new(theta, grad, factor, slots), step)
            }

            fn update_finite(&self, theta: &Var, grad: &Tensor, slots: &[Var], step: Step) -> Result<f64> {
                self.run_finite(theta, grad, slots, step)
            }
        }
    };
}

pub(crate) use elementwise;
