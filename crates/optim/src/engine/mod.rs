//! How a formula for one element reaches all elements of a tensor.
//!
//! `real` has the two types that parameters have, and `number` what formulas calculate with: an
//! element or a whole tensor. A `part` is a stretch of parameter, gradient and slots, and holds the
//! formula's trait and the parallel pass over it, cut into `chunks`. `fused` opens tensors for that
//! pass; `whole`, its slow twin, composes the formula of candle's operations, for every device.
//! `elementwise` makes an update rule of both, and `twins` holds them to one result. `vector` has
//! sums over plain slices of float64, for what calculates with those.

pub(crate) mod number;
pub(crate) mod real;

pub(crate) mod chunks;
pub(crate) mod part;
pub(crate) mod squares;

pub(crate) mod fused;
pub(crate) mod whole;

pub(crate) mod elementwise;

pub(crate) mod vector;

#[cfg(test)]
pub(crate) mod twins;
