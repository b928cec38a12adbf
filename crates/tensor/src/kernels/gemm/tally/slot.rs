//! Where a tally keeps its sums.

use crate::kernels::memory::Shared;
use crate::kernels::simd::Real;

/// Where sums go: `[block][number][column]`.
#[derive(Clone, Copy)]
pub(crate) struct Slot<T> {
    at: Shared<T>,
    /// Columns of all sums, and elements of each column.
    columns: usize,
    numbers: usize,
}

impl<T: Real> Slot<T> {
    /// Makes room for some blocks.
    pub(crate) fn reserve(sums: &mut Vec<T>, blocks: usize, numbers: usize, columns: usize) -> Self {
        *sums = vec![T::ZERO; blocks * numbers * columns];
        Self { at: Shared::new(sums.as_mut_ptr()), columns, numbers }
    }
}

impl<T: Copy> Slot<T> {
    pub(crate) fn block(self, number: usize) -> Self {
        self.from(number * self.numbers * self.columns)
    }

    #[inline(always)]
    pub(crate) fn from(self, column: usize) -> Self {
        Self { at: Shared::new(self.at.at(column)), ..self }
    }

    /// A vector of a number.
    #[inline(always)]
    pub(crate) fn number(self, number: usize) -> *mut T {
        self.at.at(number * self.columns)
    }
}
