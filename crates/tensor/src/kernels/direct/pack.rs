//! Weights in the panels that products read.

use super::super::micro::{packed_len, panels};
use super::super::parallel::{Shared, each};
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

/// The chosen taps of a matrix in panels: [panel][tap][input][column], columns past the last are zero.
pub(super) fn pack<T: Real>(lanes: usize, m: Matrix, taps: &[usize], weight: &[T]) -> Vec<T> {
    let k = m.inputs * taps.len();
    let all: Vec<_> = panels(lanes, m.outputs).collect();
    let last = m.first + (m.inputs.max(1) - 1) * m.input + (m.outputs.max(1) - 1) * m.output;
    assert!(k * m.outputs == 0 || taps.iter().all(|tap| last + tap < weight.len()), "a weight that holds the matrix");
    let weight = Shared::new(weight.as_ptr().cast_mut());
    // SAFETY: every element of the matrix lies in the weight; the panel at `from` has width·k elements from from·k on, and its unit writes each of them.
    unsafe {
        filled(packed_len(lanes, m.outputs, k), |packed| {
            let out = Shared::new(packed.as_mut_ptr().cast::<T>());
            each(all.len(), |panel| {
                let (from, width) = all[panel];
                let columns = width.min(m.outputs - from);
                for (t, tap) in taps.iter().enumerate() {
                    let (at, to) = (m.first + from * m.output + tap, out.at(from * k + t * m.inputs * width));
                    for first in (0..m.inputs).step_by(INPUTS) {
                        let inputs = first..m.inputs.min(first + INPUTS);
                        let put = |i: usize, column: usize| {
                            *to.add(i * width + column) = *weight.at(at + i * m.input + column * m.output);
                        };
                        // Along what lies together in the weight.
                        if m.output == 1 {
                            for i in inputs.clone() {
                                let row = weight.at(at + i * m.input);
                                std::ptr::copy_nonoverlapping(row, to.add(i * width), columns);
                            }
                        } else if m.input < m.output {
                            (0..columns).for_each(|column| inputs.clone().for_each(|i| put(i, column)));
                        } else {
                            inputs.clone().for_each(|i| (0..columns).for_each(|column| put(i, column)));
                        }
                        for i in inputs {
                            to.add(i * width + columns).write_bytes(0, width - columns);
                        }
                    }
                }
            });
        })
    }
}
