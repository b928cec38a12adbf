//! The weight of a convolution: as it lies, and as its algorithm reads it.

use crate::kernels::simd::Real;

/// A weight (O,I,R,S), and what its algorithm would make of it where somebody keeps that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weight<'a, T> {
    pub(crate) values: &'a [T],
    /// [`packed`](super::packed) of the same sizes and instruction set.
    pub(crate) packed: Option<&'a [T]>,
}

impl<'a, T: Real> From<&'a [T]> for Weight<'a, T> {
    /// One that nobody keeps packed.
    fn from(values: &'a [T]) -> Self {
        Self { values, packed: None }
    }
}
