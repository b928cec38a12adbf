//! Weights in the panels that products read.

use crate::kernels::conv::shape::Matrix;
use crate::kernels::gemm::{Operands, packed_len, panels};
use crate::kernels::memory::{Shared, each, filled, scratch};
use crate::kernels::simd::{Block, Job, Lanes, Real, Simd, transpose};

/// Inputs that are packed together: enough to be read in a stream, few enough for what is written
/// to stay in the cache.
const INPUTS: usize = 64;
/// Taps of kernels, about, that are transposed together.
const BUFFER: usize = 144;

/// The chosen taps of a matrix in panels: `[panel][tap][input][column]`, or the same in pairs of
/// (tap, input); columns past the last are zero.
pub(crate) fn pack<T: Real>(simd: Simd, operands: Operands, m: Matrix, taps: &[usize], weight: &[T]) -> Vec<T> {
    let (lanes, k) = (T::lanes(simd), m.inputs * taps.len());
    let rows = operands.rows(k);
    let all: Vec<_> = panels(lanes, m.outputs).collect();
    let last = m.first + (m.inputs.max(1) - 1) * m.input + (m.outputs.max(1) - 1) * m.output;
    assert!(k * m.outputs == 0 || taps.iter().all(|tap| last + tap < weight.len()), "a weight that holds the matrix");
    // SAFETY: every element of the matrix lies in the weight; the panel at `from` has width·rows
    // elements from from·rows on, and its unit writes each of them.
    unsafe {
        filled(packed_len(lanes, m.outputs, rows), |packed| {
            let out = Shared::new(packed.as_mut_ptr().cast::<T>());
            each(all.len(), |panel| {
                let (from, width) = all[panel];
                let to = out.at(from * rows);
                let numbers = |to| T::launch(simd, Panel { m, taps, weight, from, width, to });
                match operands {
                    Operands::Floats => numbers(to),
                    Operands::Blocks(_) => scratch::<T>(k * width, |all| {
                        numbers(all);
                        operands.across(
                            simd,
                            Block { at: all.cast_const(), stride: width, rows: k, columns: width },
                            to,
                            width,
                        );
                    }),
                }
            });
        })
    }
}

/// One panel of [`pack`].
struct Panel<'a, T> {
    m: Matrix,
    taps: &'a [usize],
    weight: &'a [T],
    /// First column and width.
    from: usize,
    width: usize,
    to: *mut T,
}

impl<T: Real> Job<T> for Panel<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        let (m, columns) = (self.m, self.width.min(self.m.outputs - self.from));
        if columns < self.width {
            // SAFETY: all of the panel.
            unsafe { self.to.write_bytes(0, self.m.inputs * self.taps.len() * self.width) }
        }
        // SAFETY: elements of the matrix, and rows of the panel.
        unsafe {
            if m.input.min(m.output) > 1 {
                self.kernels::<V>(columns);
            } else {
                self.pixels::<V>(columns);
            }
        }
    }
}

impl<T: Real> Panel<'_, T> {
    /// A matrix of kernels of one tap: along what lies together in the weight.
    #[inline(always)]
    unsafe fn pixels<V: Lanes<Real = T>>(&self, columns: usize) {
        let Self { m, from, width, .. } = *self;
        for first in (0..m.inputs).step_by(INPUTS) {
            let inputs = INPUTS.min(m.inputs - first);
            // SAFETY: the caller's promise.
            unsafe {
                let weight = self.weight.as_ptr().add(m.first + from * m.output + first * m.input);
                let to = self.to.add(first * width);
                if m.input == 1 {
                    let block = Block { at: weight, stride: m.output, rows: columns, columns: inputs };
                    transpose::<V>(block, to, width);
                } else {
                    for i in 0..inputs {
                        std::ptr::copy_nonoverlapping(weight.add(i * m.input), to.add(i * width), columns);
                    }
                }
            }
        }
    }

    /// Kernels of several taps.
    #[inline(always)]
    unsafe fn kernels<V: Lanes<Real = T>>(&self, columns: usize) {
        let Self { m, taps, from, width, .. } = *self;
        let weight = self.weight.as_ptr().wrapping_add(m.first + from * m.output);
        if m.output < m.input {
            for (t, tap) in taps.iter().enumerate() {
                for i in 0..m.inputs {
                    for column in 0..columns {
                        // SAFETY: the caller's promise.
                        unsafe {
                            let to = self.to.add((t * m.inputs + i) * width + column);
                            *to = *weight.add(i * m.input + column * m.output + tap);
                        }
                    }
                }
            }
            return;
        }
        // Those of neighboring inputs follow each other: by the transpose of some, all taps of
        // them.
        let kernel = m.input;
        let together = (BUFFER / kernel).max(1);
        let mut buffer = vec![T::ZERO; together * kernel * V::N];
        for at in (0..columns).step_by(V::N) {
            let rows = V::N.min(columns - at);
            for first in (0..m.inputs).step_by(together) {
                let inputs = together.min(m.inputs - first);
                // SAFETY: the caller's promise.
                unsafe {
                    let at_first = weight.add(at * m.output + first * m.input);
                    let block = Block { at: at_first, stride: m.output, rows, columns: inputs * kernel };
                    transpose::<V>(block, buffer.as_mut_ptr(), V::N);
                    for (t, tap) in taps.iter().enumerate() {
                        let to = self.to.add((t * m.inputs + first) * width + at);
                        for i in 0..inputs {
                            let values = V::load(buffer.as_ptr().add((i * kernel + tap) * V::N));
                            values.store_up_to(to.add(i * width), rows);
                        }
                    }
                }
            }
        }
    }
}
