//! The gradient of the weight: `dg = Gᵀ [Σ_tiles (A dy Aᵀ) ⊙ (Bᵀ d B)] G`, the sum being 36 products
//! (inputs × tiles)(tiles × outputs).
//!
//! How the sum is split depends only on the sizes, so that no bit depends on the number of threads. Where the 36
//! matrices of sums are small, each of a few **parts** of the tiles goes through all stages in the cache of one core and
//! has sums of its own. Where they are large there is one set of sums: a **chunk** of tiles is transformed by all threads,
//! then the products are shared out.

use super::super::conv::Shape;
use super::super::micro::{Product, Rows, Transposed};
use super::super::parallel::{Shared, each, scratch};
use super::super::simd::{Block, Job, Lanes, Simd, mirror};
use super::super::{Real, filled};
use super::stages::Patches;
use super::transform::{self, both_ways};
use super::{BLOCK, CHUNK, COLUMNS, POINTS, TILES, Tiling, point_stride};

/// Parts, at most, tiles of one, and bytes of its sums: adding the parts up must cost less than making them.
const PARTS: usize = 16;
const PART: usize = 160;
const SMALL: usize = 5 << 20;

/// The gradient of the weight (O,I,3,3).
///
/// # Safety
/// The pointers hold what the shape says.
pub(in super::super) unsafe fn weight_gradient<T: Real>(simd: Simd, d: &Shape, x: *const T, dy: *const T) -> Vec<T> {
    let t = Tiling { n: d.n, h: d.h, w: d.w, oh: d.oh, ow: d.ow, padding: d.padding };
    let padded = d.o.next_multiple_of(T::lanes(simd));
    let job =
        Gradient { simd, t, c: d.c, o: d.o, padded, x: Shared::new(x.cast_mut()), dy: Shared::new(dy.cast_mut()) };
    let size = POINTS * d.c * padded;
    // SAFETY: the caller's promise.
    let sums = unsafe { if size * size_of::<T>() <= SMALL { job.in_parts(size) } else { job.in_chunks(size) } };
    job.finish(size, &sums)
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

    /// `sums = vᵀ y` of one point, or `sums += vᵀ y`, for `columns` output channels.
    unsafe fn product(&self, tiles: usize, v: *const T, y: *const T, sums: *mut T, columns: usize, add: bool) {
        let (c, padded) = (self.c, self.padded);
        let product = Product { rows: c, columns, kc: tiles, a: v, lda: c, b: y, c: sums, ldc: padded, add };
        // SAFETY: the caller's promise.
        unsafe { T::launch(self.simd, Transposed(product, Rows::Apart(padded))) }
    }

    /// The sums of each part.
    unsafe fn in_parts(&self, size: usize) -> Vec<T> {
        let (c, padded, tiles) = (self.c, self.padded, self.t.tiles());
        let block = (BLOCK / (POINTS * (c + padded) * size_of::<T>())).clamp(8, 64);
        let blocks = tiles.div_ceil(block);
        let parts = (tiles / PART).clamp(4, PARTS).min(blocks);
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
                                self.product(to - from, v, y, sums, padded, block_at > first);
                            }
                        }
                    });
                });
            })
        }
    }

    /// All in one part.
    unsafe fn in_chunks(&self, size: usize) -> Vec<T> {
        let (c, padded, tiles) = (self.c, self.padded, self.t.tiles());
        let chunk = (CHUNK / (POINTS * (c + padded) * size_of::<T>())).max(TILES).min(tiles);
        let (v_stride, y_stride) = (point_stride(chunk, c), point_stride(chunk, padded));
        let mut memory: Vec<T> = Vec::with_capacity(POINTS * (v_stride + y_stride));
        let v = Shared::new(memory.as_mut_ptr());
        let y = Shared::new(v.at(POINTS * v_stride));
        let groups = padded.div_ceil(COLUMNS);
        // SAFETY: the first chunk of tiles writes all sums.
        unsafe {
            filled(size, |sums| {
                let out = Shared::new(sums.as_mut_ptr().cast::<T>());
                for first in (0..tiles).step_by(chunk) {
                    let count = chunk.min(tiles - first);
                    each(count.div_ceil(TILES), |unit| {
                        let (from, to) = (unit * TILES, count.min((unit + 1) * TILES));
                        scratch::<T>(c.max(padded), |zeros| {
                            // The rows of these tiles are the unit's own.
                            let (v, y) = (v.at(from * c), y.at(from * padded));
                            self.tiles(zeros, (v, v_stride), (y, y_stride), first + from, first + to);
                        });
                    });
                    each(POINTS * groups, |unit| {
                        let (point, column) = (unit / groups, unit % groups * COLUMNS);
                        let (v, y) = (v.at(point * v_stride), y.at(point * y_stride + column));
                        // v and y are complete; these columns of this point are the unit's own.
                        let sums = out.at(point * c * padded + column);
                        self.product(count, v, y, sums, COLUMNS.min(padded - column), first > 0);
                    });
                }
            })
        }
    }

    /// Gᵀ u G of every sum over the parts, in their order, to O,I,3,3.
    fn finish(&self, size: usize, sums: &[T]) -> Vec<T> {
        let lanes = T::lanes(self.simd);
        // SAFETY: each unit writes its own output channels, all of each.
        unsafe {
            filled(self.o * self.c * 9, |weight| {
                let out = Shared::new(weight.as_mut_ptr().cast::<T>());
                each(self.o.div_ceil(lanes), |unit| {
                    let (c, o, padded) = (self.c, self.o, self.padded);
                    T::launch(self.simd, Finish { c, o, padded, size, sums, from: unit * lanes, out: out.at(0) });
                });
            })
        }
    }
}

/// A dy Aᵀ of some tiles, to 36 matrices (tiles × padded channels).
struct Gradients<T> {
    t: Tiling,
    o: usize,
    padded: usize,
    dy: *const T,
    zeros: *mut T,
    y: *mut T,
    stride: usize,
    from: usize,
    to: usize,
}

impl<T: Real> Job<T> for Gradients<T> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        let (t, o) = (self.t, self.o);
        // SAFETY: as in `Patches`; the matrices have whole vectors of columns.
        unsafe {
            std::ptr::write_bytes(self.zeros, 0, o);
            for tile in self.from..self.to {
                let (picture, row, column) = t.place(tile);
                let dy = self.dy.add(picture * t.oh * t.ow * o);
                let mut pixels = [[self.zeros.cast_const(); 4]; 4];
                for (i, pixels) in pixels.iter_mut().enumerate() {
                    for (j, pixel) in pixels.iter_mut().enumerate() {
                        if 4 * row + i < t.oh && 4 * column + j < t.ow {
                            *pixel = dy.add(((4 * row + i) * t.ow + 4 * column + j) * o);
                        }
                    }
                }
                let y = self.y.add((tile - self.from) * self.padded);
                for from in (0..o).step_by(V::N) {
                    let n = V::N.min(o - from);
                    let mut patch = [[V::splat(T::ZERO); 4]; 4];
                    for i in 0..4 {
                        for j in 0..4 {
                            V::prefetch(pixels[i][j].wrapping_add(4 * o + from));
                            patch[i][j] = V::load_up_to(pixels[i][j].add(from), n);
                        }
                    }
                    let patch = both_ways!(transform::output_gradient, patch, 4, 6);
                    for i in 0..6 {
                        for j in 0..6 {
                            patch[i][j].store(y.add((i * 6 + j) * self.stride + from));
                        }
                    }
                }
            }
        }
    }
}

/// Gᵀ u G for one vector of output channels and all inputs, u being the sum of all parts.
struct Finish<'a, T> {
    c: usize,
    o: usize,
    padded: usize,
    /// Elements of a part.
    size: usize,
    sums: &'a [T],
    from: usize,
    out: *mut T,
}

impl<T: Real> Job<T> for Finish<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        /// Inputs that are finished together: what they become goes out in streams, one for each output.
        const INPUTS: usize = 16;
        let mut taps = [T::ZERO; INPUTS * 9 * 16];
        for first in (0..self.c).step_by(INPUTS) {
            let inputs = INPUTS.min(self.c - first);
            for input in 0..inputs {
                // SAFETY: the sums have whole vectors of columns.
                unsafe {
                    let mut u = [[V::splat(T::ZERO); 6]; 6];
                    for i in 0..6 {
                        for j in 0..6 {
                            let at = ((i * 6 + j) * self.c + first + input) * self.padded + self.from;
                            u[i][j] = V::load(self.sums.as_ptr().add(at));
                            for part in 1..self.sums.len() / self.size {
                                u[i][j] = u[i][j].add(V::load(self.sums.as_ptr().add(part * self.size + at)));
                            }
                        }
                    }
                    let g = both_ways!(transform::weight_gradient, u, 6, 3);
                    for tap in 0..9 {
                        g[tap / 3][tap % 3].store(taps.as_mut_ptr().add((input * 9 + tap) * V::N));
                    }
                }
            }
            let (rows, columns) = (inputs * 9, V::N.min(self.o - self.from));
            let taps = Block { at: taps.as_ptr(), stride: V::N, rows, columns };
            // SAFETY: these inputs of the outputs that exist.
            unsafe { mirror::<V>(taps, self.out.add((self.from * self.c + first) * 9), self.c * 9) }
        }
    }
}
