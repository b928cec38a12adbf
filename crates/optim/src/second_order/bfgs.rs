use candle_core::Var;

use crate::engine::vector::{add_scaled, curvature_along, dot, negated};
use crate::error::OptimError;
use crate::second_order::descent::{Curvature, Task, cautious, descend};
use crate::second_order::line_search::LineSearch;
use crate::second_order::minimize::{Minimizer, Observer, Outcome, Stopping};
use crate::second_order::objective::{LossAndGradients, Objective, Point};

/// The settings of [`Bfgs`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BfgsConfig {
    /// How far to go along a direction. Default strong Wolfe.
    pub line_search: LineSearch,
    /// When to stop.
    pub stopping: Stopping,
}

impl Default for BfgsConfig {
    fn default() -> Self {
        Self { line_search: LineSearch::STRONG_WOLFE, stopping: Stopping::default() }
    }
}

/// BFGS: a quasi-Newton method that builds the inverse Hessian from all its steps.
///
/// ```text
/// p = -Hg
/// H ← (I - syᵀ/s·y) H (I - ysᵀ/s·y) + ssᵀ/s·y
/// ```
///
/// with *s* the last step and *y* the change of the gradient along it. *H* begins as the identity,
/// and is scaled by *s*·*y* / *y*·*y* before the first update. It is a dense matrix of float64: 8
/// bytes and a few operations per iteration for every pair of elements, which is for small
/// problems. [`Lbfgs`](crate::Lbfgs) does nearly as well without it.
///
/// **Full batch and deterministic only**: see [`Minimizer`].
///
/// # Examples
/// ```
/// use candle_core::{Device, Var};
/// use taper_optim::{Bfgs, BfgsConfig, Minimizer};
///
/// let x = Var::new(&[3f64, -4.0], &Device::Cpu)?;
/// let outcome = Bfgs::new(BfgsConfig::default())?.minimize(&[("x".to_owned(), x.clone())], &mut || {
///     let loss = (x.exp()? - x.as_tensor())?.sum_all()?;
///     let grads = loss.backward()?;
///     Ok((loss, grads))
/// })?;
/// assert!((outcome.loss - 2.0).abs() < 1e-12);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// - C. G. Broyden, *The convergence of a class of double-rank minimization algorithms*, 1970.
/// - J. Nocedal, S. J. Wright, *Numerical Optimization*, 2006, chapter 6.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bfgs {
    config: BfgsConfig,
}

impl Bfgs {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when a field of `line_search` or `stopping` is out of range.
    pub fn new(config: BfgsConfig) -> Result<Self, OptimError> {
        config.line_search.check()?;
        config.stopping.check()?;
        Ok(Self { config })
    }
}

impl Minimizer for Bfgs {
    fn minimize_observed(
        &self,
        params: &[(String, Var)],
        closure: &mut LossAndGradients<'_>,
        observer: &mut Observer<'_>,
    ) -> Result<Outcome, OptimError> {
        let BfgsConfig { line_search, stopping } = self.config;
        descend(&mut Inverse::default(), line_search, stopping, Task { params, closure, observer })
    }
}

/// *H* row by row; empty before the first step, where it is the identity.
#[derive(Default)]
struct Inverse(Vec<f64>);

impl Inverse {
    /// *Hv*.
    fn times(&self, v: &[f64]) -> Vec<f64> {
        if self.0.is_empty() { v.to_vec() } else { self.0.chunks(v.len()).map(|row| dot(row, v)).collect() }
    }

    fn scaled_identity(scale: f64, n: usize) -> Self {
        let mut matrix = vec![0.0; n * n];
        matrix.iter_mut().step_by(n + 1).for_each(|diagonal| *diagonal = scale);
        Self(matrix)
    }
}

impl Curvature for Inverse {
    fn direction(&mut self, point: &Point, _: &mut Objective<'_>) -> Result<Vec<f64>, OptimError> {
        Ok(negated(&self.times(&point.gradient)))
    }

    fn first_trial(&self, gradient: &[f64]) -> f64 {
        if self.0.is_empty() { cautious(gradient) } else { 1.0 }
    }

    fn learn(&mut self, s: &[f64], y: &[f64]) {
        let Some(product) = curvature_along(s, y) else {
            return;
        };
        if self.0.is_empty() {
            *self = Self::scaled_identity(product / dot(y, y), s.len());
        }
        // Multiplied out: H + ((1 + y·Hy/s·y)ssᵀ - s(Hy)ᵀ - (Hy)sᵀ) / s·y, one row at a time.
        let hy = self.times(y);
        let along = (1.0 + dot(y, &hy) / product) / product;
        for (row, (s_i, hy_i)) in self.0.chunks_mut(s.len()).zip(s.iter().zip(&hy)) {
            add_scaled(row, along * s_i - hy_i / product, s);
            add_scaled(row, -s_i / product, &hy);
        }
    }

    fn forget(&mut self) -> bool {
        let knew = !self.0.is_empty();
        self.0.clear();
        knew
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let stopping = Stopping { max_iterations: 0, ..Stopping::default() };
        let said = Bfgs::new(BfgsConfig { stopping, ..BfgsConfig::default() }).unwrap_err().to_string();
        assert!(said.starts_with("max_iterations"), "{said}");
    }

    #[test]
    fn one_update_by_hand() {
        let mut inverse = Inverse::default();
        assert_eq!(inverse.times(&[1.0, -2.0]), [1.0, -2.0]);
        inverse.learn(&[1.0, 0.0], &[2.0, 1.0]);
        // γ = 2/5 and s·y = 2: the second factor takes (0, 1) to itself, the first to (-0.2, 0.4).
        let close = |got: Vec<f64>, wanted: [f64; 2]| {
            assert!(got.iter().zip(wanted).all(|(got, wanted)| (got - wanted).abs() < 1e-15), "{got:?}");
        };
        close(inverse.times(&[0.0, 1.0]), [-0.2, 0.4]);
        close(inverse.times(&[2.0, 1.0]), [1.0, 0.0]); // the secant equation
    }

    #[test]
    fn two_conjugate_steps_on_a_quadratic_give_its_inverse() {
        // A = (2 1; 1 3), whose inverse is (3 -1; -1 2)/5; s₂ is conjugate to s₁.
        let mut inverse = Inverse::default();
        inverse.learn(&[1.0, 0.0], &[2.0, 1.0]);
        inverse.learn(&[-1.0, 2.0], &[0.0, 5.0]);
        for (got, wanted) in inverse.0.iter().zip([0.6, -0.2, -0.2, 0.4]) {
            assert!((got - wanted).abs() < 1e-15, "{:?}", inverse.0);
        }
        inverse.learn(&[1.0, 0.0], &[-1.0, 0.0]);
        assert!((inverse.0[0] - 0.6).abs() < 1e-15, "a step without upward curvature changes nothing");
        assert!(inverse.forget() && !inverse.forget());
    }
}
