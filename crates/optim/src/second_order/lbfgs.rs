use std::collections::VecDeque;

use candle_core::Var;

use crate::engine::vector::{add_scaled, curvature_along, dot, negated};
use crate::error::{OptimError, require};
use crate::second_order::descent::{Curvature, Task, cautious, descend};
use crate::second_order::line_search::LineSearch;
use crate::second_order::minimize::{Minimizer, Observer, Outcome, Stopping};
use crate::second_order::objective::{LossAndGradients, Objective, Point};

/// The settings of [`Lbfgs`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LbfgsConfig {
    /// *m*: how many of the last steps are remembered, at least 1. Default 10, enough for most
    /// problems and between the 3 and 20 that Nocedal and Wright advise; PyTorch's is 100.
    pub history: usize,
    /// How far to go along a direction. Default strong Wolfe.
    pub line_search: LineSearch,
    /// When to stop.
    pub stopping: Stopping,
}

impl Default for LbfgsConfig {
    fn default() -> Self {
        Self { history: 10, line_search: LineSearch::STRONG_WOLFE, stopping: Stopping::default() }
    }
}

/// Limited-memory BFGS: a quasi-Newton method that keeps the last *m* steps instead of a matrix.
///
/// With the steps *sᵢ* = *xᵢ₊₁* - *xᵢ* and the changes of the gradient *yᵢ* = *gᵢ₊₁* - *gᵢ*,
/// two loops over them multiply by an approximation *H* of the inverse Hessian:
///
/// ```text
/// q ← g
/// αᵢ ← sᵢ·q / sᵢ·yᵢ;  q ← q - αᵢyᵢ          from the newest to the oldest
/// q ← γq,  γ = s·y / y·y of the newest
/// β ← yᵢ·q / sᵢ·yᵢ;  q ← q + (αᵢ - β)sᵢ     from the oldest to the newest
/// p = -q
/// ```
///
/// with *m* = `history`. Without a step to remember *p* = -*g*. A step along which the loss does
/// not curve upwards, which only backtracking can make, is not remembered: *H* stays positive
/// definite.
///
/// **Full batch and deterministic only**: see [`Minimizer`].
///
/// # Differs from PyTorch
/// `history` is 10 and not 100, and the line search is strong Wolfe unless asked otherwise, where
/// PyTorch takes a fixed step. Sums are taken in float64 for parameters of float32 as well. When
/// a line search fails, the steps are forgotten and the gradient itself is tried before giving up.
///
/// # Examples
/// The banana valley of Rosenbrock:
/// ```
/// use candle_core::{Device, Var};
/// use taper_optim::{Lbfgs, LbfgsConfig, Minimizer};
///
/// let (x, y) = (Var::new(-1.2f64, &Device::Cpu)?, Var::new(1f64, &Device::Cpu)?);
/// let params = [("x".to_owned(), x.clone()), ("y".to_owned(), y.clone())];
/// let lbfgs = Lbfgs::new(LbfgsConfig::default())?;
/// let outcome = lbfgs.minimize(&params, &mut || {
///     let loss = (((y.as_tensor() - x.sqr()?)?.sqr()? * 100.0)? + (x.as_tensor() - 1.0)?.sqr()?)?;
///     let grads = loss.backward()?;
///     Ok((loss, grads))
/// })?;
/// assert!(outcome.evaluations < 60 && (x.to_scalar::<f64>()? - 1.0).abs() < 1e-4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// - J. Nocedal, *Updating quasi-Newton matrices with limited storage*, 1980.
/// - D. C. Liu, J. Nocedal, *On the limited memory BFGS method for large scale optimization*, 1989.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lbfgs {
    config: LbfgsConfig,
}

impl Lbfgs {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when `history` is 0 or a field of `line_search` or `stopping` is
    /// out of range.
    pub fn new(config: LbfgsConfig) -> Result<Self, OptimError> {
        require(config.history > 0, "history", "at least 1", config.history as f64)?;
        config.line_search.check()?;
        config.stopping.check()?;
        Ok(Self { config })
    }
}

impl Minimizer for Lbfgs {
    fn minimize_observed(
        &self,
        params: &[(String, Var)],
        closure: &mut LossAndGradients<'_>,
        observer: &mut Observer<'_>,
    ) -> Result<Outcome, OptimError> {
        let LbfgsConfig { history, line_search, stopping } = self.config;
        let mut memory = Memory { history, pairs: VecDeque::new() };
        descend(&mut memory, line_search, stopping, Task { params, closure, observer })
    }
}

/// The last steps, the oldest first.
struct Memory {
    history: usize,
    pairs: VecDeque<Pair>,
}

struct Pair {
    s: Vec<f64>,
    y: Vec<f64>,
    /// *s*·*y*.
    product: f64,
}

impl Memory {
    /// -*Hg*.
    fn times(&self, gradient: &[f64]) -> Vec<f64> {
        let mut q = negated(gradient);
        let mut alphas = Vec::with_capacity(self.pairs.len());
        for Pair { s, y, product } in self.pairs.iter().rev() {
            let alpha = dot(s, &q) / product;
            add_scaled(&mut q, -alpha, y);
            alphas.push(alpha);
        }
        if let Some(Pair { y, product, .. }) = self.pairs.back() {
            let gamma = product / dot(y, y);
            q.iter_mut().for_each(|q| *q *= gamma);
        }
        for (Pair { s, y, product }, alpha) in self.pairs.iter().zip(alphas.into_iter().rev()) {
            let beta = dot(y, &q) / product;
            add_scaled(&mut q, alpha - beta, s);
        }
        q
    }
}

impl Curvature for Memory {
    fn direction(&mut self, point: &Point, _: &mut Objective<'_>) -> Result<Vec<f64>, OptimError> {
        Ok(self.times(&point.gradient))
    }

    fn first_trial(&self, gradient: &[f64]) -> f64 {
        if self.pairs.is_empty() { cautious(gradient) } else { 1.0 }
    }

    fn learn(&mut self, s: &[f64], y: &[f64]) {
        let Some(product) = curvature_along(s, y) else {
            return;
        };
        if self.pairs.len() == self.history {
            self.pairs.pop_front();
        }
        self.pairs.push_back(Pair { s: s.to_vec(), y: y.to_vec(), product });
    }

    fn forget(&mut self) -> bool {
        let knew = !self.pairs.is_empty();
        self.pairs.clear();
        knew
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_history_is_refused() {
        let said = Lbfgs::new(LbfgsConfig { history: 0, ..LbfgsConfig::default() }).unwrap_err().to_string();
        assert_eq!(said, "history must be at least 1, got 0");
        let line_search = LineSearch::StrongWolfe { c1: 0.5, c2: 0.4 };
        let said = Lbfgs::new(LbfgsConfig { line_search, ..LbfgsConfig::default() }).unwrap_err().to_string();
        assert!(said.starts_with("c2"), "{said}");
    }

    #[test]
    fn the_newest_change_of_the_gradient_leads_back_along_the_newest_step() {
        let mut memory = Memory { history: 2, pairs: VecDeque::new() };
        assert_eq!(memory.times(&[1.0, -2.0]), [-1.0, 2.0]);
        for (s, y) in [([1.0, 0.0], [3.0, 1.0]), ([0.0, 1.0], [1.0, 2.0]), ([1.0, 1.0], [4.0, 3.0])] {
            memory.learn(&s, &y);
            let p = memory.times(&y); // -Hy = -s, the secant equation
            assert!((p[0] + s[0]).abs() < 1e-14 && (p[1] + s[1]).abs() < 1e-14, "{p:?}");
        }
        assert_eq!(memory.pairs.len(), 2);
        memory.learn(&[1.0, 0.0], &[-1.0, 5.0]);
        assert_eq!(memory.pairs.back().unwrap().s, [1.0, 1.0]);
        assert!(memory.forget() && !memory.forget());
    }

    #[test]
    fn one_pair_by_hand() {
        let mut memory = Memory { history: 1, pairs: VecDeque::new() };
        memory.learn(&[1.0, 0.0], &[2.0, 1.0]);
        // s·y = 2, γ = 2/5; for g = (0, 1): α = 0, q = (0, 0.4), β = 0.4/2, q = (-0.2, 0.4).
        let p = memory.times(&[0.0, 1.0]);
        assert!((p[0] - 0.2).abs() < 1e-15 && (p[1] + 0.4).abs() < 1e-15, "{p:?}");
    }
}
