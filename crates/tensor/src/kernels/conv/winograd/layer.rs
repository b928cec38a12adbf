//! The three ways of a layer through the stages.

use std::ops::Range;

use super::limits::{BLOCK, CHUNK, COLUMNS, INPUTS, POINTS, TILES, UNITS, point_stride};
use super::outputs::Outputs;
use super::patches::Patches;
use super::tiling::Tiling;
use super::weights::{Kernels, Weights};
use crate::kernels::conv::finish::Finish;
use crate::kernels::gemm::tally::Tally;
use crate::kernels::gemm::{Packed, Product, packed_len, panels};
use crate::kernels::memory::{Shared, each, scratch};
use crate::kernels::simd::{Real, Simd};

/// A layer on its way from a map to another.
pub(super) struct Layer<T: Real> {
    pub(super) simd: Simd,
    pub(super) t: Tiling,
    pub(super) c: usize,
    pub(super) o: usize,
    /// `o` up to whole vectors.
    pub(super) padded: usize,
    pub(super) x: Shared<T>,
    /// The first output, and channels from pixel to pixel.
    pub(super) out: Shared<T>,
    pub(super) channels: usize,
    pub(super) finish: Finish<T>,
    pub(super) streamed: bool,
    /// One for each block of tiles that goes to the map at a time.
    pub(super) tally: Tally<T>,
}

impl<T: Real> Layer<T> {
    /// Tiles of a block: few enough for the cache, and for several blocks to each thread.
    pub(super) fn block(&self) -> usize {
        let per_tile = (POINTS + 1) * self.c.max(self.padded) * size_of::<T>();
        let most = (BLOCK / per_tile / 14).max(1) * 14;
        most.min(self.t.tiles().div_ceil(UNITS)).max(1)
    }

    /// Each thread takes blocks of tiles through all stages: weights that stay in the cache are
    /// read again for each.
    pub(super) unsafe fn in_blocks(&self, u: &[T]) {
        let (widest, tiles, block) = (self.c.max(self.padded), self.t.tiles(), self.block());
        let stride = point_stride(block, widest);
        each(tiles.div_ceil(block), |unit| {
            let (from, to) = (unit * block, tiles.min((unit + 1) * block));
            let zeros = self.c.next_multiple_of(16);
            scratch::<T>(zeros + (POINTS + 1) * stride, |memory| {
                // Products go where the matrix before theirs was: one set of 37 for both.
                let (m, v) = (memory.wrapping_add(zeros), memory.wrapping_add(zeros + stride));
                // SAFETY: the scratch memory holds zeros, v and m; the tiles of the output are this
                // unit's own.
                unsafe {
                    self.patches(memory, (v, stride), from, to);
                    for point in 0..POINTS {
                        let (v, m) = (v.add(point * stride), m.add(point * stride));
                        self.product(u, point, 0..self.padded, from..to, (v, m));
                    }
                    self.outputs((m, stride), 0..self.padded, unit, from..to);
                }
            });
        });
    }

    /// Tiles of a chunk.
    pub(super) fn chunk(&self) -> usize {
        let most = CHUNK / (POINTS * (self.c + self.padded) * size_of::<T>());
        (most / TILES * TILES).max(TILES)
    }

    /// All threads share a chunk of tiles, stage by stage: every weight is read once for all its
    /// tiles.
    pub(super) unsafe fn in_chunks(&self, u: &[T]) {
        let (c, padded, tiles) = (self.c, self.padded, self.t.tiles());
        let chunk = self.chunk().min(tiles);
        let (v_stride, m_stride) = (point_stride(chunk, c), point_stride(chunk, padded));
        let mut memory: Vec<T> = Vec::with_capacity(POINTS * (v_stride + m_stride));
        let v = Shared::new(memory.as_mut_ptr());
        let m = Shared::new(v.at(POINTS * v_stride));
        let groups = padded.div_ceil(COLUMNS);
        for first in (0..tiles).step_by(chunk) {
            let count = chunk.min(tiles - first);
            // SAFETY: v has room for a chunk.
            unsafe { self.patches_of(v, v_stride, first, count) }
            each(POINTS * groups, |unit| {
                let (point, column) = (unit / groups, unit % groups * COLUMNS);
                let columns = column..padded.min(column + COLUMNS);
                let (v, m) = (v.at(point * v_stride), m.at(point * m_stride + column));
                // SAFETY: v is complete; these columns of this point are the unit's own.
                unsafe { self.product(u, point, columns, first..first + count, (v, m)) }
            });
            each(count.div_ceil(TILES), |unit| {
                let (from, to) = (unit * TILES, count.min((unit + 1) * TILES));
                // SAFETY: m is complete; the tiles of the output are the unit's own.
                unsafe {
                    let m = (m.at(from * padded).cast_const(), m_stride);
                    self.outputs(m, 0..padded, first / TILES + unit, first + from..first + to);
                }
            });
        }
    }

    /// So few tiles that they are less than the weights: each unit takes some columns of all
    /// products, and transforms the kernels for them piece by piece in the cache.
    pub(super) unsafe fn by_columns(&self, weights: Weights<'_, T>) {
        let Weights { matrix, turned, weight } = weights;
        let (c, tiles, lanes) = (self.c, self.t.tiles(), T::lanes(self.simd));
        let v_stride = point_stride(tiles, c);
        let mut memory: Vec<T> = Vec::with_capacity(POINTS * v_stride);
        let v = Shared::new(memory.as_mut_ptr());
        // SAFETY: v has room for all tiles.
        unsafe { self.patches_of(v, v_stride, 0, tiles) }
        let all: Vec<_> = panels(lanes, self.o).collect();
        each(all.len(), |unit| {
            let panel @ (column, columns) = all[unit];
            let (m_stride, u_stride) = (point_stride(tiles, columns), point_stride(INPUTS, columns));
            scratch::<T>(POINTS * (m_stride + u_stride), |m| {
                let u = m.wrapping_add(POINTS * m_stride);
                for first in (0..c).step_by(INPUTS) {
                    let inputs = first..c.min(first + INPUTS);
                    let (kc, out) = (inputs.len(), u);
                    // SAFETY: the scratch memory has room for these inputs of the panel.
                    unsafe {
                        let size = u_stride;
                        let job = Kernels { matrix, turned, weight, panel, inputs, out, size, streamed: false };
                        T::launch(self.simd, job);
                    }
                    for point in 0..POINTS {
                        let rows = self.t.at_point(point, 0..tiles);
                        let product = Product {
                            rows: rows.len(),
                            columns,
                            kc,
                            a: v.at(point * v_stride + rows.start * c + first),
                            lda: c,
                            b: u.wrapping_add(point * u_stride),
                            c: m.wrapping_add(point * m_stride + rows.start * columns),
                            ldc: columns,
                            add: first > 0,
                        };
                        // SAFETY: v is complete; m and u are the unit's own.
                        unsafe { T::launch(self.simd, Packed::new(product)) }
                    }
                }
                // SAFETY: these columns of the output are the unit's own.
                unsafe { self.outputs((m, m_stride), column..column + columns, 0, 0..tiles) }
            });
        });
    }

    /// Transforms tiles of x, `count` from `first` on, to `v` on all threads.
    unsafe fn patches_of(&self, v: Shared<T>, v_stride: usize, first: usize, count: usize) {
        each(count.div_ceil(TILES), |unit| {
            let (from, to) = (unit * TILES, count.min((unit + 1) * TILES));
            // SAFETY: the rows of these tiles are the unit's own.
            scratch::<T>(self.c, |zeros| unsafe {
                self.patches(zeros, (v.at(from * self.c), v_stride), first + from, first + to);
            });
        });
    }

    /// Transforms some tiles of x to `v`; `zeros` has room for a pixel.
    unsafe fn patches(&self, zeros: *mut T, (v, stride): (*mut T, usize), from: usize, to: usize) {
        let patches = Patches { t: self.t, c: self.c, x: self.x.at(0), zeros, v, stride, from, to };
        // SAFETY: the caller's promise.
        unsafe { T::launch(self.simd, patches) }
    }

    /// Some columns, from a whole panel on, of the product of one point for some tiles, of which v
    /// and m have the first.
    unsafe fn product(
        &self,
        u: &[T],
        point: usize,
        columns: Range<usize>,
        tiles: Range<usize>,
        (v, m): (*const T, *mut T),
    ) {
        let rows = self.t.at_point(point, tiles);
        let size = packed_len(T::lanes(self.simd), self.o, self.c);
        let product = Product {
            rows: rows.len(),
            columns: columns.len(),
            kc: self.c,
            a: v.wrapping_add(rows.start * self.c),
            lda: self.c,
            b: u[point * size + columns.start * self.c..].as_ptr(),
            c: m.wrapping_add(rows.start * self.padded),
            ldc: self.padded,
            add: false,
        };
        // SAFETY: the caller's promise.
        unsafe { T::launch(self.simd, Packed::new(product)) }
    }

    /// Transforms some tiles of `m`, which has these columns of the block of this number, to the
    /// map.
    unsafe fn outputs(
        &self,
        (m, stride): (*const T, usize),
        columns: Range<usize>,
        number: usize,
        tiles: Range<usize>,
    ) {
        let Self { t, o, streamed, .. } = *self;
        let job = Outputs {
            t,
            o: self.channels,
            channels: columns.end.min(o) - columns.start,
            padded: columns.len(),
            m,
            out: self.out.at(columns.start),
            stride,
            from: tiles.start,
            to: tiles.end,
            finish: self.finish.from(columns.start),
            streamed,
            tally: self.tally.block(number).from(columns.start),
        };
        // SAFETY: the caller's promise.
        unsafe { T::launch(self.simd, job) }
    }
}
