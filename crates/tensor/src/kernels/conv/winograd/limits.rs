//! 3x3 convolution of stride 1 by Winograd's F(4x4, 3x3): 36 products instead of 144 for 16 outputs.
//!
//! The map is cut into tiles of 4x4 outputs, each from a 6x6 patch of the input. There are three stages (`stages`): the
//! patches are transformed to 36 matrices (tiles × inputs), each is multiplied with the transformed weights (inputs ×
//! outputs), and the 36 results of every tile are transformed back, where bias and ReLU are applied. What stays in the
//! cache meanwhile is chosen by the sizes: some tiles, some columns of the weights, or neither (`layer`). The gradient of
//! the input is the same routine, with the weights turned round and the padding 2 - p; that of the weight is in `gradient`.
//!
//! S. Winograd, *Arithmetic complexity of computations*, 1980; A. Lavin, S. Gray, *Fast algorithms for convolutional
//! neural networks*, 2015. Errors against float64, over the root mean square of the result: 5e-6 root mean square.
#![allow(clippy::needless_range_loop, reason = "row i, column j: so the formulas are written")]

pub(super) mod gradient;
mod gradient_stages;
mod layer;
mod stages;
mod tiling;
pub(super) mod transform;
mod weights;

use super::Real;
use super::direct::{Finish, Matrix};
use super::parallel::Shared;
use super::simd::{STREAMED, Simd};
use super::tally::{Tallies, Tally};
use crate::sizes::Convolution;
use layer::Layer;
use tiling::Tiling;

/// Points of the transform.
const POINTS: usize = 36;
/// Bytes that a block's matrices may take: the second-level cache of a core.
const BLOCK: usize = 768 << 10;
/// Transformed weights of more bytes are read once for all threads; where there is one chunk of tiles, from fewer on
/// (measured with 256 channels: 1.08 times as fast at 14x14, 16 pictures; 0.9 at 56x56).
const SHARED: usize = 16 << 20;
const SHARED_IN_ONE: usize = 4 << 20;
/// Bytes of the transformed tiles of one chunk, all threads together: the third-level cache.
const CHUNK: usize = 24 << 20;
/// Tiles that are few beside such weights, and input channels whose kernels are transformed at a time for them (8 pictures
/// of 512 channels at 7x7: 4.2 ms, in chunks 5.1; of 256 at 14x14: 3.6 ms for 4.0).
const FEW: usize = 128;
const INPUTS: usize = 128;
/// Tiles that are transformed together, and output channels of one product, of a chunk.
const TILES: usize = 4;
const COLUMNS: usize = 128;
/// How many blocks there should be, where the map is large enough.
const UNITS: usize = 16;

/// Where this algorithm is the faster one.
pub(super) fn suits(d: &Convolution) -> bool {
    (d.r, d.s, d.stride, d.dilation, d.groups) == (3, 3, 1, 1, 1)
        && d.padding <= 2
        && d.c.min(d.o) >= 16
        && d.oh * d.ow >= 12
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
    d: &Convolution,
    x: *const T,
    weight: &[T],
    out: *mut T,
    finish: Finish<T>,
    tallies: Option<&mut dyn Tallies<T>>,
) {
    let kernels = (d.forward_matrix(0), false, weight);
    let t = Tiling::new(d.n, (d.h, d.w), (d.oh, d.ow), d.padding);
    // SAFETY: the caller's promise.
    unsafe { run(simd, t, (x, out), kernels, finish, tallies) }
}

/// The gradient of the input (N,H,W,C).
///
/// # Safety
/// The pointers hold what the shape says.
pub(super) unsafe fn input_gradient<T: Real>(
    simd: Simd,
    d: &Convolution,
    weight: &[T],
    dy: *const T,
    out: *mut T,
    tallies: Option<&mut dyn Tallies<T>>,
) {
    let kernels = (d.backward_matrix(0), true, weight);
    let t = Tiling::new(d.n, (d.oh, d.ow), (d.h, d.w), 2 - d.padding);
    // SAFETY: the caller's promise.
    unsafe { run(simd, t, (dy, out), kernels, Finish::NOTHING, tallies) }
}

/// A weight's matrix, whether its kernels are turned round, and the weight.
type Kernels<'a, T> = (Matrix, bool, &'a [T]);

unsafe fn run<T: Real>(
    simd: Simd,
    t: Tiling,
    (x, out): (*const T, *mut T),
    kernels: Kernels<'_, T>,
    finish: Finish<T>,
    tallies: Option<&mut dyn Tallies<T>>,
) {
    let (c, o) = (kernels.0.inputs, kernels.0.outputs);
    let padded = o.next_multiple_of(T::lanes(simd));
    // Whole vectors on their boundaries.
    let streamed = t.n * t.oh * t.ow * o * size_of::<T>() > STREAMED && padded == o && out.addr().is_multiple_of(64);
    let (x, out, bias) = (Shared::new(x.cast_mut()), Shared::new(out), Shared::new(finish.bias.cast_mut()));
    let (relu, tally) = (finish.relu, Tally::Nothing);
    let mut layer = Layer { simd, t, c, o, padded, x, out, bias, relu, streamed, tally };
    let weights = POINTS * c * padded * size_of::<T>();
    let large = weights > if t.tiles() <= layer.chunk() { SHARED_IN_ONE } else { SHARED };
    let few = large && t.tiles() <= FEW;
    let block = match (few, large) {
        (true, _) => t.tiles(),
        (false, true) => TILES,
        (false, false) => layer.block(),
    };
    layer.tally = Tally::reserve(tallies, || {
        let tiles = (0..t.tiles()).step_by(block).map(|from| from..t.tiles().min(from + block));
        tiles.map(|tiles| tiles.map(|tile| t.place(tile).pixels()).sum()).collect()
    });
    layer.streamed &= !layer.tally.adds();
    let transformed = || weights::transformed(simd, kernels.0, kernels.1, kernels.2);
    // SAFETY: the caller's promise.
    unsafe {
        match (few, large) {
            (true, _) => layer.by_columns(kernels),
            (false, true) => layer.in_chunks(&transformed()),
            (false, false) => layer.in_blocks(&transformed()),
        }
    }
}
