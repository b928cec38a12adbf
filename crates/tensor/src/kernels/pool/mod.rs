//! Pooling of (N,H,W,C) maps: `max_pool`, `average_pool`, `fractional_pool`.

pub(crate) mod average_pool;
pub(crate) mod fractional_pool;
pub(crate) mod max_pool;
