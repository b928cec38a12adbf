//! G g Gᵀ of all kernels of a layer, in the panels that the 36 products read.

use super::super::Real;
use super::super::direct::Matrix;
use super::super::micro::{packed_len, panels};
use super::super::parallel::{Shared, each};
use super::super::simd::{Job, Lanes, Simd};
use super::POINTS;
use super::transform::{self, both_ways};

/// Inputs of one unit of work.
const INPUTS: usize = 32;

/// [point][panel][input][column]; `turned` turns each kernel round, for the gradient of the input.
pub(super) fn transformed<T: Real>(simd: Simd, matrix: Matrix, turned: bool, weight: &[T]) -> Vec<T> {
    let lanes = T::lanes(simd);
    let size = packed_len(lanes, matrix.outputs, matrix.inputs);
    let mut u: Vec<T> = Vec::with_capacity(POINTS * size);
    let out = Shared::new(u.as_mut_ptr());
    let all: Vec<_> = panels(lanes, matrix.outputs).collect();
    let groups = matrix.inputs.div_ceil(INPUTS);
    each(all.len() * groups, |unit| {
        let (panel, first) = (all[unit / groups], unit % groups * INPUTS);
        let inputs = first..matrix.inputs.min(first + INPUTS);
        // SAFETY: the unit's own rows of its panel, of every point.
        unsafe { T::launch(simd, Kernels { matrix, turned, weight, panel, inputs, out: out.at(0), size }) }
    });
    // SAFETY: the units have written every element of every panel.
    unsafe { u.set_len(POINTS * size) };
    u
}

struct Kernels<'a, T> {
    matrix: Matrix,
    turned: bool,
    weight: &'a [T],
    /// First column and width.
    panel: (usize, usize),
    inputs: std::ops::Range<usize>,
    out: *mut T,
    /// Elements of one point.
    size: usize,
}

impl<T: Real> Job<T> for Kernels<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        let (m, (from, width)) = (self.matrix, self.panel);
        for input in self.inputs {
            for vector in 0..width / V::N {
                let first = from + vector * V::N;
                let mut kernels = [[T::ZERO; 16]; 9];
                for lane in 0..V::N.min(m.outputs.saturating_sub(first)) {
                    let at = m.first + (first + lane) * m.output + input * m.input;
                    for (tap, &value) in self.weight[at..at + 9].iter().enumerate() {
                        kernels[if self.turned { 8 - tap } else { tap }][lane] = value;
                    }
                }
                // SAFETY: the row of this input, in this panel of every point.
                unsafe {
                    let mut g = [[V::splat(T::ZERO); 3]; 3];
                    for tap in 0..9 {
                        g[tap / 3][tap % 3] = V::load(kernels[tap].as_ptr());
                    }
                    let to = self.out.add(from * m.inputs + input * width + vector * V::N);
                    let u = both_ways!(transform::weight, g, 3, 6);
                    for i in 0..6 {
                        for j in 0..6 {
                            u[i][j].store(to.add((i * 6 + j) * self.size));
                        }
                    }
                }
            }
        }
    }
}
