//! Convolution in integers of 8 bits, for networks that only answer.
//!
//! As [`direct`](super::direct), by products with blocks of the matrix of windows; but each window
//! is rounded to unsigned integers while it is at hand, with a scale of its own, and each output
//! channel of the weight to signed ones. The sums of the products are exact. What a picture gives
//! depends on nothing else in its batch. Where the range of a window is not finite, neither is what
//! it gives.
//!
//! Read in this order: `weight`, `rows`, and here the blocks.
//!
//! B. Jacob et al., *Quantization and Training of Neural Networks for Efficient
//! Integer-Arithmetic-Only Inference*, 2018: the formulas, there with one scale for a whole map.

mod rows;
mod weight;

pub(crate) use weight::packed;

use std::ops::Range;

use rows::{Floats, Round, Words};
use weight::{Quantized, words};

use super::direct::Windows;
use super::finish::Finish;
use super::shape::Place;
use crate::kernels::gemm::{Packed, Product};
use crate::kernels::memory::{Shared, each, scratch};
use crate::kernels::simd::{Real, Simd, launch_on_quads};
use crate::sizes::Convolution;

/// Pixels whose windows are rounded together, and how many blocks of them there should be for each
/// column of blocks, where the map is large enough.
const PIXELS: usize = 56;
const UNITS: usize = 16;
/// The least columns of a block.
const COLUMNS: usize = 128;

/// The output (N,OH,OW,O) of one group, at a place of a map, of a weight that is [`packed`].
///
/// # Safety
/// The pointers hold what the shape says, and the place is one of the map.
pub(crate) unsafe fn forward(
    simd: Simd,
    d: &Convolution,
    x: *const f32,
    packed: &[f32],
    (out, place): (*mut f32, Place),
    finish: Finish<f32>,
) {
    let weight = Quantized::new(simd, d, packed);
    let (x, out) = (Shared::new(x.cast_mut()), Shared::new(out));
    let windows = Windows::forward(d, 0);
    let lines = d.n * d.oh;
    let height = (PIXELS / d.ow).max(1);
    let tall = lines.div_ceil(height);
    // Few blocks of lines are cut into columns, each of which rounds its windows anew.
    let wide = UNITS.div_ceil(tall).min(d.o.div_ceil(COLUMNS));
    let width = d.o.div_ceil(wide).next_multiple_of(2 * f32::lanes(simd));
    let wide = d.o.div_ceil(width);
    each(tall * wide, |unit| {
        let (row, column) = (unit / wide, unit % wide * width);
        let lines = row * height..lines.min((row + 1) * height);
        let columns = column..d.o.min(column + width);
        let block = Block { d, place, windows: &windows, weight: &weight, lines, columns, finish };
        // SAFETY: the caller's promise; the lines and columns are this unit's own.
        unsafe { block.run(simd, x.at(0), out.at(0)) }
    });
}

/// Some lines of the output, counted over all pictures, and some of its columns.
struct Block<'a> {
    d: &'a Convolution,
    place: Place,
    windows: &'a Windows,
    weight: &'a Quantized<'a>,
    lines: Range<usize>,
    columns: Range<usize>,
    finish: Finish<f32>,
}

impl Block<'_> {
    unsafe fn run(self, simd: Simd, x: *const f32, out: *mut f32) {
        let Self { d, place, windows, weight, lines, columns, finish } = self;
        let (pixels, words) = (lines.len() * d.ow, words(d));
        // Rows a power of two apart would fall into the same lines of the cache.
        let (copy, stride) = (windows.k() + 16, words + 16);
        let floats = if windows.evenly().is_some() { 0 } else { pixels * copy };
        scratch::<f32>(floats + pixels * (stride + 2), |memory| {
            let at = memory.wrapping_add(floats);
            let scales = at.wrapping_add(pixels * stride);
            let to = Words { at, stride, scales, zeros: scales.wrapping_add(pixels) };
            let from = columns.start;
            let c = out.wrapping_add(lines.start * d.ow * place.channels + place.from + from);
            let product = Product {
                rows: pixels,
                columns: columns.len(),
                kc: words,
                a: to.at,
                lda: stride,
                b: weight.panels()[columns.start * words..].as_ptr(),
                c,
                ldc: place.channels,
                add: false,
            };
            let (scales, sums) = (&weight.scales()[from..][..columns.len()], &weight.sums()[from..][..columns.len()]);
            let floats = Floats {
                c,
                rows: pixels,
                ldc: place.channels,
                words: to,
                scales,
                sums,
                finish: finish.from(place.from + from),
            };
            // SAFETY: the caller's promise; the scratch memory holds the windows of the lines, as
            // floats and as words, with their scales and zeros.
            unsafe {
                let from = windows.block(simd, x, (lines, 0..windows.k()), (memory, copy));
                f32::launch(simd, Round { from, to });
                launch_on_quads(simd, Packed::new(product));
                f32::launch(simd, floats);
                finish.activate(simd, (c, place.channels), pixels, columns.len());
            }
        });
    }
}
