//! Products of bfloat16: float32 cut to 8 bits of significand, two elements side by side where one
//! was.
//!
//! The processor's instruction multiplies both elements of a **pair** with both of another and adds
//! the two products to a sum in float32: two steps of k at once, at the speed of one. So a matrix
//! of bfloat16 with k steps is here a matrix of "float32" with k/2, the last pair being filled up
//! with zero, and the tile of the dense product multiplies it as it stands. Floats are rounded to
//! the nearest, ties to even, while an operand is copied together; denormal ones count as zero. 230
//! GFLOP/s a core instead of 116.

use crate::kernels::simd::{Job, Real, Simd};

/// What the operands of a product are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operands {
    Floats,
    /// Pairs of bfloat16 along k.
    Pairs,
}

impl Operands {
    /// The rows of an operand that has so many steps of k.
    pub(crate) fn rows(self, steps: usize) -> usize {
        match self {
            Operands::Floats => steps,
            Operands::Pairs => steps.div_ceil(2),
        }
    }

    /// The steps of k of so many rows, at most.
    pub(crate) fn steps(self, rows: usize) -> usize {
        match self {
            Operands::Floats => rows,
            Operands::Pairs => 2 * rows,
        }
    }

    /// Runs a product of such operands.
    ///
    /// # Safety
    /// As [`Job::run`].
    pub(crate) unsafe fn multiply<T: Real>(self, simd: Simd, product: impl Job<T>) {
        // SAFETY: the caller's promise.
        unsafe {
            match self {
                Operands::Floats => T::launch(simd, product),
                Operands::Pairs => T::launch_on_pairs(product),
            }
        }
    }
}
