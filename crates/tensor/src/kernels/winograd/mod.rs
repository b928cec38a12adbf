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
mod gradient_stages;
mod stages;
pub(super) mod transform;
mod weights;

use std::ops::Range;

use super::Real;
use super::conv::Shape;
use super::direct::Finish;
use super::micro::{Packed, Product, packed_len};
use super::moments::{Blocks, Slot, Slots};
use super::parallel::{Shared, each, scratch};
use super::simd::{STREAMED, Simd};
use stages::{Outputs, Patches};

/// Points of the transform.
const POINTS: usize = 36;
/// Bytes that a block's matrices may take: the second-level cache of a core.
const BLOCK: usize = 768 << 10;
/// Transformed weights of more bytes are read once for all threads; where there is one chunk of tiles, from fewer on
/// (measured with 512 and 256 channels: 1.5 and 1.08 times as fast at 7x7 and 14x14, 0.9 with 256 at 56x56).
const SHARED: usize = 16 << 20;
const SHARED_IN_ONE: usize = 4 << 20;
/// Bytes of the transformed tiles of one chunk, all threads together: the third-level cache.
const CHUNK: usize = 24 << 20;
/// Tiles that are transformed together, and output channels of one product, of a chunk.
const TILES: usize = 4;
const COLUMNS: usize = 128;
/// How many blocks there should be, where the map is large enough.
const UNITS: usize = 16;

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
    /// Pixels of the target that a tile has.
    fn pixels(&self, tile: usize) -> usize {
        let (_, row, column) = self.place(tile);
        (self.oh - 4 * row).min(4) * (self.ow - 4 * column).min(4)
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
    moments: Option<&mut Blocks<T>>,
) {
    let u = weights::transformed(simd, d.forward_matrix(0), false, weight);
    let t = Tiling { n: d.n, h: d.h, w: d.w, oh: d.oh, ow: d.ow, padding: d.padding };
    // SAFETY: the caller's promise.
    unsafe { run(simd, t, (d.c, d.o), (x, out), &u, finish, moments) }
}

/// The gradient of the input (N,H,W,C).
///
/// # Safety
/// The pointers hold what the shape says.
pub(super) unsafe fn input_gradient<T: Real>(simd: Simd, d: &Shape, weight: &[T], dy: *const T, out: *mut T) {
    let u = weights::transformed(simd, d.backward_matrix(0), true, weight);
    let t = Tiling { n: d.n, h: d.oh, w: d.ow, oh: d.h, ow: d.w, padding: 2 - d.padding };
    // SAFETY: the caller's promise.
    unsafe { run(simd, t, (d.o, d.c), (dy, out), &u, Finish { bias: std::ptr::null(), relu: false }, None) }
}

unsafe fn run<T: Real>(
    simd: Simd,
    t: Tiling,
    (c, o): (usize, usize),
    (x, out): (*const T, *mut T),
    u: &[T],
    finish: Finish<T>,
    moments: Option<&mut Blocks<T>>,
) {
    let padded = o.next_multiple_of(T::lanes(simd));
    // Whole vectors on their boundaries.
    let streamed = t.n * t.oh * t.ow * o * size_of::<T>() > STREAMED && padded == o && out.addr().is_multiple_of(64);
    let weights = size_of_val(u);
    let (x, out, u) = (Shared::new(x.cast_mut()), Shared::new(out), Shared::new(u.as_ptr().cast_mut()));
    let (bias, relu) = (Shared::new(finish.bias.cast_mut()), finish.relu);
    let mut layer = Layer { simd, t, c, o, padded, x, u, out, bias, relu, streamed, moments: None };
    let shared = if t.tiles() <= layer.chunk() { SHARED_IN_ONE } else { SHARED };
    let chunks = weights > shared;
    let block = if chunks { TILES } else { layer.block() };
    layer.moments = moments.map(|blocks| {
        let tiles = (0..t.tiles()).step_by(block).map(|from| from..t.tiles().min(from + block));
        blocks.reserve(tiles.map(|tiles| tiles.map(|tile| t.pixels(tile)).sum()).collect())
    });
    // SAFETY: the caller's promise.
    unsafe { if chunks { layer.in_chunks() } else { layer.in_blocks() } }
}

/// A layer on its way from a map to another.
struct Layer<T> {
    simd: Simd,
    t: Tiling,
    c: usize,
    o: usize,
    /// `o` up to whole vectors.
    padded: usize,
    x: Shared<T>,
    /// The transformed weights.
    u: Shared<T>,
    out: Shared<T>,
    bias: Shared<T>,
    relu: bool,
    streamed: bool,
    /// One for each block of tiles that goes to the map at a time.
    moments: Option<Slots<T>>,
}

impl<T: Real> Layer<T> {
    /// Tiles of a block: few enough for the cache, and for several blocks to each thread.
    fn block(&self) -> usize {
        let per_tile = (POINTS + 1) * self.c.max(self.padded) * size_of::<T>();
        let most = (BLOCK / per_tile / 14).max(1) * 14;
        most.min(self.t.tiles().div_ceil(UNITS)).max(1)
    }

    /// Each thread takes blocks of tiles through all stages: weights that stay in the cache are read again for each.
    unsafe fn in_blocks(&self) {
        let (widest, tiles, block) = (self.c.max(self.padded), self.t.tiles(), self.block());
        let stride = point_stride(block, widest);
        each(tiles.div_ceil(block), |unit| {
            let (from, to) = (unit * block, tiles.min((unit + 1) * block));
            let zeros = self.c.next_multiple_of(16);
            scratch::<T>(zeros + (POINTS + 1) * stride, |memory| {
                // Products go where the matrix before theirs was: one set of 37 for both.
                let (m, v) = (memory.wrapping_add(zeros), memory.wrapping_add(zeros + stride));
                // SAFETY: the scratch memory holds zeros, v and m; the tiles of the output are this unit's own.
                unsafe {
                    self.patches(memory, (v, stride), from, to);
                    for point in 0..POINTS {
                        let (v, m) = (v.add(point * stride), m.add(point * stride));
                        self.product(point, 0..self.padded, to - from, v, m);
                    }
                    self.outputs((m, stride), unit, from, to);
                }
            });
        });
    }

    /// Tiles of a chunk.
    fn chunk(&self) -> usize {
        let most = CHUNK / (POINTS * (self.c + self.padded) * size_of::<T>());
        (most / TILES * TILES).max(TILES)
    }

    /// All threads share a chunk of tiles, stage by stage: every weight is read once for all its tiles.
    unsafe fn in_chunks(&self) {
        let (c, padded, tiles) = (self.c, self.padded, self.t.tiles());
        let chunk = self.chunk().min(tiles);
        let (v_stride, m_stride) = (point_stride(chunk, c), point_stride(chunk, padded));
        let mut memory: Vec<T> = Vec::with_capacity(POINTS * (v_stride + m_stride));
        let v = Shared::new(memory.as_mut_ptr());
        let m = Shared::new(v.at(POINTS * v_stride));
        let groups = padded.div_ceil(COLUMNS);
        for first in (0..tiles).step_by(chunk) {
            let count = chunk.min(tiles - first);
            let units = count.div_ceil(TILES);
            let part = |unit: usize| (unit * TILES, count.min((unit + 1) * TILES));
            each(units, |unit| {
                let (from, to) = part(unit);
                // SAFETY: the rows of these tiles are the unit's own.
                scratch::<T>(c, |zeros| unsafe {
                    self.patches(zeros, (v.at(from * c), v_stride), first + from, first + to);
                });
            });
            each(POINTS * groups, |unit| {
                let (point, column) = (unit / groups, unit % groups * COLUMNS);
                let columns = column..padded.min(column + COLUMNS);
                let (v, m) = (v.at(point * v_stride), m.at(point * m_stride + column));
                // SAFETY: v is complete; these columns of this point are the unit's own.
                unsafe { self.product(point, columns, count, v, m) }
            });
            each(units, |unit| {
                let (from, to) = part(unit);
                // SAFETY: m is complete; the tiles of the output are the unit's own.
                unsafe { self.outputs((m.at(from * padded), m_stride), first / TILES + unit, first + from, first + to) }
            });
        }
    }

    /// Transforms some tiles of x to `v`; `zeros` has room for a pixel.
    unsafe fn patches(&self, zeros: *mut T, (v, stride): (*mut T, usize), from: usize, to: usize) {
        let patches = Patches { t: self.t, c: self.c, x: self.x.at(0), zeros, v, stride, from, to };
        // SAFETY: the caller's promise.
        unsafe { T::launch(self.simd, patches) }
    }

    /// Some columns, from a whole panel on, of the product of one point.
    unsafe fn product(&self, point: usize, columns: Range<usize>, tiles: usize, v: *const T, m: *mut T) {
        let size = packed_len(T::lanes(self.simd), self.o, self.c);
        let product = Product {
            rows: tiles,
            columns: columns.len(),
            kc: self.c,
            a: v,
            lda: self.c,
            b: self.u.at(point * size + columns.start * self.c),
            c: m,
            ldc: self.padded,
            add: false,
        };
        // SAFETY: the caller's promise.
        unsafe { T::launch(self.simd, Packed::new(product)) }
    }

    /// Transforms some tiles of `m`, the block of this number, to the map.
    unsafe fn outputs(&self, (m, stride): (*const T, usize), number: usize, from: usize, to: usize) {
        let finish = Finish { bias: self.bias.at(0).cast_const(), relu: self.relu };
        let Self { t, o, padded, streamed, .. } = *self;
        let moments = self.moments.map_or(Slot::NONE, |slots| slots.block(number, 0));
        let out = self.out.at(0);
        // SAFETY: the caller's promise.
        unsafe {
            T::launch(self.simd, Outputs { t, o, padded, m, out, stride, from, to, finish, streamed, moments });
        }
    }
}
