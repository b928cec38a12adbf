//! From the sums of a weight's gradient, in several parts, to the weight.

use std::ops::Range;

use crate::kernels::memory::{Shared, each, filled};
use crate::kernels::simd::{Block, Job, Lanes, Real, Simd, transpose};
use crate::sizes::Convolution;

/// The sums over all parts, in their order, of rows of which only some columns count.
pub(crate) fn added<T: Real>(
    simd: Simd,
    (rows, columns): (usize, usize),
    padded: usize,
    parts: usize,
    sums: &[T],
) -> Vec<T> {
    assert_eq!(sums.len(), parts * rows * padded, "the rows of every part");
    // SAFETY: each unit writes its own rows, whole.
    unsafe {
        filled(rows * columns, |out| {
            let out = Shared::new(out.as_mut_ptr().cast::<T>());
            each(rows.div_ceil(ROWS), |unit| {
                let rows = unit * ROWS..rows.min((unit + 1) * ROWS);
                T::launch(simd, Added { rows, columns, padded, parts, sums, out: out.at(0) });
            });
        })
    }
}

/// Rows that are added up together.
const ROWS: usize = 32;

/// Some rows of [`added`].
struct Added<'a, T> {
    rows: Range<usize>,
    columns: usize,
    padded: usize,
    parts: usize,
    sums: &'a [T],
    out: *mut T,
}

impl<T: Real> Job<T> for Added<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        let size = self.sums.len() / self.parts;
        for row in self.rows {
            for column in (0..self.columns).step_by(V::N) {
                let at = self.sums[row * self.padded + column..].as_ptr();
                // SAFETY: rows are whole vectors in every part; the columns that count are written.
                unsafe {
                    let mut sum = V::load(at);
                    for part in 1..self.parts {
                        sum = sum.add(V::load(at.add(part * size)));
                    }
                    sum.store_up_to(self.out.add(row * self.columns + column), self.columns - column);
                }
            }
        }
    }
}

/// The sums over all parts, in their order, from `[part][group][tap][c][o, padded]` to O,I,R,S.
pub(crate) fn unpack<T: Real>(simd: Simd, d: &Convolution, padded: usize, sums: &[T]) -> Vec<T> {
    let units = d.o_group().div_ceil(OUTPUTS);
    // SAFETY: each unit writes its own outputs, all inputs and taps of them.
    unsafe {
        filled(d.o * d.c_group() * d.r * d.s, |out| {
            let out = Shared::new(out.as_mut_ptr().cast::<T>());
            each(d.groups * units, |unit| {
                let (group, first) = (unit / units, unit % units * OUTPUTS);
                let outputs = OUTPUTS.min(d.o_group() - first);
                T::launch(simd, Unpack { d, padded, sums, group, first, outputs, out: out.at(0) });
            });
        })
    }
}

/// Outputs that are unpacked together, and elements of each that are written in a stream.
const OUTPUTS: usize = 32;
const STREAM: usize = 144;

/// Some outputs of a group, all inputs and taps of them.
struct Unpack<'a, T> {
    d: &'a Convolution,
    padded: usize,
    sums: &'a [T],
    group: usize,
    first: usize,
    outputs: usize,
    out: *mut T,
}

impl<T: Real> Job<T> for Unpack<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        let (d, sums) = (self.d, self.sums.as_ptr());
        let (inputs, taps, outputs) = (d.c_group(), d.r * d.s, self.outputs);
        let size = d.groups * taps * inputs * self.padded;
        let out = self.out.wrapping_add((self.group * d.o_group() + self.first) * inputs * taps);
        let mut buffer = [T::ZERO; STREAM * OUTPUTS];
        let most = (STREAM / taps).max(1);
        for from in (0..inputs).step_by(most) {
            let rows = most.min(inputs - from) * taps;
            // A kernel of more taps than the buffer has rows goes through it in several pieces.
            for piece in (0..rows).step_by(STREAM) {
                let rows = STREAM.min(rows - piece);
                for row in 0..rows {
                    let (c, tap) = (from + (piece + row) / taps, (piece + row) % taps);
                    let at = ((self.group * taps + tap) * inputs + c) * self.padded + self.first;
                    for column in (0..outputs).step_by(V::N) {
                        let n = V::N.min(outputs - column);
                        // SAFETY: n outputs of every part, and of the buffer.
                        unsafe {
                            let mut sum = V::load_up_to(sums.add(at + column), n);
                            for part in 1..self.sums.len() / size {
                                sum = sum.add(V::load_up_to(sums.add(part * size + at + column), n));
                            }
                            sum.store_up_to(buffer.as_mut_ptr().add(row * OUTPUTS + column), n);
                        }
                    }
                }
                let block = Block { at: buffer.as_ptr(), stride: OUTPUTS, rows, columns: outputs };
                // SAFETY: these elements of these outputs.
                unsafe { transpose::<V>(block, out.add(from * taps + piece), inputs * taps) }
            }
        }
    }
}
