//! 3x3 convolution of stride 1 by Winograd's F(4x4, 3x3): 36 products instead of 144 for 16
//! outputs.
//!
//! The map is cut into tiles of 4x4 outputs, each from a 6x6 patch of the input. There are three
//! stages: the patches are transformed to 36 matrices (tiles × inputs), each is multiplied with the
//! transformed weights (inputs × outputs), and the 36 results of every tile are transformed back,
//! where bias and ReLU are applied. What stays in the cache meanwhile is chosen by the sizes: some
//! tiles, some columns of the weights, or neither (`layer`). The gradient of the input is the same
//! routine, with the weights turned round and the padding 2 - p; that of the weight is in
//! `gradient`.
//!
//! S. Winograd, *Arithmetic complexity of computations*, 1980; A. Lavin, S. Gray, *Fast algorithms
//! for convolutional neural networks*, 2015. Errors against float64, over the root mean square of
//! the result: 5e-6 root mean square.
//!
//! Read in this order: `transform` (the small matrices), `tiling` (how a map is cut), `limits`,
//! `weights`, `patches` and `outputs` (the first and the last stage), `layer` (the three ways
//! through them), and here the output and the gradient of the input; then `gradient`, that of the
//! weight, with `gradient_stages`.
#![allow(clippy::needless_range_loop, reason = "row i, column j: so the formulas are written")]

mod limits;
mod tiling;
mod transform;

mod outputs;
mod patches;
mod weights;

mod layer;

mod gradient;
mod gradient_stages;

pub(crate) use gradient::weight_gradient;

use layer::Layer;
use limits::{FEW, POINTS, SHARED, SHARED_IN_ONE, TILES};
use tiling::Tiling;
use weights::Weights;

use crate::kernels::conv::finish::Finish;
use crate::kernels::conv::shape::Place;
use crate::kernels::gemm::tally::{Tallies, Tally};
use crate::kernels::memory::Shared;
use crate::kernels::simd::{Real, STREAMED, Simd};
use crate::sizes::Convolution;

/// The output (N,OH,OW,O).
///
/// # Safety
/// The pointers hold what the shape says.
pub(crate) unsafe fn forward<T: Real>(
    simd: Simd,
    d: &Convolution,
    x: *const T,
    weight: &[T],
    (out, place): (*mut T, Place),
    finish: Finish<T>,
    tallies: Option<&mut dyn Tallies<T>>,
) {
    let kernels = Weights { matrix: d.forward_matrix(0), turned: false, weight };
    let t = Tiling::new(d.n, (d.h, d.w), (d.oh, d.ow), d.top);
    let out = (out.wrapping_add(place.from), place.channels);
    // SAFETY: the caller's promise.
    unsafe { run(simd, t, (x, out), kernels, finish.from(place.from), tallies) }
}

/// The gradient of the input (N,H,W,C).
///
/// # Safety
/// The pointers hold what the shape says.
pub(crate) unsafe fn input_gradient<T: Real>(
    simd: Simd,
    d: &Convolution,
    weight: &[T],
    dy: *const T,
    out: *mut T,
    tallies: Option<&mut dyn Tallies<T>>,
) {
    let kernels = Weights { matrix: d.backward_matrix(0), turned: true, weight };
    let t = Tiling::new(d.n, (d.oh, d.ow), (d.h, d.w), 2 - d.top);
    // SAFETY: the caller's promise.
    unsafe { run(simd, t, (dy, (out, d.c)), kernels, Finish::nothing(), tallies) }
}

unsafe fn run<T: Real>(
    simd: Simd,
    t: Tiling,
    (x, (out, channels)): (*const T, (*mut T, usize)),
    kernels: Weights<'_, T>,
    finish: Finish<T>,
    tallies: Option<&mut dyn Tallies<T>>,
) {
    let (c, o) = (kernels.matrix.inputs, kernels.matrix.outputs);
    let padded = o.next_multiple_of(T::lanes(simd));
    // Whole vectors on their boundaries.
    let whole = padded == o && out.addr().is_multiple_of(64) && (channels * size_of::<T>()).is_multiple_of(64);
    let streamed = t.n * t.oh * t.ow * o * size_of::<T>() > STREAMED && whole;
    let (x, out) = (Shared::new(x.cast_mut()), Shared::new(out));
    let mut layer = Layer { simd, t, c, o, padded, x, out, channels, finish, streamed, tally: Tally::Nothing };
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
    let transformed = || weights::transformed(simd, kernels);
    // SAFETY: the caller's promise.
    unsafe {
        match (few, large) {
            (true, _) => layer.by_columns(kernels),
            (false, true) => layer.in_chunks(&transformed()),
            (false, false) => layer.in_blocks(&transformed()),
        }
    }
}
