//! 3x3 convolution of stride 1 by Winograd's F(4x4, 3x3): 36 products instead of 144 for 16 outputs.
//!
//! The map is cut into tiles of 4x4 outputs, each from a 6x6 patch of the input. A block of tiles goes through three
//! stages that stay in the cache of one core: the patches are transformed to 36 matrices (tiles × inputs), each is
//! multiplied with the transformed weights (inputs × outputs), and the 36 results of every tile are transformed back,
//! where bias and ReLU are applied. The gradient of the input is the same routine, with the weights turned round and
//! the padding 2 - p; that of the weight is in `gradient`.
//!
//! S. Winograd, *Arithmetic complexity of computations*, 1980; A. Lavin, S. Gray, *Fast algorithms for convolutional
//! neural networks*, 2015. Errors against float64, over the root mean square of the result: 5e-6 root mean square.
#![allow(clippy::needless_range_loop, reason = "row i, column j: so the formulas are written")]

pub(super) mod gradient;
pub(super) mod transform;
mod weights;

use super::Real;
use super::conv::Shape;
use super::direct::Finish;
use super::micro::{Packed, Product, packed_len};
use super::parallel::{Shared, each, scratch};
use super::simd::{Job, Lanes, Simd};
use transform::both_ways;

/// Points of the transform.
const POINTS: usize = 36;
/// Outputs of more bytes than this are stored past the caches, which they would only empty.
const STREAMED: usize = 12 << 20;
/// Bytes that a block's matrices may take: the second-level cache of a core.
const BLOCK: usize = 768 << 10;

/// Where this algorithm is the faster one.
pub(super) fn suits(d: &Shape) -> bool {
    (d.r, d.s, d.stride, d.dilation, d.groups) == (3, 3, 1, 1, 1)
        && d.padding <= 2
        && d.c.min(d.o) >= 16
        && d.oh * d.ow >= 12
}

/// Maps and tiles: `source` pixels outside of (h, w) are zero.
#[derive(Clone, Copy)]
struct Tiling {
    n: usize,
    /// Source and target sizes.
    h: usize,
    w: usize,
    oh: usize,
    ow: usize,
    padding: usize,
}

impl Tiling {
    fn down(&self) -> usize {
        self.oh.div_ceil(4)
    }
    fn across(&self) -> usize {
        self.ow.div_ceil(4)
    }
    fn tiles(&self) -> usize {
        self.n * self.down() * self.across()
    }
    /// Picture, row and column of a tile.
    fn place(&self, tile: usize) -> (usize, usize, usize) {
        let a_picture = self.down() * self.across();
        (tile / a_picture, tile % a_picture / self.across(), tile % self.across())
    }
}

/// Elements from one point's matrix to the next: not a power of two, which would put all 36 in the same cache sets.
fn point_stride(tiles: usize, channels: usize) -> usize {
    tiles * channels + 16
}

/// The output (N,OH,OW,O).
///
/// # Safety
/// The pointers hold what the shape says.
pub(super) unsafe fn forward<T: Real>(
    simd: Simd,
    d: &Shape,
    x: *const T,
    weight: &[T],
    out: *mut T,
    finish: Finish<T>,
) {
    let u = weights::transformed(simd, d.forward_matrix(0), false, weight);
    let t = Tiling { n: d.n, h: d.h, w: d.w, oh: d.oh, ow: d.ow, padding: d.padding };
    // SAFETY: the caller's promise.
    unsafe { run(simd, t, (d.c, d.o), x, &u, out, finish) }
}

/// The gradient of the input (N,H,W,C).
///
/// # Safety
/// The pointers hold what the shape says.
pub(super) unsafe fn input_gradient<T: Real>(simd: Simd, d: &Shape, weight: &[T], dy: *const T, out: *mut T) {
    let u = weights::transformed(simd, d.backward_matrix(0), true, weight);
    let t = Tiling { n: d.n, h: d.oh, w: d.ow, oh: d.h, ow: d.w, padding: 2 - d.padding };
    // SAFETY: the caller's promise.
    unsafe { run(simd, t, (d.o, d.c), dy, &u, out, Finish { bias: std::ptr::null(), relu: false }) }
}

unsafe fn run<T: Real>(
    simd: Simd,
    t: Tiling,
    (c, o): (usize, usize),
    x: *const T,
    u: &[T],
    out: *mut T,
    finish: Finish<T>,
) {
    let padded = o.next_multiple_of(T::lanes(simd));
    let widest = c.max(padded);
    let per_tile = (POINTS + 1) * widest * size_of::<T>();
    // Wide layers read all their weights once a block: it must be worth it.
    let most = if widest > 256 { 56 } else { (BLOCK / per_tile / 14).max(1) * 14 };
    let block = most.min(t.tiles().div_ceil(4 * rayon::current_num_threads())).max(1);
    let stride = point_stride(block, widest);
    let (x, out, u) = (Shared::new(x.cast_mut()), Shared::new(out), Shared::new(u.as_ptr().cast_mut()));
    let bias = Shared::new(finish.bias.cast_mut());
    // Whole vectors on their boundaries.
    let streamed =
        t.n * t.oh * t.ow * o * size_of::<T>() > STREAMED && padded == o && out.at(0).addr().is_multiple_of(64);
    each(t.tiles().div_ceil(block), |unit| {
        let (from, to) = (unit * block, t.tiles().min((unit + 1) * block));
        let zeros = c.next_multiple_of(16);
        scratch::<T>(zeros + (POINTS + 1) * stride, |memory| {
            // Products go where the matrix before theirs was: one set of 37 for both.
            let (m, v) = (memory.wrapping_add(zeros), memory.wrapping_add(zeros + stride));
            // SAFETY: the scratch memory holds zeros, v and m; the tiles of the output are this unit's own.
            unsafe {
                let patches = Patches { t, c, x: x.at(0), zeros: memory, v, stride, from, to };
                T::launch(simd, patches);
                for point in 0..POINTS {
                    let product = Product {
                        rows: to - from,
                        columns: padded,
                        kc: c,

                        a: v.add(point * stride),
                        lda: c,
                        b: u.at(point * packed_len(T::lanes(simd), o, c)),
                        c: m.add(point * stride),
                        ldc: padded,
                        add: false,
                    };
                    T::launch(simd, Packed::new(product));
                }
                let finish = Finish { bias: bias.at(0).cast_const(), relu: finish.relu };
                T::launch(simd, Outputs { t, o, padded, m, out: out.at(0), stride, from, to, finish, streamed });
            }
        });
    });
}

/// Bᵀ d B of the patches of some tiles: to 36 matrices (tiles × channels).
struct Patches<T> {
    t: Tiling,
    c: usize,
    x: *const T,
    /// c numbers that this job sets to zero: the pixels outside of the map.
    zeros: *mut T,
    v: *mut T,
    stride: usize,
    from: usize,
    to: usize,
}

impl<T: Real> Job<T> for Patches<T> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        let (t, c) = (self.t, self.c);
        // SAFETY: pixels inside the map are read, the rest is `zeros`; every tile has its row of each matrix.
        unsafe {
            std::ptr::write_bytes(self.zeros, 0, c);
            for tile in self.from..self.to {
                let (picture, row, column) = t.place(tile);
                let x = self.x.add(picture * t.h * t.w * c);
                let mut pixels = [[self.zeros.cast_const(); 6]; 6];
                for (i, pixels) in pixels.iter_mut().enumerate() {
                    for (j, pixel) in pixels.iter_mut().enumerate() {
                        let (y, x_at) =
                            ((4 * row + i).wrapping_sub(t.padding), (4 * column + j).wrapping_sub(t.padding));
                        if y < t.h && x_at < t.w {
                            *pixel = x.add((y * t.w + x_at) * c);
                        }
                    }
                }
                let v = self.v.add((tile - self.from) * c);
                for from in (0..c).step_by(V::N) {
                    let n = V::N.min(c - from);
                    let mut patch = [[V::splat(T::ZERO); 6]; 6];
                    for i in 0..6 {
                        // The next tile's pixels, right of those that are loaded now.
                        for j in 2..6 {
                            V::prefetch(pixels[i][j].wrapping_add(4 * c + from));
                        }
                        for j in 0..6 {
                            patch[i][j] = V::load_up_to(pixels[i][j].add(from), n);
                        }
                    }
                    let patch = both_ways!(transform::input, patch, 6, 6);
                    for i in 0..6 {
                        for j in 0..6 {
                            patch[i][j].store_up_to(v.add((i * 6 + j) * self.stride + from), n);
                        }
                    }
                }
            }
        }
    }
}

/// Aᵀ m A of some tiles, bias, ReLU: to the map.
struct Outputs<T> {
    t: Tiling,
    o: usize,
    padded: usize,
    m: *const T,
    out: *mut T,
    stride: usize,
    from: usize,
    to: usize,
    finish: Finish<T>,
    streamed: bool,
}

impl<T: Real> Job<T> for Outputs<T> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        let (t, o) = (self.t, self.o);
        let floor = if self.finish.relu { T::ZERO } else { T::NEG_INFINITY };
        // SAFETY: the matrices have `padded` columns; only pixels and channels of the map are written.
        unsafe {
            for tile in self.from..self.to {
                let (picture, row, column) = t.place(tile);
                let (rows, columns) = ((t.oh - 4 * row).min(4), (t.ow - 4 * column).min(4));
                let out = self.out.add(((picture * t.oh + 4 * row) * t.ow + 4 * column) * o);
                let m = self.m.add((tile - self.from) * self.padded);
                for from in (0..o).step_by(V::N) {
                    let n = V::N.min(o - from);
                    let mut bias = V::splat(T::ZERO);
                    if !self.finish.bias.is_null() {
                        bias = V::load_up_to(self.finish.bias.add(from), n);
                    }
                    let mut points = [[bias; 6]; 6];
                    for i in 0..6 {
                        for j in 0..6 {
                            points[i][j] = V::load(m.add((i * 6 + j) * self.stride + from));
                        }
                    }
                    let y = both_ways!(transform::output, points, 6, 4);
                    for i in 0..rows {
                        for j in 0..columns {
                            let value = V::splat(floor).max(y[i][j].add(bias));
                            let to = out.add((i * t.ow + j) * o + from);
                            if self.streamed { value.stream(to) } else { value.store_up_to(to, n) }
                        }
                    }
                }
            }
            V::fence();
        }
    }
}
