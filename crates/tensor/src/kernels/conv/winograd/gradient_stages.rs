//! The first and the last stage of the weight's gradient: from dy to 36 matrices, and from 36
//! matrices of sums to the weight.
#![allow(clippy::needless_range_loop, reason = "row i, column j: so the formulas are written")]

use std::ops::Range;

use super::tiling::Tiling;
use super::transform::{self, both_ways};
use crate::kernels::simd::{Block, Job, Lanes, Real, transpose};

/// A dy Aᵀ of some tiles, to 36 matrices (tiles × padded channels).
pub(super) struct Gradients<T> {
    pub(super) t: Tiling,
    pub(super) o: usize,
    pub(super) padded: usize,
    pub(super) dy: *const T,
    pub(super) zeros: *mut T,
    pub(super) y: *mut T,
    pub(super) stride: usize,
    pub(super) from: usize,
    pub(super) to: usize,
}

impl<T: Real> Job<T> for Gradients<T> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        let (t, o) = (self.t, self.o);
        // SAFETY: as in `Patches`; the matrices have whole vectors of columns.
        unsafe {
            std::ptr::write_bytes(self.zeros, 0, o);
            for tile in self.from..self.to {
                let place = t.place(tile);
                let dy = self.dy.add(place.picture * t.oh * t.ow * o);
                let mut pixels = [[self.zeros.cast_const(); 4]; 4];
                for (i, pixels) in pixels.iter_mut().enumerate() {
                    for (j, pixel) in pixels.iter_mut().enumerate() {
                        if i < place.height && j < place.width {
                            *pixel = dy.add(((place.y + i) * t.ow + place.x + j) * o);
                        }
                    }
                }
                let y = self.y.add((tile - self.from) * self.padded);
                for from in (0..o).step_by(V::N) {
                    let n = V::N.min(o - from);
                    let mut patch = [[V::splat(T::ZERO); 4]; 4];
                    for i in 0..4 {
                        for j in 0..4 {
                            V::prefetch(pixels[i][j].wrapping_add(4 * o + from));
                            patch[i][j] = V::load_up_to(pixels[i][j].add(from), n);
                        }
                    }
                    let patch = both_ways!(transform::output_gradient, patch, 4, 6);
                    for i in 0..6 {
                        for j in 0..6 {
                            patch[i][j].store(y.add((i * 6 + j) * self.stride + from));
                        }
                    }
                }
            }
        }
    }
}

/// Where the 36 sums of each kernel lie, perhaps in several parts.
#[derive(Clone, Copy)]
pub(super) struct Sums<T> {
    /// The first point, input and output of those that are meant.
    pub(super) at: *const T,
    /// Elements from point to point, from input to input and from part to part.
    pub(super) point: usize,
    pub(super) row: usize,
    pub(super) parts: usize,
    pub(super) part: usize,
}

/// Gᵀ u G for some inputs and some whole vectors of outputs, u being the sum of all parts.
pub(super) struct Finish<T> {
    pub(super) c: usize,
    pub(super) o: usize,
    pub(super) sums: Sums<T>,
    pub(super) inputs: Range<usize>,
    pub(super) outputs: Range<usize>,
    pub(super) out: *mut T,
}

impl<T: Real> Job<T> for Finish<T> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        /// Inputs that are finished together: what they become goes out in streams, one for each
        /// output.
        const INPUTS: usize = 16;
        let Self { c, o, sums, inputs, outputs, out } = self;
        let mut taps = [T::ZERO; INPUTS * 9 * 16];
        for from in outputs.clone().step_by(V::N) {
            for first in inputs.clone().step_by(INPUTS) {
                let count = INPUTS.min(inputs.end - first);
                for input in 0..count {
                    // SAFETY: the sums have whole vectors of columns.
                    unsafe {
                        let row = sums.at.add((first - inputs.start + input) * sums.row + from - outputs.start);
                        let mut u = [[V::splat(T::ZERO); 6]; 6];
                        for i in 0..6 {
                            for j in 0..6 {
                                let at = row.add((i * 6 + j) * sums.point);
                                u[i][j] = V::load(at);
                                for part in 1..sums.parts {
                                    u[i][j] = u[i][j].add(V::load(at.add(part * sums.part)));
                                }
                            }
                        }
                        let g = both_ways!(transform::weight_gradient, u, 6, 3);
                        for tap in 0..9 {
                            g[tap / 3][tap % 3].store(taps.as_mut_ptr().add((input * 9 + tap) * V::N));
                        }
                    }
                }
                let taps = Block { at: taps.as_ptr(), stride: V::N, rows: count * 9, columns: V::N.min(o - from) };
                // SAFETY: these inputs of the outputs that exist.
                unsafe { transpose::<V>(taps, out.add((from * c + first) * 9), c * 9) }
            }
        }
    }
}
