//! G g Gᵀ of all kernels of a layer, in the panels that the 36 products read.

use super::limits::POINTS;
use super::transform::{self, both_ways};
use crate::kernels::conv::shape::Matrix;
use crate::kernels::gemm::{packed_len, panels};
use crate::kernels::memory::{Shared, each};
use crate::kernels::simd::{Block, Job, Lanes, Real, STREAMED, Simd, transpose};

/// Inputs of one unit of work, and those whose kernels are read together.
const INPUTS: usize = 32;
const TOGETHER: usize = 16;
/// Inputs further on whose kernels are asked for, where they lie apart.
const AHEAD: usize = 2;

/// A weight as a matrix of kernels.
#[derive(Clone, Copy)]
pub(super) struct Weights<'a, T> {
    pub(super) matrix: Matrix,
    /// Whether each kernel is turned round, for the gradient of the input.
    pub(super) turned: bool,
    pub(super) weight: &'a [T],
}

/// `[point][panel][input][column]`.
pub(super) fn transformed<T: Real>(simd: Simd, weights: Weights<'_, T>) -> Vec<T> {
    let Weights { matrix, turned, weight } = weights;
    let lanes = T::lanes(simd);
    let size = packed_len(lanes, matrix.outputs, matrix.inputs);
    let mut u: Vec<T> = Vec::with_capacity(POINTS * size);
    let out = Shared::new(u.as_mut_ptr());
    let all: Vec<_> = panels(lanes, matrix.outputs).collect();
    let groups = matrix.inputs.div_ceil(INPUTS);
    let streamed = POINTS * size * size_of::<T>() > STREAMED && out.at(0).addr().is_multiple_of(64);
    each(all.len() * groups, |unit| {
        let (panel, first) = (all[unit / groups], unit % groups * INPUTS);
        let inputs = first..matrix.inputs.min(first + INPUTS);
        let out = out.at(panel.0 * matrix.inputs + first * panel.1);
        // SAFETY: the unit's own rows of its panel, of every point.
        unsafe { T::launch(simd, Kernels { matrix, turned, weight, panel, inputs, out, size, streamed }) }
    });
    // SAFETY: the units have written every element of every panel.
    unsafe { u.set_len(POINTS * size) };
    u
}

/// The kernels of some inputs, in one panel of every point.
pub(super) struct Kernels<'a, T> {
    pub(super) matrix: Matrix,
    pub(super) turned: bool,
    pub(super) weight: &'a [T],
    /// First column and width.
    pub(super) panel: (usize, usize),
    pub(super) inputs: std::ops::Range<usize>,
    /// Where the first of the inputs goes.
    pub(super) out: *mut T,
    /// Elements of one point.
    pub(super) size: usize,
    pub(super) streamed: bool,
}

impl<T: Real> Job<T> for Kernels<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        let (m, (from, width)) = (self.matrix, self.panel);
        // Kernels of neighboring inputs are one run of elements, or stand apart.
        let together = if m.input == 9 { TOGETHER } else { 1 };
        for vector in 0..width / V::N {
            let first = from + vector * V::N;
            let rows = V::N.min(m.outputs.saturating_sub(first));
            let mut taps = [T::ZERO; TOGETHER * 9 * 16];
            for input in self.inputs.clone().step_by(together) {
                let inputs = input..self.inputs.end.min(input + together);
                let at = self.weight[m.first + first.min(m.outputs - 1) * m.output + input * m.input..].as_ptr();
                let kernels = Block { at, stride: m.output, rows, columns: inputs.len() * 9 };
                // SAFETY: kernels of the weight; the rows of these inputs, in this panel of every
                // point.
                unsafe {
                    if together == 1 {
                        for line in (0..rows * 9).step_by(16) {
                            V::prefetch(at.wrapping_add(AHEAD * m.input + line));
                        }
                    }
                    transpose::<V>(kernels, taps.as_mut_ptr(), V::N);
                    for (taps, input) in taps.chunks_exact(9 * V::N).zip(inputs) {
                        let mut g = [[V::splat(T::ZERO); 3]; 3];
                        for tap in 0..9 {
                            let at = if self.turned { 8 - tap } else { tap };
                            g[tap / 3][tap % 3] = V::load(taps.as_ptr().add(at * V::N));
                        }
                        let to = self.out.add((input - self.inputs.start) * width + vector * V::N);
                        let u = both_ways!(transform::weight, g, 3, 6);
                        for i in 0..6 {
                            for j in 0..6 {
                                let to = to.add((i * 6 + j) * self.size);
                                if self.streamed { u[i][j].stream(to) } else { u[i][j].store(to) }
                            }
                        }
                    }
                }
            }
        }
        // SAFETY: no pointers.
        unsafe { V::fence() }
    }
}
