//! Methods for a loss that is the same at every evaluation.
//!
//! `minimize` has what a method promises and `descent` the iteration that all share; it asks
//! `objective` for the loss as a function of one vector. `line_search` decides how far to go along
//! a `ray`, in `strong_wolfe` by both conditions. Then follow the methods, which differ in the
//! direction that they propose; `cholesky` solves the equations of Newton's.

pub(crate) mod objective;

mod line_search;
pub(crate) mod ray;
pub(crate) mod strong_wolfe;

pub(crate) mod descent;
mod minimize;

mod bfgs;
mod lbfgs;

pub(crate) mod cholesky;
mod newton;

pub use bfgs::{Bfgs, BfgsConfig};
pub use lbfgs::{Lbfgs, LbfgsConfig};
pub use line_search::LineSearch;
pub use minimize::{Iterate, Minimizer, Observer, Outcome, Reason, Stopping};
pub use newton::{Newton, NewtonConfig};
pub use objective::LossAndGradients;
