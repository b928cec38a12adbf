//! Products of bfloat16: float32 cut to 8 bits of significand, two elements side by side where one
//! was.
//!
//! The processor's instruction multiplies both elements of a **pair** with both of another and adds
//! the two products to a sum in float32: two steps of k at once, at the speed of one. So a matrix
//! of bfloat16 with k steps is here a matrix of "float32" with k/2, the last pair being filled up
//! with zero, and is multiplied in blocks of 32x32 sums ([`Unit`]). A map of bfloat16 is such a
//! matrix as it lies; floats are rounded to the nearest, ties to even, while an operand is copied
//! together; denormal ones count as zero.

use super::on_tiles::OnTiles;
use super::packed::Packed;
use crate::kernels::simd::{Block, Real, STEP, Simd, Stored, Unit};

/// What the operands of a product are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operands {
    Floats,
    /// Pairs of bfloat16 along k, in whole steps of what multiplies blocks of them.
    Blocks(Unit),
}

impl Operands {
    /// The rows of an operand that has so many steps of k.
    pub(crate) fn rows(self, steps: usize) -> usize {
        match self {
            Operands::Floats => steps,
            Operands::Blocks(_) => steps.div_ceil(2).next_multiple_of(STEP),
        }
    }

    /// The steps of k of so many rows, at most.
    pub(crate) fn steps(self, rows: usize) -> usize {
        match self {
            Operands::Floats => rows,
            Operands::Blocks(_) => 2 * rows,
        }
    }

    /// Runs a product of such operands with an A whose rows are there one by one.
    ///
    /// # Safety
    /// As [`Job::run`].
    pub(crate) unsafe fn multiply<T: Real>(self, simd: Simd, product: Packed<T>) {
        // SAFETY: the caller's promise.
        unsafe {
            match self {
                Operands::Floats => T::launch(simd, product),
                Operands::Blocks(unit) => {
                    unit.with(|| T::launch(simd, OnTiles { packed: product, unit }));
                }
            }
        }
    }

    /// Rounds rows of floats to such operands along their rows, `stride` apart; in place, too.
    ///
    /// # Safety
    /// The caller vouches for both.
    pub(crate) unsafe fn along<T: Real>(self, from: Block<T>, to: *mut T, stride: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            let pairs = from.columns.div_ceil(2);
            T::along(from, to, stride);
            for row in 0..from.rows {
                to.add(row * stride + pairs).write_bytes(0, self.rows(from.columns) - pairs);
            }
        }
    }

    /// The same of rows one below the other, to `stride` = the columns or more.
    ///
    /// # Safety
    /// The caller vouches for both.
    pub(crate) unsafe fn across<M: Stored>(self, simd: Simd, from: Block<M>, to: *mut M::Real, stride: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            let pairs = from.rows.div_ceil(2);
            M::across(simd, from, to, stride);
            to.add(pairs * stride).write_bytes(0, (self.rows(from.rows) - pairs) * stride);
        }
    }
}
