//! The operations of this crate in candle's autograd.
//!
//! Read in this order: `gradient`, `in_place` (a gradient written over) and `slot` (where one comes
//! together), `kept` (what is kept of a map, or computed again), `gate` (what a batch norm asks of
//! the last term), `backward`, `trace` (what has run), `nodes` (what candle's graph sees), `tape`
//! (which records an operation), `backward_from` (a graph cut in two); `gradcheck` holds all of
//! them to finite differences.

mod lock;

mod gradient;

mod in_place;

mod slot;

mod kept;

mod gate;

mod backward;

mod trace;

mod nodes;

pub(crate) mod tape;

mod backward_from;

mod gradcheck;

pub use backward::{Told, backward, backward_told};
pub use backward_from::backward_from;
pub use gradcheck::{GradientError, check_gradients};
pub use trace::{Pass, Traced, trace};

pub(crate) use gate::{Asked, Gate};
pub(crate) use gradient::{Gradient, Terms};
pub(crate) use in_place::rewritten;
pub(crate) use kept::{Again, Kept};
pub(crate) use nodes::Gradients;
