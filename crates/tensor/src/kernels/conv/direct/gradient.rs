//! The gradient of the weight of a direct convolution,
//! `dW[k, o] = Σ_pixels W[pixel, k] · dy[pixel, o]`: the matrix of windows transposed, times dy.
//! Where every window is a pixel it is `dW[o, k]`, dy transposed times the map: the weight as it
//! lies.
//!
//! A unit of work sums a chunk of dW that stays in the second-level cache over a part of the
//! pixels. How many parts there are depends only on the sizes; each part has a dW of its own, and
//! they are added in their order, so that no bit depends on the number of threads. Of a block of
//! pixels the operand on the right is packed in panels and the one on the left copied together
//! where its rows would fall into the same lines of the cache; while a block is multiplied, the
//! lines of the next are asked for (1x1 convolutions of ResNet-50, 8 pictures: 6 % of the time).

use std::ops::Range;

use super::sums::{added, unpack};
use super::windows::{Gather, Map, Windows};
use crate::kernels::conv::maps::Maps;
use crate::kernels::gemm::{Ahead, Operands, Packed, Product, Rows, Transposed, panels};
use crate::kernels::memory::{Shared, each, filled, scratch};
use crate::kernels::simd::{Block, Job, Lanes, Real, SIDE, Simd, transpose};
use crate::sizes::Convolution;

/// Output pixels, or pairs of them, of a block.
const PIXELS: usize = 224;
/// Rows and columns of dW, at most, of one unit.
const ROWS: usize = 256;
const COLUMNS: usize = 128;
/// Columns where blocks of pairs are multiplied, for which turning the operand on the left is most
/// of the work: it is turned anew for each chunk of columns.
const BLOCKED: usize = 512;
/// How many units there should be, and the bytes of all parts together that may be spent for it.
const UNITS: usize = 16;
const BYTES: usize = 8 << 20;
/// Numbers between the windows of two pixels, so that they do not all fall into the same lines of
/// the cache.
const PADDING: usize = 16;

/// The gradient of the weight (O,I,R,S).
///
/// # Safety
/// The pointers hold what the shape says.
pub(crate) unsafe fn weight_gradient<M: Maps>(
    (simd, operands): (Simd, Operands),
    d: &Convolution,
    x: *const M,
    dy: *const M,
) -> Vec<M::Real> {
    let lanes = M::Real::lanes(simd);
    let inputs: Vec<_> = (0..d.groups).map(|group| Windows::forward(d, group)).collect();
    let outputs: Vec<_> = (0..d.groups).map(|group| gradient_pixels(d, group)).collect();
    // The weight's own order where every window is a pixel.
    let pixels = (d.r, d.s, d.top, d.left) == (1, 1, 0, 0);
    let (left, right) = if pixels { ((dy, &outputs), (x, &inputs)) } else { ((x, &inputs), (dy, &outputs)) };
    let (k, columns) = (left.1[0].k(), right.1[0].k());
    let padded = columns.next_multiple_of(lanes);
    let size = d.groups * k * padded;
    let height = (operands.steps(PIXELS) / d.ow).max(1);
    let line_blocks = (d.n * d.oh).div_ceil(height);
    let tall = k.div_ceil(ROWS);
    let most = match operands {
        Operands::Floats => COLUMNS,
        Operands::Blocks(_) => BLOCKED,
    };
    let width = padded.div_ceil(padded.div_ceil(most)).next_multiple_of(2 * lanes);
    let wide = padded.div_ceil(width);
    let chunks = d.groups * tall * wide;
    let parts = UNITS.div_ceil(chunks).min(BYTES / (size * size_of::<M::Real>())).clamp(1, line_blocks);
    let (a, b) = (Shared::new(left.0.cast_mut()), Shared::new(right.0.cast_mut()));
    // SAFETY: the chunks of the parts cover all sums, and each unit writes all of its own.
    let sums = unsafe {
        filled(parts * size, |sums| {
            let sums = Shared::new(sums.as_mut_ptr().cast::<M::Real>());
            each(parts * chunks, |unit| {
                let (part, group, row, column) =
                    (unit / chunks, unit % chunks / (tall * wide), unit / wide % tall, unit % wide * width);
                let rows = row * k / tall..(row + 1) * k / tall;
                let chunk = Chunk {
                    operands,
                    left: (&left.1[group], a.at(0)),
                    right: (&right.1[group], b.at(0)),
                    columns: column..columns.min(column + width),
                    padded: width.min(padded - column),
                    c: sums.at(part * size + (group * k + rows.start) * padded + column),
                    ldc: padded,
                    rows,
                    lines: d.n * d.oh,
                    height,
                };
                chunk.run(simd, part * line_blocks / parts..(part + 1) * line_blocks / parts);
            });
        })
    };
    match pixels {
        true if (parts, padded) == (1, columns) => sums,
        true => added(simd, (d.o, columns), padded, parts, &sums),
        false => unpack(simd, d, padded, &sums),
    }
}

/// A chunk of dW, `left`ᵀ times `right`.
struct Chunk<'a, M: Maps> {
    operands: Operands,
    left: (&'a Windows, *const M),
    /// Windows that are pixels.
    right: (&'a Windows, *const M),
    rows: Range<usize>,
    columns: Range<usize>,
    /// Columns up to whole vectors.
    padded: usize,
    c: *mut M::Real,
    ldc: usize,
    /// Lines of the output, all pictures, and those of a block.
    lines: usize,
    height: usize,
}

impl<M: Maps> Chunk<'_, M> {
    /// Sums up some blocks.
    unsafe fn run(&self, simd: Simd, blocks: Range<usize>) {
        let columns = self.left.0.columns;
        scratch::<M::Real>(self.room(self.height * columns), |memory| {
            for block in blocks.clone() {
                let lines = self.block(block);
                let pixels = lines.len() * columns;
                // SAFETY: the caller's promise; the scratch memory holds both operands of a block.
                unsafe {
                    let (a, lda) = match self.operands {
                        Operands::Floats => self.floats(simd, lines, memory),
                        Operands::Blocks(_) => self.pairs(simd, lines, memory),
                    };
                    let product = Product {
                        rows: self.rows.len(),
                        columns: self.padded,
                        kc: self.operands.rows(pixels),
                        a,
                        lda,
                        b: memory,
                        c: self.c,
                        ldc: self.ldc,
                        add: block > blocks.start,
                    };
                    let mut ahead = [Ahead::NOTHING; 2];
                    if block + 1 < blocks.end {
                        let line = self.block(block + 1).start;
                        ahead = [self.ahead(self.left, &self.rows, line), self.ahead(self.right, &self.columns, line)];
                    }
                    let transposed = Transposed::new(product, Rows::InPanels).ahead(ahead);
                    match self.operands {
                        Operands::Floats => M::Real::launch(simd, transposed),
                        Operands::Blocks(_) => {
                            let (a, lda) = self.rows_of_pairs(simd, (a, lda), pixels, memory);
                            self.operands.multiply(simd, Packed::new(Product { a, lda, ..product }));
                        }
                    }
                }
            }
        });
    }

    /// Numbers from row to row of the operand on the left where it is copied.
    fn stride(&self) -> usize {
        self.rows.len() + PADDING
    }

    /// Numbers of scratch memory for so many pixels.
    fn room(&self, pixels: usize) -> usize {
        let operands = self.operands.rows(pixels) * (self.padded + self.stride());
        match self.operands {
            Operands::Floats => operands,
            // And the elements of one operand, or its rows.
            Operands::Blocks(_) => operands + self.copied(pixels).max(self.rows_room(pixels)),
        }
    }

    /// Numbers of one operand before its pairs are made.
    fn copied(&self, pixels: usize) -> usize {
        pixels * (self.padded.max(self.rows.len()) + PADDING)
    }

    /// Numbers of the rows of the operand on the left, up to whole blocks.
    fn rows_room(&self, pixels: usize) -> usize {
        self.rows.len().next_multiple_of(SIDE) * (self.operands.rows(pixels) + PADDING)
    }

    /// The operand on the left, row by row, behind both where elements were copied.
    unsafe fn rows_of_pairs(
        &self,
        simd: Simd,
        (at, stride): (*const M::Real, usize),
        pixels: usize,
        memory: *mut M::Real,
    ) -> (*const M::Real, usize) {
        let pairs = self.operands.rows(pixels);
        let (to, lda) = (memory.wrapping_add(pairs * (self.padded + self.stride())), pairs + PADDING);
        let from = Block { at, stride, rows: pairs, columns: self.rows.len() };
        // SAFETY: the caller's promise; the room is that of the rows.
        unsafe { M::Real::launch(simd, Turned { from, to, stride: lda }) }
        (to, lda)
    }

    /// Packs the operand on the right to `memory`: the one on the left, where it lies or copied
    /// behind it, and the distance of its rows.
    unsafe fn floats(&self, simd: Simd, lines: Range<usize>, memory: *mut M::Real) -> (*const M::Real, usize) {
        let ((windows, a), (right, b)) = (self.left, self.right);
        // Maps of floats are maps of what is computed with.
        let (a, b) = (a.cast::<M::Real>(), b.cast::<M::Real>());
        let (pixels, k) = (lines.len() * windows.columns, self.columns.clone());
        // SAFETY: the caller's promise.
        unsafe {
            M::Real::launch(simd, Panels { windows: right, x: b, lines: lines.clone(), k, to: memory });
            match windows.in_place::<M::Real>() {
                Some((at, lda)) => (a.add(lines.start * windows.columns * lda + at + self.rows.start), lda),
                None => {
                    let (to, k, stride) = (memory.add(pixels * self.padded), self.rows.clone(), self.stride());
                    M::Real::launch(simd, Gather { windows, x: a, lines, k, to, stride });
                    (to.cast_const(), stride)
                }
            }
        }
    }

    /// The same in pairs of pixels.
    unsafe fn pairs(&self, simd: Simd, lines: Range<usize>, memory: *mut M::Real) -> (*const M::Real, usize) {
        let pixels = lines.len() * self.left.0.columns;
        let (pairs, lanes, stride) = (self.operands.rows(pixels), M::Real::lanes(simd), self.stride());
        let left = memory.wrapping_add(pairs * self.padded);
        let copy = left.wrapping_add(pairs * stride).cast::<M>();
        let ((windows, a), (right, b)) = (self.left, self.right);
        // SAFETY: the caller's promise.
        unsafe {
            let steps = (lines.clone(), self.columns.clone());
            let from = right.block(simd, b, steps, (copy, self.columns.len() + PADDING));
            for (first, width) in panels(lanes, self.columns.len()) {
                let (at, columns) = (from.at.add(first), width.min(self.columns.len() - first));
                let to = memory.add(first * pairs);
                if columns < width {
                    to.write_bytes(0, pairs * width);
                }
                self.operands.across(simd, Block { at, columns, ..from }, to, width);
            }
            let rows = windows.block(simd, a, (lines, self.rows.clone()), (copy, stride));
            self.operands.across(simd, rows, left, stride);
        }
        (left, stride)
    }

    fn block(&self, number: usize) -> Range<usize> {
        number * self.height..self.lines.min((number + 1) * self.height)
    }

    /// The block from `line` on, where its pixels lie evenly.
    fn ahead(&self, (windows, x): (&Windows, *const M), k: &Range<usize>, line: usize) -> Ahead<M::Real> {
        match windows.evenly() {
            Some((at, stride)) => {
                let at = x.wrapping_add(line * windows.columns * stride + at + k.start);
                let words = |elements: usize| elements * size_of::<M>() / size_of::<M::Real>();
                Ahead { at: at.cast(), stride: words(stride), columns: words(k.len()) }
            }
            None => Ahead::NOTHING,
        }
    }
}

/// A block turned.
struct Turned<T> {
    from: Block<T>,
    to: *mut T,
    stride: usize,
}

impl<T: Real> Job<T> for Turned<T> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        // SAFETY: the caller vouches for both blocks.
        unsafe { transpose::<V>(self.from, self.to, self.stride) }
    }
}

/// dy as windows of one pixel.
fn gradient_pixels(d: &Convolution, group: usize) -> Windows {
    let source = Map { h: d.oh, w: d.ow, c: d.o, from: group * d.o_group(), channels: d.o_group() };
    Windows::new(source, (d.oh, d.ow), 1, (&[0], &[0]))
}

/// Packs columns of windows that are pixels in panels; columns past the last are zero.
struct Panels<'a, T> {
    windows: &'a Windows,
    x: *const T,
    lines: Range<usize>,
    k: Range<usize>,
    to: *mut T,
}

impl<T: Real> Job<T> for Panels<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        let (w, columns) = (self.windows, self.k.len());
        let pixels = self.lines.len() * w.columns;
        // Pixel by pixel, so that the map is read in one stream.
        for (number, line) in self.lines.enumerate() {
            for column in 0..w.columns {
                let pixel = number * w.columns + column;
                let x = w.pixel(line, column) + self.k.start;
                for (from, width) in panels(V::N, columns) {
                    for at in (0..width).step_by(V::N) {
                        let n = V::N.min(columns - from - at);
                        // SAFETY: n channels of a pixel, and a whole vector of the panel.
                        unsafe {
                            let values = V::load_up_to(self.x.add(x + from + at), n);
                            values.store(self.to.add(from * pixels + pixel * width + at));
                        }
                    }
                }
            }
        }
    }
}
