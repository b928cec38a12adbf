//! From one map to another: what is multiplied, and where it goes.

use std::borrow::Cow;
use std::ops::Range;

use super::windows::{Map, Windows};
use crate::kernels::conv::finish::Finish;
use crate::kernels::gemm::Operands;
use crate::kernels::simd::Stored;

/// Elements of k, or pairs, of one product: a block of the windows and a panel of weights fit the
/// second-level cache.
pub(crate) const STEPS: usize = 512;
/// Pixels whose windows are copied together at a time: while they are multiplied, the next ones are
/// prefetched.
pub(crate) const GATHERED: usize = 56;

/// `out[pixel] = W[pixel] · weight` from one map to another, of one group.
#[derive(Clone, Debug)]
pub(crate) struct Correlation {
    pub(crate) operands: Operands,
    pub(crate) windows: Windows,
    pub(crate) target: Map,
    /// The target's pixels: every `every`-th, from `first`.
    pub(crate) every: usize,
    pub(crate) first: (usize, usize),
}

/// Correlations that write disjoint parts of `out`, each with its packed weights, for `n` pictures.
pub(crate) struct Correlations<'a, M: Stored> {
    pub(crate) n: usize,
    pub(crate) parts: &'a [(Correlation, Cow<'a, [M::Real]>)],
    pub(crate) x: *const M,
    pub(crate) out: *mut M,
    pub(crate) finish: Finish<M>,
}

/// How many units of work there should be, where the map is large enough; and the least columns
/// that a unit is cut to for it.
pub(super) const UNITS: usize = 16;
const COLUMNS: usize = 128;

/// An output cut into units of work: whole lines by whole panels of columns.
#[derive(Clone, Copy)]
pub(super) struct Cut {
    /// Lines of all pictures, and into how many units they are cut.
    lines: usize,
    tall: usize,
    /// Pixels of a line.
    line: usize,
    channels: usize,
    /// Columns of a unit.
    width: usize,
}

impl Cut {
    /// Of about so many pixels, and panels of so many columns; all columns together where `whole`.
    pub(super) fn new(plan: &Correlation, n: usize, (pixels, panel): (usize, usize), whole: bool) -> Self {
        let (lines, line, channels) = (n * plan.windows.rows, plan.windows.columns, plan.target.channels);
        // Units of whole panels of columns, where units of whole lines are few.
        let tall = lines.div_ceil((pixels / line).max(1));
        let wide = if whole { 1 } else { UNITS.div_ceil(tall) };
        // An even number of them: the last of an odd one finds half of the threads idle.
        let wide = if wide == 1 { 1 } else { wide.next_multiple_of(2) }.min(channels.div_ceil(COLUMNS));
        let width = channels.div_ceil(wide).next_multiple_of(panel);
        let tall = tall.max(UNITS.div_ceil(channels.div_ceil(width))).min(lines);
        Self { lines, tall, line, channels, width }
    }

    fn wide(&self) -> usize {
        self.channels.div_ceil(self.width)
    }

    /// How many units there are.
    pub(super) fn units(&self) -> usize {
        self.tall * self.wide()
    }

    /// The row of units that one is in, its lines and its columns.
    pub(super) fn unit(&self, number: usize) -> (usize, Range<usize>, Range<usize>) {
        let (row, column) = (number / self.wide(), number % self.wide() * self.width);
        (row, self.lines_of(row), column..self.channels.min(column + self.width))
    }

    /// Pixels of each row of units.
    pub(super) fn pixels(&self) -> Vec<usize> {
        (0..self.tall).map(|row| self.lines_of(row).len() * self.line).collect()
    }

    fn lines_of(&self, row: usize) -> Range<usize> {
        row * self.lines / self.tall..(row + 1) * self.lines / self.tall
    }
}
