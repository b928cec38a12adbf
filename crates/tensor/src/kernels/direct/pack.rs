//! Weights in the panels that products read.

use super::super::Real;
use super::super::micro::{packed_len, panels};
use super::super::parallel::{Shared, each};

/// A matrix (taps × inputs) × outputs inside a weight: element (tap, i, o) at `first + i·input + o·output + tap`.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Matrix {
    pub(in super::super) inputs: usize,
    pub(in super::super) outputs: usize,
    pub(in super::super) first: usize,
    pub(in super::super) input: usize,
    pub(in super::super) output: usize,
}

/// The chosen taps of a matrix in panels: [panel][tap][input][column], columns past the last are zero.
pub(super) fn pack<T: Real>(lanes: usize, m: Matrix, taps: &[usize], weight: &[T]) -> Vec<T> {
    let k = m.inputs * taps.len();
    let mut packed = vec![T::ZERO; packed_len(lanes, m.outputs, k)];
    let out = Shared::new(packed.as_mut_ptr());
    let all: Vec<_> = panels(lanes, m.outputs).collect();
    each(all.len(), |panel| {
        let (from, width) = all[panel];
        for column in 0..width.min(m.outputs - from) {
            let at = m.first + (from + column) * m.output;
            for (t, tap) in taps.iter().enumerate() {
                for i in 0..m.inputs {
                    let value = weight[at + i * m.input + tap];
                    // SAFETY: the panel begins at from·k and has width·k elements, this unit's own.
                    unsafe { *out.at(from * k + (t * m.inputs + i) * width + column) = value }
                }
            }
        }
    });
    packed
}
