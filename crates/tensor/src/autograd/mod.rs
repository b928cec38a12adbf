//! The operations of this crate in candle's autograd.
//!
//! Read in this order: `gradient` and `slot` (a gradient, and where it comes together), `kept` (what
//! is kept of a map, or computed again), `gate` (what a batch norm asks of the last term), `in_place` (a gradient written over), `backward`,
//! `nodes` (what candle's graph sees), `tape` (which records an operation); `gradcheck` holds all
//! of them to finite differences.

mod lock;

mod gradient;

mod slot;

mod kept;

mod gate;

mod in_place;

mod backward;

mod nodes;

pub(crate) mod tape;

mod gradcheck;

pub use backward::backward;
pub use gradcheck::{GradientError, check_gradients};

pub(crate) use gate::{Asked, Gate};
pub(crate) use gradient::{Gradient, Terms};
pub(crate) use in_place::rewritten;
pub(crate) use kept::{Again, Kept};
pub(crate) use nodes::Gradients;
