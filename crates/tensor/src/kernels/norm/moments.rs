//! Mean and variance of each column of a matrix in memory.

use super::rows::{self, Summand};
use crate::kernels::gemm::tally::{Blocks, Moments};
use crate::kernels::memory::{block, chunk, collect};
use crate::kernels::simd::Real;

/// The moments of a matrix in memory.
pub(crate) fn of<T: Real>(x: &[T], c: usize) -> Moments {
    let size = block(c);
    let sums = collect(x.len().div_ceil(size), |i| {
        let block = chunk(x, size, i);
        let center = &block[..c];
        let (off, squares) = rows::sums(block, center, Summand::Deviation);
        [center, &off, &squares].concat()
    });
    let sums = sums.concat();
    let rows = x.chunks(size).map(|block| block.len() / c).collect();
    Blocks::of(c, rows, sums).together()
}
