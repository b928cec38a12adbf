//! Convolution as products with blocks of the matrix of windows: *implicit GEMM*.
//!
//! Row i of A is the window of output pixel i ([`Windows`]), copied together for a block of pixels
//! and steps of k that stays in the second-level cache; the weights are B, packed in panels.
//! Forward and the gradient of the input are the same [`Correlation`]: the latter reads dy, once
//! for each residue of the input position modulo the stride, with the taps that reach it.
//!
//! Read in this order: `windows`, `pack`, `correlation`, `block` (a unit of work), `correlate` (all
//! of them), and here the output and the gradient of the input; then `gradient`, that of the
//! weight, with `sums`.

mod pack;
mod windows;

mod block;
mod correlate;
mod correlation;

mod gradient;
mod sums;

pub(crate) use gradient::weight_gradient;

use correlate::{clear, correlate};
use correlation::Correlation;
use pack::pack;
use windows::{Map, Windows};

use crate::kernels::conv::finish::Finish;
use crate::kernels::gemm::tally::Tallies;
use crate::kernels::simd::{Real, Simd};
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
    out: *mut T,
    finish: Finish<T>,
    tallies: Option<&mut dyn Tallies<T>>,
) {
    let parts: Vec<_> = (0..d.groups)
        .map(|group| {
            let target = Map { h: d.oh, w: d.ow, c: d.o, from: group * d.o_group(), channels: d.o_group() };
            let (operands, windows) = (d.operands(simd), Windows::forward(d, group));
            let plan = Correlation { operands, windows, target, every: 1, first: (0, 0) };
            let taps: Vec<usize> = (0..d.r * d.s).collect();
            let packed = pack(simd, operands, d.forward_matrix(group), &taps, weight);
            (plan, packed)
        })
        .collect();
    // SAFETY: the caller's promise.
    unsafe { correlate(simd, d.n, &parts, x, out, finish, tallies) }
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
    let mut parts = Vec::new();
    for group in 0..d.groups {
        for y in 0..d.stride.min(d.h) {
            for x in 0..d.stride.min(d.w) {
                let (rows, columns) = (reaching(d, y, d.r), reaching(d, x, d.s));
                let places = |taps: &[(isize, usize)]| taps.iter().map(|tap| tap.0).collect::<Vec<_>>();
                let taps: Vec<usize> = rows.iter().flat_map(|r| columns.iter().map(move |s| r.1 * d.s + s.1)).collect();
                let size = ((d.h - y).div_ceil(d.stride), (d.w - x).div_ceil(d.stride));
                let source = Map { h: d.oh, w: d.ow, c: d.o, from: group * d.o_group(), channels: d.o_group() };
                let target = Map { h: d.h, w: d.w, c: d.c, from: group * d.c_group(), channels: d.c_group() };
                let windows = Windows::new(source, size, 1, (&places(&rows), &places(&columns)));
                let operands = d.operands(simd);
                // Where the stride is longer than the map there is one such pixel, and no next one.
                let every = d.stride.min(d.h.max(d.w));
                let plan = Correlation { operands, windows, target, every, first: (y, x) };
                if taps.is_empty() {
                    // SAFETY: the target's pixels of this residue.
                    unsafe { clear(d.n, &plan, out) }
                } else {
                    let packed = pack(simd, operands, d.backward_matrix(group), &taps, weight);
                    parts.push((plan, packed));
                }
            }
        }
    }
    // SAFETY: the caller's promise; residues and groups do not overlap.
    unsafe { correlate(simd, d.n, &parts, dy, out, Finish::nothing(), tallies) }
}

/// The taps that reach input position `at` + a multiple of the stride, with the first output
/// position of each.
fn reaching(d: &Convolution, at: usize, count: usize) -> Vec<(isize, usize)> {
    let stride = d.stride as isize;
    let mut taps: Vec<_> = (0..count)
        .map(|tap| ((at + d.padding) as isize - (tap * d.dilation) as isize, tap))
        .filter(|(from, _)| from.rem_euclid(stride) == 0)
        .map(|(from, tap)| (from.div_euclid(stride), tap))
        .collect();
    taps.sort_unstable();
    taps
}
