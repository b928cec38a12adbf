//! The gradient of the weight: `dg = Gᵀ [Σ_tiles (A dy Aᵀ) ⊙ (Bᵀ d B)] G`, the sum being 36
//! products (inputs × tiles)(tiles × outputs).
//!
//! How the sum is split depends only on the sizes, so that no bit depends on the number of threads.
//! Where the 36 matrices of sums are small, each of a few **parts** of the tiles goes through all
//! stages in the cache of one core and has sums of its own. Where they are large, a **chunk** of
//! tiles is transformed by all threads, then the products are shared out. If that chunk is all
//! there is, a block of the weight goes through its 36 products and is finished in the cache of one
//! core (512 channels at 7x7, 8 pictures: 4.7 ms; with sums of 38 MB in memory 9.3); if not, there
//! is one set of sums in memory.

use std::ops::Range;

use super::gradient_stages::{Finish, Gradients, Sums};
use super::limits::{BLOCK, CHUNK, COLUMNS, POINTS, TILES, point_stride};
use super::patches::Patches;
use super::tiling::Tiling;
use crate::kernels::gemm::{Product, Rows, Transposed};
use crate::kernels::memory::{Shared, each, filled, scratch};
use crate::kernels::simd::{Real, Simd};
use crate::sizes::Convolution;

/// Parts, at most, tiles of one, and bytes of its sums: adding the parts up must cost less than
/// making them.
const PARTS: usize = 16;
const PART: usize = 160;
const SMALL: usize = 5 << 20;
/// Inputs and outputs of a block of the weight whose 36 matrices of sums stay in the second-level
/// cache.
const BLOCK_ROWS: usize = 56;
const BLOCK_COLUMNS: usize = 64;

/// The gradient of the weight (O,I,3,3).
///
/// # Safety
/// The pointers hold what the shape says.
pub(crate) unsafe fn weight_gradient<T: Real>(simd: Simd, d: &Convolution, x: *const T, dy: *const T) -> Vec<T> {
    let t = Tiling::new(d.n, (d.h, d.w), (d.oh, d.ow), d.top);
    let padded = d.o.next_multiple_of(T::lanes(simd));
    let job =
        Gradient { simd, t, c: d.c, o: d.o, padded, x: Shared::new(x.cast_mut()), dy: Shared::new(dy.cast_mut()) };
    let size = POINTS * d.c * padded;
    // SAFETY: the caller's promise.
    unsafe {
        if size * size_of::<T>() <= SMALL {
            job.finish(size, &job.in_parts(size))
        } else if job.chunk() == t.tiles() {
            job.at_once()
        } else {
            job.finish(size, &job.in_chunks(size))
        }
    }
}

struct Gradient<T> {
    simd: Simd,
    t: Tiling,
    c: usize,
    o: usize,
    /// `o` up to whole vectors.
    padded: usize,
    x: Shared<T>,
    dy: Shared<T>,
}

impl<T: Real> Gradient<T> {
    /// Transforms some tiles of x to `v` and of dy to `y`; `zeros` has room for a pixel of either.
    unsafe fn tiles(
        &self,
        zeros: *mut T,
        (v, v_stride): (*mut T, usize),
        (y, y_stride): (*mut T, usize),
        from: usize,
        to: usize,
    ) {
        let patches = Patches { t: self.t, c: self.c, x: self.x.at(0), zeros, v, stride: v_stride, from, to };
        let (o, padded, dy) = (self.o, self.padded, self.dy.at(0));
        let gradients = Gradients { t: self.t, o, padded, dy, zeros, y, stride: y_stride, from, to };
        // SAFETY: the caller's promise.
        unsafe {
            T::launch(self.simd, patches);
            T::launch(self.simd, gradients);
        }
    }

    /// `sums = vᵀ y` of one point, or `sums += vᵀ y`, for some inputs and some output channels; v
    /// and y have the first of the tiles.
    unsafe fn product(
        &self,
        point: usize,
        tiles: Range<usize>,
        (v, rows): (*const T, usize),
        (y, columns): (*const T, usize),
        (sums, ldc): (*mut T, usize),
        add: bool,
    ) {
        let run = self.t.at_point(point, tiles);
        let (a, b) = (v.wrapping_add(run.start * self.c), y.wrapping_add(run.start * self.padded));
        let product = Product { rows, columns, kc: run.len(), a, lda: self.c, b, c: sums, ldc, add };
        // SAFETY: the caller's promise.
        unsafe { T::launch(self.simd, Transposed::new(product, Rows::Apart(self.padded))) }
    }

    /// The sums of each part.
    unsafe fn in_parts(&self, size: usize) -> Vec<T> {
        let (c, padded, tiles) = (self.c, self.padded, self.t.tiles());
        let block = (BLOCK / (POINTS * (c + padded) * size_of::<T>())).clamp(8, 64);
        let blocks = tiles.div_ceil(block);
        let parts = (tiles / PART).clamp(4, PARTS).next_multiple_of(2).min(blocks);
        let (v_stride, y_stride) = (point_stride(block, c), point_stride(block, padded));
        // SAFETY: every part has a block, and its first one writes all of the part's sums.
        unsafe {
            filled(parts * size, |sums| {
                let out = Shared::new(sums.as_mut_ptr().cast::<T>());
                each(parts, |part| {
                    scratch::<T>(c.max(padded) + POINTS * (v_stride + y_stride), |zeros| {
                        let v = zeros.wrapping_add(c.max(padded));
                        let y = v.wrapping_add(POINTS * v_stride);
                        let first = part * blocks / parts;
                        for block_at in first..(part + 1) * blocks / parts {
                            let (from, to) = (block_at * block, tiles.min((block_at + 1) * block));
                            self.tiles(zeros, (v, v_stride), (y, y_stride), from, to);
                            for point in 0..POINTS {
                                let (v, y) = (v.add(point * v_stride), y.add(point * y_stride));
                                let sums = out.at(part * size + point * c * padded);
                                self.product(point, from..to, (v, c), (y, padded), (sums, padded), block_at > first);
                            }
                        }
                    });
                });
            })
        }
    }

    /// Tiles of a chunk.
    fn chunk(&self) -> usize {
        let a_tile = POINTS * (self.c + self.padded) * size_of::<T>();
        (CHUNK / a_tile).max(TILES).min(self.t.tiles())
    }

    /// Transforms a chunk of tiles on all threads: the matrices of one, then those of the other.
    unsafe fn transformed(&self, memory: Chunk<T>, first: usize, count: usize) {
        let (c, padded) = (self.c, self.padded);
        each(count.div_ceil(TILES), |unit| {
            let (from, to) = (unit * TILES, count.min((unit + 1) * TILES));
            // SAFETY: the rows of these tiles are the unit's own.
            scratch::<T>(c.max(padded), |zeros| unsafe {
                let (v, y) = (memory.v.at(from * c), memory.y.at(from * padded));
                self.tiles(zeros, (v, memory.v_stride), (y, memory.y_stride), first + from, first + to);
            });
        });
    }

    /// All tiles are one chunk: a block of the weight goes through all its products and is finished
    /// in the cache.
    unsafe fn at_once(&self) -> Vec<T> {
        let (c, o, padded, tiles) = (self.c, self.o, self.padded, self.t.tiles());
        let mut memory = Vec::new();
        let chunk = Chunk::new(&mut memory, tiles, c, padded);
        let (tall, wide) = (c.div_ceil(BLOCK_ROWS), padded.div_ceil(BLOCK_COLUMNS));
        let point = BLOCK_ROWS * BLOCK_COLUMNS + 16;
        // SAFETY: the blocks cover the weight, and each unit writes all of its own.
        unsafe {
            self.transformed(chunk, 0, tiles);
            filled(o * c * 9, |weight| {
                let out = Shared::new(weight.as_mut_ptr().cast::<T>());
                each(tall * wide, |unit| {
                    let (row, column) = (unit / wide, unit % wide * BLOCK_COLUMNS);
                    let inputs = row * c / tall..(row + 1) * c / tall;
                    let columns = column..padded.min(column + BLOCK_COLUMNS);
                    scratch::<T>(POINTS * point, |sums| {
                        for number in 0..POINTS {
                            let v = chunk.v.at(number * chunk.v_stride + inputs.start);
                            let y = chunk.y.at(number * chunk.y_stride + column);
                            let to = sums.add(number * point);
                            let (v, y) = ((v.cast_const(), inputs.len()), (y.cast_const(), columns.len()));
                            self.product(number, 0..tiles, v, y, (to, BLOCK_COLUMNS), false);
                        }
                        let sums = Sums { at: sums, point, row: BLOCK_COLUMNS, parts: 1, part: 0 };
                        let out = out.at(0);
                        let finish = Finish { c, o, sums, inputs: inputs.clone(), outputs: columns.clone(), out };
                        T::launch(self.simd, finish);
                    });
                });
            })
        }
    }

    /// Chunk by chunk, into sums that are all in one part.
    unsafe fn in_chunks(&self, size: usize) -> Vec<T> {
        let (c, padded, tiles) = (self.c, self.padded, self.t.tiles());
        let mut memory = Vec::new();
        let chunk = Chunk::new(&mut memory, self.chunk(), c, padded);
        let groups = padded.div_ceil(COLUMNS);
        // SAFETY: the first chunk of tiles writes all sums.
        unsafe {
            filled(size, |sums| {
                let out = Shared::new(sums.as_mut_ptr().cast::<T>());
                for first in (0..tiles).step_by(self.chunk()) {
                    let count = self.chunk().min(tiles - first);
                    self.transformed(chunk, first, count);
                    each(POINTS * groups, |unit| {
                        let (point, column) = (unit / groups, unit % groups * COLUMNS);
                        let (v, y) = (chunk.v.at(point * chunk.v_stride), chunk.y.at(point * chunk.y_stride + column));
                        // v and y are complete; these columns of this point are the unit's own.
                        let sums = out.at(point * c * padded + column);
                        let columns = COLUMNS.min(padded - column);
                        self.product(point, first..first + count, (v, c), (y, columns), (sums, padded), first > 0);
                    });
                }
            })
        }
    }

    /// Gᵀ u G of every sum over the parts, in their order, to O,I,3,3.
    fn finish(&self, size: usize, sums: &[T]) -> Vec<T> {
        let (c, o, padded, lanes) = (self.c, self.o, self.padded, T::lanes(self.simd));
        let parts = sums.len() / size;
        // SAFETY: each unit writes its own output channels, all of each.
        unsafe {
            filled(o * c * 9, |weight| {
                let out = Shared::new(weight.as_mut_ptr().cast::<T>());
                each(padded / lanes, |unit| {
                    let outputs = unit * lanes..(unit + 1) * lanes;
                    let at = sums.as_ptr().add(outputs.start);
                    let sums = Sums { at, point: c * padded, row: padded, parts, part: size };
                    T::launch(self.simd, Finish { c, o, sums, inputs: 0..c, outputs, out: out.at(0) });
                });
            })
        }
    }
}

/// Memory for the matrices of a chunk of tiles.
struct Chunk<T> {
    v: Shared<T>,
    v_stride: usize,
    y: Shared<T>,
    y_stride: usize,
}

impl<T> Clone for Chunk<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Chunk<T> {}

impl<T> Chunk<T> {
    fn new(memory: &mut Vec<T>, tiles: usize, c: usize, padded: usize) -> Self {
        let (v_stride, y_stride) = (point_stride(tiles, c), point_stride(tiles, padded));
        memory.reserve_exact(POINTS * (v_stride + y_stride));
        let v = Shared::new(memory.as_mut_ptr());
        Self { v, v_stride, y: Shared::new(v.at(POINTS * v_stride)), y_stride }
    }
}
