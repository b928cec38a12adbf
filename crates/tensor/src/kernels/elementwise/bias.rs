//! A summand for each channel.

use crate::kernels::memory::{block, chunks};
use crate::kernels::simd::Real;

/// Adds a bias to every row of channels.
pub(crate) fn add<T: Real>(y: &mut [T], bias: &[T]) {
    let c = bias.len().max(1);
    assert!(y.len().is_multiple_of(c), "whole rows");
    chunks(y, block(c), |_, y| {
        for row in y.chunks_exact_mut(c) {
            row.iter_mut().zip(bias).for_each(|(y, &bias)| *y += bias);
        }
    });
}
