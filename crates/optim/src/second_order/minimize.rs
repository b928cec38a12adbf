use std::ops::ControlFlow;

use candle_core::Var;

use crate::error::{OptimError, require};
use crate::second_order::objective::LossAndGradients;

/// A method that takes parameters to a minimum of a loss, from iteration to iteration on its own.
///
/// **For a full batch and a deterministic loss only.** These methods compare losses (is the next
/// point lower?) and gradients (how does the slope change along a step?). If another batch, a
/// dropout mask or a batch norm that moves its statistics comes between two evaluations, each
/// belongs to another function: the difference of two gradients is then mostly noise, and what
/// should be a curvature points anywhere. With batches, use an [`Optimizer`](crate::Optimizer).
/// What remains is what fits in one batch: a linear probe on stored features, a calibration, a
/// test function. Where the parameters start the loss is computed twice, and one that answers
/// differently the second time is refused.
///
/// All parameters together are one vector *x*, in the order of their names, and all sums over it
/// are taken in float64. Parameters of float32 are rounded at every point, and the method knows
/// the rounded values; their loss has only seven digits, so `tolerance_change` and
/// `tolerance_grad` want to be larger.
///
/// | | *p* from the gradient *g* | memory for *n* elements | worth it |
/// |---|---|---|---|
/// | [`Lbfgs`](crate::Lbfgs) | -*Hg*, *H* from the last *m* steps | 16*mn* bytes | at any size |
/// | [`Bfgs`](crate::Bfgs) | -*Hg*, *H* from all steps | 8*n*² bytes | up to a thousand elements or so |
/// | [`Newton`](crate::Newton) | -(∇²*f* + *μI*)⁻¹*g* | 24*n*² bytes | with few elements, or a cheap ∇²*f* |
///
/// Then a [`LineSearch`](crate::LineSearch) decides how far to go along *p*. The loss never rises
/// from one iteration to the next.
///
/// # Differs from PyTorch
/// `torch.optim.LBFGS` spreads its iterations over calls of `step`; here one call runs until
/// [`Stopping`] says so. There is no `lr`: a line search finds the length of the step.
///
/// # Examples
/// Every method draws the same kind of path:
/// ```
/// use std::ops::ControlFlow;
/// use candle_core::{Device, Var};
/// use taper_optim::{Bfgs, BfgsConfig, Lbfgs, LbfgsConfig, Minimizer};
///
/// let methods: [Box<dyn Minimizer>; 2] =
///     [Box::new(Lbfgs::new(LbfgsConfig::default())?), Box::new(Bfgs::new(BfgsConfig::default())?)];
/// for method in methods {
///     let x = Var::new(&[4f64, 2.0], &Device::Cpu)?;
///     let (params, mut path) = ([("x".to_owned(), x.clone())], vec![]);
///     let mut loss = || x.powf(4.0)?.sum_all().and_then(|loss| Ok((loss.clone(), loss.backward()?)));
///     method.minimize_observed(&params, &mut loss, &mut |iterate| {
///         path.push((iterate.x[0], iterate.x[1]));
///         ControlFlow::Continue(())
///     })?;
///     assert_eq!(path[0], (4.0, 2.0));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Minimizer {
    /// Moves the parameters to a minimum and leaves them at the best point found, even when an
    /// error ends the search.
    ///
    /// A trial at which the loss or a gradient is a NaN or an infinity is a step too long, and no
    /// error; it never becomes the point where the parameters stay.
    ///
    /// # Errors
    /// - [`OptimError::ListedTwice`], [`OptimError::SameVariable`], [`OptimError::NothingToTrain`],
    ///   [`OptimError::NotTrainable`] for parameters that an optimizer would refuse as well;
    /// - [`OptimError::NonFiniteLoss`], [`OptimError::NonFiniteGradient`] when the loss or a
    ///   gradient is not finite where the parameters start;
    /// - [`OptimError::NotDeterministic`] when the loss or a gradient, computed twice where the
    ///   parameters start, differs in any bit;
    /// - [`OptimError::NotScalar`] when the loss has more than one element;
    /// - [`OptimError::MissingGradient`], [`OptimError::Mismatch`] when a gradient is absent or of
    ///   another shape or type than its parameter;
    /// - [`OptimError::Tensor`] when a tensor operation fails, those of the closure included.
    fn minimize(&self, params: &[(String, Var)], closure: &mut LossAndGradients<'_>) -> Result<Outcome, OptimError> {
        self.minimize_observed(params, closure, &mut |_| ControlFlow::Continue(()))
    }

    /// [`Minimizer::minimize`] that shows each point to an observer, the start and the end
    /// included. The parameters are there at that moment, and stay there when it breaks.
    ///
    /// # Errors
    /// As [`Minimizer::minimize`].
    fn minimize_observed(
        &self,
        params: &[(String, Var)],
        closure: &mut LossAndGradients<'_>,
        observer: &mut Observer<'_>,
    ) -> Result<Outcome, OptimError>;
}

/// Looks at every point of the path, and may end it there.
pub type Observer<'a> = dyn FnMut(&Iterate<'_>) -> ControlFlow<()> + 'a;

/// A point of the path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Iterate<'a> {
    /// How many iterations led here, 0 at the start.
    pub iteration: u64,
    /// At how many points the loss has been computed so far.
    pub evaluations: u64,
    /// The loss here.
    pub loss: f64,
    /// ‖*g*‖∞: the greatest absolute element of the gradient here.
    pub gradient_norm: f64,
    /// *t*: how much of the direction the last step took, 0 at the start.
    pub step: f64,
    /// *x*: the parameters in the order of their names, each in row order.
    pub x: &'a [f64],
}

/// How a minimization ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// The loss at the end.
    pub loss: f64,
    /// ‖*g*‖∞ at the end: the greatest absolute element of the gradient.
    pub gradient_norm: f64,
    /// How many steps were made.
    pub iterations: u64,
    /// At how many points the loss was computed. The closure is called once for each, and at the
    /// start once more, to see that it answers the same.
    pub evaluations: u64,
    /// Why there was no further step.
    pub stopped: Reason,
}

/// Why a minimization ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No element of the gradient exceeds `tolerance_grad`: a stationary point.
    GradientTolerance,
    /// The last step changed the loss, or every parameter, by no more than `tolerance_change`.
    ChangeTolerance,
    /// `max_iterations` steps were made.
    MaxIterations,
    /// The loss was computed at `max_evaluations` points.
    MaxEvaluations,
    /// No trial fell enough, not even along the gradient. Near a minimum that is the end of the
    /// loss's precision; elsewhere the gradients do not belong to the loss, or the loss is noisy.
    NoDecrease,
    /// The observer asked for it.
    Observer,
}

/// When to stop. The tolerances are PyTorch's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stopping {
    /// The greatest absolute element of the gradient at which a point counts as stationary; 0 or
    /// more. Default 1e-7.
    pub tolerance_grad: f64,
    /// A step that changes the loss by no more than this, or no parameter by more, is the last one;
    /// 0 or more. Default 1e-9.
    pub tolerance_change: f64,
    /// The most steps, at least 1. Default 200; PyTorch's is 20 in each call of `step`.
    pub max_iterations: u64,
    /// At how many points the loss may be computed, at least one; a Hessian by differences, once
    /// begun, is finished. Default without limit, PyTorch's is 1.25 · `max_iter`; a line search
    /// ends after 25 evaluations anyway.
    pub max_evaluations: Option<u64>,
}

impl Default for Stopping {
    fn default() -> Self {
        Self { tolerance_grad: 1e-7, tolerance_change: 1e-9, max_iterations: 200, max_evaluations: None }
    }
}

impl Stopping {
    /// Refuses settings out of range.
    pub(crate) fn check(self) -> Result<(), OptimError> {
        let tolerances = [("tolerance_grad", self.tolerance_grad), ("tolerance_change", self.tolerance_change)];
        for (field, tolerance) in tolerances {
            require(tolerance.is_finite() && tolerance >= 0.0, field, "finite and not negative", tolerance)?;
        }
        require(self.max_iterations > 0, "max_iterations", "at least 1", 0.0)?;
        require(self.max_evaluations != Some(0), "max_evaluations", "at least 1", 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let said = |stopping: Stopping| stopping.check().unwrap_err().to_string();
        let plain = Stopping::default();
        for got in [-1e-9, f64::NAN, f64::INFINITY] {
            let wanted = format!("must be finite and not negative, got {got}");
            assert_eq!(said(Stopping { tolerance_grad: got, ..plain }), format!("tolerance_grad {wanted}"));
            assert_eq!(said(Stopping { tolerance_change: got, ..plain }), format!("tolerance_change {wanted}"));
        }
        assert_eq!(said(Stopping { max_iterations: 0, ..plain }), "max_iterations must be at least 1, got 0");
        assert_eq!(said(Stopping { max_evaluations: Some(0), ..plain }), "max_evaluations must be at least 1, got 0");
        assert!(Stopping { tolerance_grad: 0.0, tolerance_change: 0.0, ..plain }.check().is_ok());
    }
}
