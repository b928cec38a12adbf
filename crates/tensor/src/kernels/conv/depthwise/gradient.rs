//! The gradient of the weight of a depthwise convolution.

#![allow(clippy::needless_range_loop, reason = "several arrays of registers share an index")]

use super::{Reads, forward_columns, forward_rows};
use crate::kernels::memory::{Shared, each, reduce};
use crate::kernels::simd::{Element, Job, Lanes, Real, Simd, Stored};
use crate::sizes::Convolution;

/// Parts of the sum, at most.
const PARTS: usize = 16;

/// Vectors of channels whose sums are in registers at a time.
const VECTORS: usize = 2;

/// The gradient of the weight (C,1,R,S).
///
/// # Safety
/// The pointers hold what the shape says.
pub(crate) unsafe fn weight_gradient<M: Stored>(
    simd: Simd,
    d: &Convolution,
    x: *const M,
    dy: *const M,
) -> Vec<M::Real> {
    let size = d.r * d.s * d.c;
    let rows = d.n * d.oh;
    let parts = rows.clamp(1, PARTS);
    let mut sums = vec![M::Real::ZERO; parts * size];
    let reads = (forward_rows(d), forward_columns(d));
    let (x, dy, out) = (Shared::new(x.cast_mut()), Shared::new(dy.cast_mut()), Shared::new(sums.as_mut_ptr()));
    each(parts, |part| {
        for row in part * rows / parts..(part + 1) * rows / parts {
            let (x, dy) = (x.at(row / d.oh * d.h * d.w * d.c).cast_const(), dy.at(row * d.ow * d.c).cast_const());
            let job = RowGradient { d, rows: &reads.0[row % d.oh], columns: &reads.1, x, dy, out: out.at(part * size) };
            // SAFETY: one picture, one row of its dy, this part's own sums.
            unsafe { M::Real::launch(simd, job) }
        }
    });
    reduce(&mut sums, size);
    let taps = d.r * d.s;
    (0..size).map(|i| sums[i % taps * d.c + i / taps]).collect()
}

/// Adds what one row of outputs gives to the sums of the weight's gradient.
struct RowGradient<'a, M: Stored> {
    d: &'a Convolution,
    rows: &'a [(usize, usize)],
    columns: &'a Reads,
    x: *const M,
    dy: *const M,
    /// `[tap][channel]`
    out: *mut M::Real,
}

impl<M: Stored> Job<M::Real> for RowGradient<'_, M> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = M::Real>>(self) {
        let group = VECTORS * V::N;
        let whole = match self.d.s {
            3 | 5 | 7 => self.d.c / group * group,
            _ => 0,
        };
        // SAFETY: the caller's promise; both parts of the channels are added once.
        unsafe {
            for &row in self.rows {
                for from in (0..whole).step_by(group) {
                    match self.d.s {
                        3 => self.group::<V, 3>(row, from),
                        5 => self.group::<V, 5>(row, from),
                        _ => self.group::<V, 7>(row, from),
                    }
                }
                self.each::<V>(row, whole);
            }
        }
    }
}

impl<M: Stored> RowGradient<'_, M> {
    /// Output by output, from a channel on: what [`group`](Self::group) is held to, and what it
    /// leaves.
    #[inline(always)]
    unsafe fn each<V: Lanes<Real = M::Real>>(&self, (r, y): (usize, usize), begin: usize) {
        let d = self.d;
        // SAFETY: the pairs name positions of the source; channels stay below c.
        unsafe {
            for (ox, columns) in self.columns.iter().enumerate() {
                for &(s, x) in columns {
                    let (x, dy) = (self.x.add((y * d.w + x) * d.c), self.dy.add(ox * d.c));
                    let to = self.out.add((r * d.s + s) * d.c);
                    for from in (begin..d.c).step_by(V::N) {
                        let n = V::N.min(d.c - from);
                        let (x, dy) = (M::load::<V>(x.add(from), n), M::load::<V>(dy.add(from), n));
                        x.mul_add(dy, V::load_up_to(to.add(from), n)).store_up_to(to.add(from), n);
                    }
                }
            }
        }
    }

    /// A row of the window, of [`VECTORS`] vectors of channels from `from` on: its sums stay in
    /// registers along the row of outputs.
    #[inline(always)]
    unsafe fn group<V: Lanes<Real = M::Real>, const TAPS: usize>(&self, (r, y): (usize, usize), from: usize) {
        let d = self.d;
        let pace = d.dilation * d.c;
        // SAFETY: the caller vouches for the channels; only positions in the row are read.
        unsafe {
            let to = self.out.add(r * TAPS * d.c + from);
            let mut sums = [[V::splat(M::Real::ZERO); VECTORS]; TAPS];
            for t in 0..TAPS {
                for v in 0..VECTORS {
                    sums[t][v] = V::load(to.add(t * d.c + v * V::N));
                }
            }
            let line = self.x.add(y * d.w * d.c + from);
            for (ox, columns) in self.columns.iter().enumerate() {
                let mut dy = [V::splat(M::Real::ZERO); VECTORS];
                for v in 0..VECTORS {
                    dy[v] = M::load(self.dy.add(ox * d.c + from + v * V::N), V::N);
                }
                if columns.len() == TAPS {
                    let x = line.add(columns[0].1 * d.c);
                    for t in 0..TAPS {
                        for v in 0..VECTORS {
                            let x = M::load::<V>(x.add(t * pace + v * V::N), V::N);
                            sums[t][v] = x.mul_add(dy[v], sums[t][v]);
                        }
                    }
                } else {
                    for t in 0..TAPS {
                        let at = (ox * d.stride + t * d.dilation).wrapping_sub(d.left);
                        if at < d.w {
                            for v in 0..VECTORS {
                                let x = M::load::<V>(line.add(at * d.c + v * V::N), V::N);
                                sums[t][v] = x.mul_add(dy[v], sums[t][v]);
                            }
                        }
                    }
                }
            }
            for t in 0..TAPS {
                for v in 0..VECTORS {
                    sums[t][v].store(to.add(t * d.c + v * V::N));
                }
            }
        }
    }
}
