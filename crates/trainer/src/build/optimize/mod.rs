//! From a recipe's words to what moves the parameters: its rule, the course of the rate over a
//! phase, the average of the weights, and the optimizer of all that is trained.

mod setting;
mod span;

mod average;
mod rule;
mod schedule;

mod check;
mod groups;

pub use self::average::averaging;
pub use self::check::check;
pub use self::groups::optimizer;
pub(crate) use self::groups::{lr_scale, lr_scale_of};
pub use self::rule::{Method, method};
pub use self::schedule::{Pace, pace};
pub use self::span::Span;
