//! How a matrix is cut into blocks of rows, and a stack of them into parts.

use std::ops::Range;

/// The elements of a block of whole rows, about: a block is read from memory once and then again
/// from the second cache. No more than 256 rows: sums in float32 stay short. Fixed by the matrix,
/// so that sums do not depend on the number of threads.
pub(crate) fn block(c: usize) -> usize {
    ((1 << 14) / c.max(1)).clamp(32, 256) * c.max(1)
}

/// The parts of `n` slices that follow each other, `len` elements each: `step` elements, or what a
/// slice has left.
pub(crate) fn parts_of_each(n: usize, len: usize, step: usize) -> Vec<Range<usize>> {
    let parts = move |slice: usize| {
        let end = (slice + 1) * len;
        (slice * len..end).step_by(step).map(move |from| from..end.min(from + step))
    };
    (0..n).flat_map(parts).collect()
}
