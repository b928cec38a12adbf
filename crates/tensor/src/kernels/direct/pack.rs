//! Weights in the panels that products read.

use super::super::micro::{packed_len, panels};
use super::super::pairs::Operands;
use super::super::parallel::{Shared, each, scratch};
use super::super::simd::{Block, Job, Lanes, Simd, mirror};
use super::super::{Real, filled};

/// A matrix (taps × inputs) × outputs inside a weight: element (tap, i, o) at `first + i·input + o·output + tap`.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Matrix {
    pub(in super::super) inputs: usize,
    pub(in super::super) outputs: usize,
    pub(in super::super) first: usize,
    pub(in super::super) input: usize,
    pub(in super::super) output: usize,
}

/// Inputs that are packed together: enough to be read in a stream, few enough for what is written to stay in the cache.
const INPUTS: usize = 64;

/// The chosen taps of a matrix in panels: [panel][tap][input][column], or the same in pairs of (tap, input); columns past
/// the last are zero.
pub(super) fn pack<T: Real>(simd: Simd, operands: Operands, m: Matrix, taps: &[usize], weight: &[T]) -> Vec<T> {
    let (lanes, k) = (T::lanes(simd), m.inputs * taps.len());
    let rows = operands.rows(k);
    let all: Vec<_> = panels(lanes, m.outputs).collect();
    let last = m.first + (m.inputs.max(1) - 1) * m.input + (m.outputs.max(1) - 1) * m.output;
    assert!(k * m.outputs == 0 || taps.iter().all(|tap| last + tap < weight.len()), "a weight that holds the matrix");
    // SAFETY: every element of the matrix lies in the weight; the panel at `from` has width·rows elements from from·rows
    // on, and its unit writes each of them.
    unsafe {
        filled(packed_len(lanes, m.outputs, rows), |packed| {
            let out = Shared::new(packed.as_mut_ptr().cast::<T>());
            each(all.len(), |panel| {
                let (from, width) = all[panel];
                let to = out.at(from * rows);
                let numbers = |to| T::launch(simd, Panel { m, taps, weight, from, width, to });
                match operands {
                    Operands::Numbers => numbers(to),
                    Operands::Pairs => scratch::<T>(k * width, |all| {
                        numbers(all);
                        T::across(Block { at: all, stride: width, rows: k, columns: width }, to, width);
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
        let Self { m, taps, from, width, .. } = self;
        let columns = width.min(m.outputs - from);
        for (t, tap) in taps.iter().enumerate() {
            for first in (0..m.inputs).step_by(INPUTS) {
                let inputs = INPUTS.min(m.inputs - first);
                // SAFETY: elements of the matrix, and rows of the panel.
                unsafe {
                    let weight = self.weight.as_ptr().add(m.first + from * m.output + first * m.input + tap);
                    let to = self.to.add((t * m.inputs + first) * width);
                    // Along what lies together in the weight.
                    if m.output == 1 {
                        for i in 0..inputs {
                            std::ptr::copy_nonoverlapping(weight.add(i * m.input), to.add(i * width), columns);
                        }
                    } else if m.input == 1 {
                        let block = Block { at: weight, stride: m.output, rows: columns, columns: inputs };
                        mirror::<V>(block, to, width);
                    } else if m.input < m.output {
                        for column in 0..columns {
                            for i in 0..inputs {
                                *to.add(i * width + column) = *weight.add(i * m.input + column * m.output);
                            }
                        }
                    } else {
                        for i in 0..inputs {
                            for column in 0..columns {
                                *to.add(i * width + column) = *weight.add(i * m.input + column * m.output);
                            }
                        }
                    }
                    for i in 0..inputs {
                        to.add(i * width + columns).write_bytes(0, width - columns);
                    }
                }
            }
        }
    }
}
