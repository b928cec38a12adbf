//! A row of outputs of a depthwise convolution.
//!
//! A tile of [`TILE`] outputs by one vector of channels stays in registers while the window passes
//! over it, so that each weight is loaded once a tile and each source once a tap: as many loads as
//! multiplications, which is what a core does at a time.

#![allow(clippy::needless_range_loop, reason = "several arrays of registers share an index")]

use super::runs::Run;
use crate::kernels::conv::finish::Finish;
use crate::kernels::simd::{Element, Job, Lanes, Stored};

/// Outputs side by side.
const TILE: usize = 8;

/// One row of outputs.
pub(super) struct Rows<'a, M: Stored> {
    /// Rows of the window, and those of the source that they read.
    pub(super) rows: &'a [(usize, usize)],
    pub(super) columns: &'a Columns,
    pub(super) source: *const M,
    /// Pixels in a row of the source.
    pub(super) width: usize,
    pub(super) c: usize,
    /// Columns of the window.
    pub(super) s: usize,
    pub(super) out: *mut M,
    /// `[tap][channel]`
    pub(super) weight: &'a [M::Real],
    pub(super) finish: Finish<M>,
}

/// What the outputs along a row read.
pub(super) struct Columns {
    /// Taps and source positions of each output.
    pub(super) each: Vec<Vec<(usize, usize)>>,
    /// The same in runs.
    pub(super) runs: Option<Vec<Run>>,
}

impl<M: Stored> Job<M::Real> for Rows<'_, M> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = M::Real>>(self) {
        let whole = self.c / V::N * V::N;
        // SAFETY: the caller's promise; both parts of the channels are written once.
        unsafe {
            match &self.columns.runs {
                Some(runs) if whole > 0 && runs.iter().all(|run| run.fits()) => {
                    for run in runs {
                        self.tiles::<V>(run, whole);
                    }
                    self.each::<V>(whole);
                }
                _ => self.each::<V>(0),
            }
        }
    }
}

impl Run {
    /// Whether there is a tile for it.
    fn fits(&self) -> bool {
        matches!((self.taps.len(), self.stride), (1..=5 | 7, 1) | (3 | 5 | 7, 2))
    }
}

impl<M: Stored> Rows<'_, M> {
    /// Output by output, from a channel on: what the tiles are held to, and what they leave.
    #[inline(always)]
    unsafe fn each<V: Lanes<Real = M::Real>>(&self, begin: usize) {
        let weight = self.weight.as_ptr();
        // SAFETY: the pairs name positions of the source; channels stay below c.
        unsafe {
            for (x, columns) in self.columns.each.iter().enumerate() {
                for from in (begin..self.c).step_by(V::N) {
                    let n = V::N.min(self.c - from);
                    let mut sum = V::splat(M::Real::ZERO);
                    for &(r, y) in self.rows {
                        for &(s, x) in columns {
                            let value = M::load::<V>(self.source.add((y * self.width + x) * self.c + from), n);
                            let tap = V::load_up_to(weight.add((r * self.s + s) * self.c + from), n);
                            sum = value.mul_add(tap, sum);
                        }
                    }
                    let (to, finish) = (self.out.add(x * self.c + from), self.finish.of::<V>(from, n));
                    M::store(to, self.finish.value(finish, sum, to, n), n);
                }
            }
        }
    }

    /// The outputs of a run, of the first `whole` channels.
    #[inline(always)]
    unsafe fn tiles<V: Lanes<Real = M::Real>>(&self, run: &Run, whole: usize) {
        // SAFETY: as in `along`.
        unsafe {
            match (run.taps.len(), run.stride) {
                (1, 1) => self.along::<V, 1, 1>(run, whole),
                (2, 1) => self.along::<V, 2, 1>(run, whole),
                (3, 1) => self.along::<V, 3, 1>(run, whole),
                (4, 1) => self.along::<V, 4, 1>(run, whole),
                (5, 1) => self.along::<V, 5, 1>(run, whole),
                (7, 1) => self.along::<V, 7, 1>(run, whole),
                (3, 2) => self.along::<V, 3, 2>(run, whole),
                (5, 2) => self.along::<V, 5, 2>(run, whole),
                (7, 2) => self.along::<V, 7, 2>(run, whole),
                _ => unreachable!("the caller has asked whether it fits"),
            }
        }
    }

    /// The outputs of a run of `TAPS` columns, `STRIDE` apart.
    #[inline(always)]
    unsafe fn along<V: Lanes<Real = M::Real>, const TAPS: usize, const STRIDE: usize>(&self, run: &Run, whole: usize) {
        for j in (0..run.count).step_by(TILE) {
            let at = run.source + (j * STRIDE * run.pace) as isize;
            // A bit for each of the source positions of a tile: whether it is in the row.
            let inside = (0..(TILE - 1) * STRIDE + TAPS).fold(0u32, |bits, i| {
                let position = at + (i * run.pace) as isize;
                bits | u32::from(position >= 0 && (position as usize) < self.width) << i
            });
            let tile = Tile { at, first: run.first + j * run.step, many: TILE.min(run.count - j), inside };
            for from in (0..whole).step_by(V::N) {
                // SAFETY: the caller's promise; only positions in the row are read.
                unsafe {
                    if inside.count_ones() as usize == (TILE - 1) * STRIDE + TAPS {
                        self.tile::<V, TAPS, STRIDE, true>(run, tile, from);
                    } else {
                        self.tile::<V, TAPS, STRIDE, false>(run, tile, from);
                    }
                }
            }
        }
    }

    /// A tile of one vector of channels, from the channel `from` on. All that it reads is in the
    /// row where it is `FULL`.
    #[inline(always)]
    unsafe fn tile<V: Lanes<Real = M::Real>, const TAPS: usize, const STRIDE: usize, const FULL: bool>(
        &self,
        run: &Run,
        tile: Tile,
        from: usize,
    ) {
        let Tile { at, first, many, inside } = tile;
        let pace = (run.pace * self.c) as isize;
        // SAFETY: the caller's promise.
        unsafe {
            let mut sums = [V::splat(M::Real::ZERO); TILE];
            for &(r, y) in self.rows {
                let mut weights = [V::splat(M::Real::ZERO); TAPS];
                for t in 0..TAPS {
                    weights[t] = V::load(self.weight.as_ptr().add((r * self.s + run.taps[t]) * self.c + from));
                }
                let line =
                    self.source.wrapping_offset(((y * self.width) as isize + at) * self.c as isize).wrapping_add(from);
                for t in 0..TAPS {
                    for j in 0..TILE {
                        let i = j * STRIDE + t;
                        if FULL || inside >> i & 1 == 1 {
                            let value = M::load::<V>(line.wrapping_offset(i as isize * pace), V::N);
                            sums[j] = value.mul_add(weights[t], sums[j]);
                        }
                    }
                }
            }
            let finish = self.finish.of::<V>(from, V::N);
            let out = self.out.add(first * self.c + from);
            for j in 0..TILE {
                if j < many {
                    let to = out.add(j * run.step * self.c);
                    M::store(to, self.finish.value(finish, sums[j], to, V::N), V::N);
                }
            }
        }
    }
}

/// Some outputs of a run.
#[derive(Clone, Copy)]
struct Tile {
    /// The source position of the first tap of the first.
    at: isize,
    /// The first output.
    first: usize,
    /// How many are wanted.
    many: usize,
    /// Whether the source positions are in the row, from `at` on.
    inside: u32,
}
