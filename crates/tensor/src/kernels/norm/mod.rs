//! Normalization over the rows of an M×C matrix.
//!
//! Read in this order: `rewrite` (a gradient becomes another one, in its own memory), `rows` (sums
//! by column), `moments`, `normalize` (the pass that writes), `batch_norm`, `parts` (of several
//! maps side by side); then `row_norm`, which sees each row by itself.

mod rewrite;
pub(crate) mod rows;

pub(crate) mod moments;
mod normalize;

pub(crate) mod batch_norm;

pub(crate) mod parts;

pub(crate) mod row_norm;

pub(crate) use normalize::Then;
pub(crate) use rewrite::rewrite;
