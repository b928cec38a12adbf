//! The gradient of the weight of a direct convolution, `dW[k, o] = Σ_pixels W[pixel, k] · dy[pixel, o]`: the matrix of
//! windows transposed, times dy.
//!
//! A unit of work sums a chunk of dW that stays in the second-level cache over a part of the pixels. How many parts there
//! are depends only on the sizes; each part has a dW of its own, and they are added in their order, so that no bit
//! depends on the number of threads. A block of dy is packed in panels, and the windows are copied
//! together: read where they lie, both would miss the cache at every step.

use super::super::conv::Shape;
use super::super::micro::{Product, Rows, Transposed, panels};
use super::super::parallel::{Shared, each, scratch};
use super::super::simd::{Block, Job, Lanes, Simd, mirror};
use super::super::{Real, filled};
use super::windows::Gather;
use super::{PIXELS, forward_windows};

/// Rows and columns of dW, at most, of one unit.
const ROWS: usize = 256;
const COLUMNS: usize = 256;
/// How many units there should be, and the bytes of all parts together that may be spent for it.
const UNITS: usize = 16;
const BYTES: usize = 8 << 20;
/// Numbers between the windows of two pixels, so that they do not all fall into the same lines of the cache.
const PADDING: usize = 16;

/// The gradient of the weight (O,I,R,S).
///
/// # Safety
/// The pointers hold what the shape says.
pub(in super::super) unsafe fn weight_gradient<T: Real>(simd: Simd, d: &Shape, x: *const T, dy: *const T) -> Vec<T> {
    let lanes = T::lanes(simd);
    let (k, padded) = (d.r * d.s * d.c_group(), d.o_group().next_multiple_of(lanes));
    let size = d.groups * k * padded;
    let height = (PIXELS / d.ow).max(1);
    let line_blocks = (d.n * d.oh).div_ceil(height);
    let tall = k.div_ceil(ROWS);
    let width = padded.div_ceil(padded.div_ceil(COLUMNS)).next_multiple_of(2 * lanes);
    let wide = padded.div_ceil(width);
    let chunks = d.groups * tall * wide;
    let parts = UNITS.div_ceil(chunks).min(BYTES / (size * size_of::<T>())).clamp(1, line_blocks);
    let windows: Vec<_> = (0..d.groups).map(|group| forward_windows(d, group)).collect();
    let (x, dy) = (Shared::new(x.cast_mut()), Shared::new(dy.cast_mut()));
    // SAFETY: the chunks of the parts cover all sums, and each unit writes all of its own.
    let sums = unsafe {
        filled(parts * size, |sums| {
            let sums = Shared::new(sums.as_mut_ptr().cast::<T>());
            each(parts * chunks, |unit| {
                let (part, group, row, column) =
                    (unit / chunks, unit % chunks / (tall * wide), unit / wide % tall, unit % wide * width);
                let rows = row * k / tall..(row + 1) * k / tall;
                let (columns, padded_columns) = (width.min(d.o_group() - column), width.min(padded - column));
                let first = group * d.o_group() + column;
                let c = sums.at(part * size + (group * k + rows.start) * padded + column);
                let windows = &windows[group];
                let stride = rows.len() + PADDING;
                scratch::<T>(height * d.ow * (padded_columns + stride), |memory| {
                    for block in part * line_blocks / parts..(part + 1) * line_blocks / parts {
                        let lines = block * height..(d.n * d.oh).min((block + 1) * height);
                        let (dy, pixels) = (dy.at(lines.start * d.ow * d.o + first), lines.len() * d.ow);
                        T::launch(simd, Panels { dy, o: d.o, pixels, columns, to: memory });
                        let (a, lda) = match windows.in_place::<T>() {
                            Some((at, lda)) => (x.at(lines.start * d.ow * lda + at + rows.start).cast_const(), lda),
                            None => {
                                let to = memory.add(pixels * padded_columns);
                                let (x, k) = (x.at(0).cast_const(), rows.clone());
                                T::launch(simd, Gather { windows, x, lines, k, to, stride });
                                (to.cast_const(), stride)
                            }
                        };
                        let product = Product {
                            rows: rows.len(),
                            columns: padded_columns,
                            kc: pixels,
                            a,
                            lda,
                            b: memory,
                            c,
                            ldc: padded,
                            add: block > part * line_blocks / parts,
                        };
                        T::launch(simd, Transposed(product, Rows::InPanels));
                    }
                });
            });
        })
    };
    unpack(simd, d, padded, &sums)
}

/// Packs columns of dy in panels; columns past the last are zero.
struct Panels<T> {
    dy: *const T,
    o: usize,
    pixels: usize,
    columns: usize,
    to: *mut T,
}

impl<T: Real> Job<T> for Panels<T> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        // Pixel by pixel, so that dy is read in one stream.
        for pixel in 0..self.pixels {
            for (from, width) in panels(V::N, self.columns) {
                for at in (0..width).step_by(V::N) {
                    let n = V::N.min(self.columns - from - at);
                    // SAFETY: n columns of dy, and a whole vector of the panel.
                    unsafe {
                        let values = V::load_up_to(self.dy.add(pixel * self.o + from + at), n);
                        values.store(self.to.add(from * self.pixels + pixel * width + at));
                    }
                }
            }
        }
    }
}

/// The sums over all parts, in their order, from [part][group][tap][c][o, padded] to O,I,R,S.
fn unpack<T: Real>(simd: Simd, d: &Shape, padded: usize, sums: &[T]) -> Vec<T> {
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

/// Outputs that are unpacked together, and numbers of each that are written in a stream.
const OUTPUTS: usize = 32;
const STREAM: usize = 144;

/// Some outputs of a group, all inputs and taps of them.
struct Unpack<'a, T> {
    d: &'a Shape,
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
                // SAFETY: these numbers of these outputs.
                unsafe { mirror::<V>(block, out.add(from * taps + piece), inputs * taps) }
            }
        }
    }
}
