//! What a rectified batch norm asks of the convolution that computes the last term of its output's gradient.

use super::Real;
use super::batch_norm::Sums;
use super::parallel::Shared;
use super::tally::{Gate, Slot, Tallies, Tally};

/// A rectified map y, the map x that was normalised for it, and the mean of each of its columns.
#[derive(Clone, Copy)]
pub(crate) struct Rectified<'a, T> {
    pub(crate) y: &'a [T],
    pub(crate) x: &'a [T],
    pub(crate) mean: &'a [T],
}

/// The sums over a gradient that passes the rectifier while it is written.
pub(super) struct Gated<'a, T> {
    of: Rectified<'a, T>,
    out: *mut T,
    add: bool,
    /// [block][Σg, Σg(x - mean)][column]
    sums: Vec<T>,
}

impl<'a, T: Real> Gated<'a, T> {
    /// None yet, of a gradient that will be written to `out`, or added to what lies there.
    pub(super) fn new(of: Rectified<'a, T>, out: *mut T, add: bool) -> Self {
        Self { of, out, add, sums: Vec::new() }
    }

    /// Those of all blocks together.
    pub(super) fn sums(&self) -> Sums {
        let c = self.of.mean.len();
        let blocks: Vec<_> = self.sums.chunks_exact(2 * c).map(|block| block.split_at(c)).collect();
        Sums::of_blocks(&blocks, c)
    }
}

impl<T: Real> Tallies<T> for Gated<'_, T> {
    fn reserve(&mut self, rows: Vec<usize>) -> Tally<T> {
        let Rectified { y, x, mean } = self.of;
        let [y, x, mean] = [y, x, mean].map(|values| Shared::new(values.as_ptr().cast_mut()));
        let slot = Slot::reserve(&mut self.sums, rows.len(), 2, self.of.mean.len());
        Tally::Gate(slot, Gate { out: Shared::new(self.out), y, x, mean, add: self.add })
    }
}
