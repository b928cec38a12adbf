//! How a matrix is cut into blocks of rows.

/// The elements of a block of whole rows, about: a block is read from memory once and then again
/// from the second cache. No more than 256 rows: sums in float32 stay short. Fixed by the matrix,
/// so that sums do not depend on the number of threads.
pub(crate) fn block(c: usize) -> usize {
    ((1 << 14) / c.max(1)).clamp(32, 256) * c.max(1)
}
