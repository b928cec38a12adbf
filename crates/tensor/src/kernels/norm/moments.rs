//! Mean and variance of each column of a matrix in memory.

use super::rows::{self, Summand};
use crate::kernels::gemm::tally::{Blocks, Moments};
use crate::kernels::memory::{block, chunk, collect};
use crate::kernels::simd::Stored;

/// The moments of a matrix in memory.
pub(crate) fn of<M: Stored>(x: &[M], c: usize) -> Moments {
    let size = block(c);
    let sums = collect(x.len().div_ceil(size), |i| {
        let block = chunk(x, size, i);
        let center: Vec<M::Real> = block[..c].iter().map(|value| value.read()).collect();
        let (off, squares) = rows::sums(block, &center, Summand::Deviation);
        [center, off, squares].concat()
    });
    let sums = sums.concat();
    let rows = x.chunks(size).map(|block| block.len() / c).collect();
    Blocks::of(c, rows, sums).together()
}
