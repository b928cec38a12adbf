//! What a product does with a vector of its output while it is in registers, beside writing it:
//! sums by column, which spare a pass over the output.
//!
//! Read in this order: `slot` (where sums go), `moments` (mean and variance of the output), `sums`
//! and `rectifier` (the gradient of a rectified batch norm), and here the [`Tally`] that is one of
//! them.

mod slot;

mod moments;

mod rectifier;
mod sums;

pub(crate) use moments::{Blocks, MomentSums, Moments};
pub(crate) use rectifier::{RectifiedGradient, Rectifier, RectifierAt, RectifierSums, SIGNS};
pub(crate) use sums::{GradientSums, cast, wide};

use super::prefetch::Run;
use crate::kernels::simd::Stored;
use slot::Slot;

/// For the output of a product; [`Tally::block`] for a block of its rows.
#[derive(Clone, Copy)]
pub(crate) enum Tally<M: Stored> {
    Nothing,
    /// Of each column a center, and the sums of `d` and `d²` for `d = value - center`.
    Moments(Slot<M::Real>),
    /// Of each column the sums of `g` and `g · (x - mean)`.
    Rectify(Slot<M::Real>, RectifierAt<M>),
}

/// Who keeps the sums of blocks of so many rows each.
pub(crate) trait Tallies<M: Stored> {
    fn reserve(&mut self, rows: Vec<usize>) -> Tally<M>;

    /// Whether what lies where the output goes is read, which is then better read line after line.
    fn adds(&self) -> bool;
}

impl<M: Stored> Tallies<M> for Blocks<M::Real> {
    fn reserve(&mut self, rows: Vec<usize>) -> Tally<M> {
        Tally::Moments(Blocks::reserve(self, rows))
    }

    fn adds(&self) -> bool {
        false
    }
}

impl<M: Stored> Tallies<M> for RectifiedGradient<'_, M> {
    fn reserve(&mut self, rows: Vec<usize>) -> Tally<M> {
        let (slot, at) = RectifiedGradient::reserve(self, rows.len());
        Tally::Rectify(slot, at)
    }

    fn adds(&self) -> bool {
        RectifiedGradient::adds(self)
    }
}

impl<M: Stored> Tally<M> {
    /// None where nobody wants one.
    pub(crate) fn reserve(wanted: Option<&mut dyn Tallies<M>>, rows: impl FnOnce() -> Vec<usize>) -> Self {
        wanted.map_or(Tally::Nothing, |tallies| tallies.reserve(rows()))
    }

    /// Whether what lies where the output goes is read.
    pub(crate) fn adds(&self) -> bool {
        matches!(self, Tally::Rectify(_, at) if at.add)
    }

    /// What is read with a part of the output, of so many elements from a place on.
    pub(crate) fn reads(&self, at: *const M, count: usize) -> [Run<M>; 2] {
        match self {
            Tally::Rectify(_, of) => [(at, if of.add { count } else { 0 }), (of.x.at(of.number(at)), count)],
            _ => [(at, 0); 2],
        }
    }

    /// The same after what lies there has been added.
    pub(crate) fn added(self) -> Self {
        match self {
            Tally::Rectify(slot, at) => Tally::Rectify(slot, RectifierAt { add: false, ..at }),
            other => other,
        }
    }

    /// That of a block.
    pub(crate) fn block(self, number: usize) -> Self {
        match self {
            Tally::Nothing => Tally::Nothing,
            Tally::Moments(slot) => Tally::Moments(slot.block(number)),
            Tally::Rectify(slot, at) => Tally::Rectify(slot.block(number), at),
        }
    }

    /// That of the columns from `column` on.
    #[inline(always)]
    pub(crate) fn from(self, column: usize) -> Self {
        match self {
            Tally::Nothing => Tally::Nothing,
            Tally::Moments(slot) => Tally::Moments(slot.from(column)),
            Tally::Rectify(slot, at) => Tally::Rectify(slot.from(column), at.from(column)),
        }
    }
}
