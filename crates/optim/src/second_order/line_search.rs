use crate::error::{OptimError, require};
use crate::second_order::ray::{Found, Ray};
use crate::second_order::strong_wolfe;

/// How far to go along a direction in which the loss falls.
///
/// ```text
/// φ(t) = f(x + tp),  φ'(t) = ∇f(x + tp)·p,  φ'(0) < 0
///
/// sufficient decrease (Armijo)    φ(t) ≤ φ(0) + c₁tφ'(0)
/// curvature (strong Wolfe)        |φ'(t)| ≤ c₂|φ'(0)|
/// ```
///
/// with *f* the loss, *x* the parameters, *p* the direction, *c₁* = `c1` and *c₂* = `c2`. The
/// first trial is *t* = 1, the whole step that the method proposes, but for the first step of a
/// quasi-Newton method, which knows nothing yet: min(1, 1/‖*g*‖₁), as in PyTorch.
///
/// A point where the loss or its gradient is not finite fails the first condition, so a step that
/// runs out of the loss's domain is shortened like one that is too long. After 25 trials the
/// search ends with the best point that has the sufficient decrease, if there is one.
///
/// # Examples
/// ```
/// use taper_optim::{Lbfgs, LbfgsConfig, LineSearch};
///
/// let line_search = LineSearch::StrongWolfe { c1: 0.9, c2: 0.1 };
/// let refused = Lbfgs::new(LbfgsConfig { line_search, ..LbfgsConfig::default() });
/// assert_eq!(refused.unwrap_err().to_string(), "c2 must be above c1 and below 1, got 0.1");
/// ```
///
/// # References
/// - L. Armijo, *Minimization of functions having Lipschitz continuous first partial
///   derivatives*, 1966.
/// - P. Wolfe, *Convergence conditions for ascent methods*, 1969.
/// - J. Nocedal, S. J. Wright, *Numerical Optimization*, 2006, chapter 3.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LineSearch {
    /// Both conditions, by bracketing a minimum of *φ* and cubic interpolation inside. It makes
    /// every curvature pair of a quasi-Newton method usable.
    StrongWolfe {
        /// *c₁*, above 0. Usually 1e-4.
        c1: f64,
        /// *c₂*, above *c₁* and below 1. Usually 0.9 for (quasi-)Newton directions.
        c2: f64,
    },
    /// The first condition alone: *t* is multiplied by `shrink` until it holds. One evaluation a
    /// step where the whole step will do.
    Backtracking {
        /// *c₁*, in (0, 1). Usually 1e-4.
        c1: f64,
        /// The fraction of *t* that is left after a trial that failed, in (0, 1). Usually 0.5.
        shrink: f64,
    },
}

impl LineSearch {
    /// Strong Wolfe with *c₁* = 1e-4 and *c₂* = 0.9, as in PyTorch's L-BFGS.
    pub const STRONG_WOLFE: Self = Self::StrongWolfe { c1: 1e-4, c2: 0.9 };

    /// Backtracking with *c₁* = 1e-4 and halved steps.
    pub const BACKTRACKING: Self = Self::Backtracking { c1: 1e-4, shrink: 0.5 };

    /// Refuses settings out of range.
    pub(crate) fn check(self) -> Result<(), OptimError> {
        match self {
            Self::StrongWolfe { c1, c2 } => {
                require(c1 > 0.0 && c1 < 1.0, "c1", "in (0, 1)", c1)?;
                require(c2 > c1 && c2 < 1.0, "c2", "above c1 and below 1", c2)
            }
            Self::Backtracking { c1, shrink } => {
                require(c1 > 0.0 && c1 < 1.0, "c1", "in (0, 1)", c1)?;
                require(shrink > 0.0 && shrink < 1.0, "shrink", "in (0, 1)", shrink)
            }
        }
    }

    /// A point with a sufficiently lower loss, if the search finds one; `first` is the first *t*.
    pub(crate) fn search(self, ray: &mut Ray<'_, '_>, first: f64) -> Result<Option<Found>, OptimError> {
        match self {
            Self::StrongWolfe { c1, c2 } => strong_wolfe::search(ray, first, c1, c2),
            Self::Backtracking { c1, shrink } => {
                let mut t = first;
                while let Some(trial) = ray.at(t)? {
                    if ray.falls_enough(&trial, c1) {
                        return Ok(trial.found());
                    }
                    t *= shrink;
                }
                Ok(None)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let said = |search: LineSearch| search.check().unwrap_err().to_string();
        for c1 in [0.0, -0.1, 1.0, f64::NAN] {
            let expected = format!("c1 must be in (0, 1), got {c1}");
            assert_eq!(said(LineSearch::StrongWolfe { c1, c2: 0.9 }), expected);
            assert_eq!(said(LineSearch::Backtracking { c1, shrink: 0.5 }), expected);
        }
        for c2 in [0.1, 0.2, 1.0, f64::NAN] {
            let expected = format!("c2 must be above c1 and below 1, got {c2}");
            assert_eq!(said(LineSearch::StrongWolfe { c1: 0.2, c2 }), expected);
        }
        for shrink in [0.0, 1.0, f64::NAN] {
            let expected = format!("shrink must be in (0, 1), got {shrink}");
            assert_eq!(said(LineSearch::Backtracking { c1: 0.1, shrink }), expected);
        }
        assert!(LineSearch::STRONG_WOLFE.check().is_ok() && LineSearch::BACKTRACKING.check().is_ok());
    }
}
