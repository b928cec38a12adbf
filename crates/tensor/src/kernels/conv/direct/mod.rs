//! Convolution as products with blocks of the matrix of windows: *implicit GEMM*.
//!
//! Row i of A is the window of output pixel i ([`Windows`]), copied together for a block of pixels
//! and steps of k that stays in the second-level cache; the weights are B, packed in panels.
//! Forward and the gradient of the input are the same [`Correlation`]: the latter reads dy, once
//! for each residue of the input position modulo the stride, with the taps that reach it.
//!
//! Read in this order: `windows`, `pack`, `correlation`, `block` (a unit of work), `correlate` (all
//! of them), `halves` (both, for maps of bfloat16), and here the output and the gradient of the
//! input; then `gradient`, that of the weight, with `sums`.

mod pack;
mod windows;

mod block;
mod correlate;
mod correlation;

pub(crate) mod halves;

mod gradient;
mod sums;

pub(crate) use gradient::weight_gradient;

use std::borrow::Cow;

use correlate::clear;
pub(crate) use correlate::correlate;
use correlation::Correlation;
pub(crate) use correlation::Correlations;
use pack::pack;
use windows::Map;
pub(crate) use windows::Windows;

use crate::kernels::conv::finish::Finish;
use crate::kernels::conv::maps::Maps;
use crate::kernels::conv::shape::Place;
use crate::kernels::conv::weight::Weight;
use crate::kernels::gemm::tally::Tallies;
use crate::kernels::gemm::{Operands, packed_len};
use crate::kernels::simd::{Real, Simd};
use crate::sizes::Convolution;

/// The panels of all groups, one after the other.
pub(crate) fn packed<T: Real>((simd, operands): (Simd, Operands), d: &Convolution, weight: &[T]) -> Vec<T> {
    (0..d.groups).flat_map(|group| panels_of((simd, operands), d, group, weight)).collect()
}

/// The panels of a group.
pub(crate) fn panels_of<T: Real>(
    (simd, operands): (Simd, Operands),
    d: &Convolution,
    group: usize,
    weight: &[T],
) -> Vec<T> {
    let taps: Vec<usize> = (0..d.r * d.s).collect();
    pack(simd, operands, d.forward_matrix(group), &taps, weight)
}

/// The output (N,OH,OW,O), at a place of a map.
///
/// # Safety
/// The pointers hold what the shape says, and the place is one of the map.
pub(crate) unsafe fn forward<M: Maps>(
    (simd, operands): (Simd, Operands),
    d: &Convolution,
    x: *const M,
    weight: Weight<'_, M::Real>,
    (out, place): (*mut M, Place),
    finish: Finish<M>,
    tallies: Option<&mut dyn Tallies<M>>,
) {
    let part = |group: usize| {
        let from = place.from + group * d.o_group();
        let target = Map { h: d.oh, w: d.ow, c: place.channels, from, channels: d.o_group() };
        let plan = Correlation { operands, windows: Windows::forward(d, group), target, every: 1, first: (0, 0) };
        let size = packed_len(M::Real::lanes(simd), d.o_group(), operands.rows(plan.windows.k()));
        let panels = match weight.packed {
            Some(all) => Cow::Borrowed(&all[group * size..][..size]),
            None => Cow::Owned(panels_of((simd, operands), d, group, weight.values)),
        };
        (plan, panels)
    };
    let parts: Vec<_> = (0..d.groups).map(part).collect();
    // SAFETY: the caller's promise.
    unsafe { M::correlate(simd, Correlations { n: d.n, parts: &parts, x, out, finish }, tallies) }
}

/// The gradient of the input (N,H,W,C).
///
/// # Safety
/// The pointers hold what the shape says.
pub(crate) unsafe fn input_gradient<M: Maps>(
    (simd, operands): (Simd, Operands),
    d: &Convolution,
    weight: &[M::Real],
    dy: *const M,
    out: *mut M,
    tallies: Option<&mut dyn Tallies<M>>,
) {
    let mut parts = Vec::new();
    for group in 0..d.groups {
        for y in 0..d.stride.min(d.h) {
            for x in 0..d.stride.min(d.w) {
                let (rows, columns) = (reaching(d, y + d.top, d.r), reaching(d, x + d.left, d.s));
                let places = |taps: &[(isize, usize)]| taps.iter().map(|tap| tap.0).collect::<Vec<_>>();
                let taps: Vec<usize> = rows.iter().flat_map(|r| columns.iter().map(move |s| r.1 * d.s + s.1)).collect();
                let size = ((d.h - y).div_ceil(d.stride), (d.w - x).div_ceil(d.stride));
                let source = Map { h: d.oh, w: d.ow, c: d.o, from: group * d.o_group(), channels: d.o_group() };
                let target = Map { h: d.h, w: d.w, c: d.c, from: group * d.c_group(), channels: d.c_group() };
                let windows = Windows::new(source, size, 1, (&places(&rows), &places(&columns)));
                // Where the stride is longer than the map there is one such pixel, and no next one.
                let every = d.stride.min(d.h.max(d.w));
                let plan = Correlation { operands, windows, target, every, first: (y, x) };
                if taps.is_empty() {
                    // SAFETY: the target's pixels of this residue.
                    unsafe { clear(d.n, &plan, out) }
                } else {
                    let packed = pack(simd, operands, d.backward_matrix(group), &taps, weight);
                    parts.push((plan, Cow::Owned(packed)));
                }
            }
        }
    }
    // SAFETY: the caller's promise; residues and groups do not overlap.
    unsafe {
        M::correlate(simd, Correlations { n: d.n, parts: &parts, x: dy, out, finish: Finish::nothing() }, tallies)
    }
}

/// The taps that reach position `at` of the padded side + a multiple of the stride, with the first
/// output position of each.
fn reaching(d: &Convolution, at: usize, count: usize) -> Vec<(isize, usize)> {
    let stride = d.stride as isize;
    let mut taps: Vec<_> = (0..count)
        .map(|tap| (at as isize - (tap * d.dilation) as isize, tap))
        .filter(|(from, _)| from.rem_euclid(stride) == 0)
        .map(|(from, tap)| (from.div_euclid(stride), tap))
        .collect();
    taps.sort_unstable();
    taps
}

#[cfg(test)]
mod tests {
    use half::bf16;

    use super::*;
    use crate::kernels::gemm::tally::Blocks;
    use crate::kernels::simd::{Unit, simd};
    use crate::sizes::{Checked, Products};
    use crate::{Conv, Rng};

    fn draw(len: usize, seed: u64) -> Vec<f32> {
        let mut rng = Rng::new(seed);
        // Small integers are bfloat16 as they are, and their sums exact.
        (0..len).map(|_| (rng.uniform(-4.0, 4.0)).round() as f32).collect()
    }

    /// Blocks of pairs give what floats do, with numbers that neither rounds.
    fn hold(unit: Unit, n: usize, side: usize, (c, o): (usize, usize), r: usize, conv: Conv) {
        let weight_shape = [o, c / conv.groups, r, r];
        let d = Checked::convolution([n, side, side, c], weight_shape, conv, (4, Products::Floats)).unwrap();
        let simd = simd();
        let (x, weight, dy) = (draw(d.x_len(), 1), draw(d.weight_len(), 2), draw(d.y_len(), 3));
        let run = |operands| {
            let (mut y, mut dx) = (vec![0f32; d.y_len()], vec![0f32; d.x_len()]);
            let (w, to, place) = (Weight::from(&weight[..]), y.as_mut_ptr(), Place { channels: d.o, from: 0 });
            // SAFETY: the lengths are those of the shape.
            let dw = unsafe {
                forward((simd, operands), &d, x.as_ptr(), w, (to, place), Finish::nothing(), None);
                input_gradient((simd, operands), &d, &weight, dy.as_ptr(), dx.as_mut_ptr(), None);
                weight_gradient((simd, operands), &d, x.as_ptr(), dy.as_ptr())
            };
            (y, dx, dw)
        };
        let (right, got) = (run(Operands::Floats), run(Operands::Blocks(unit)));
        assert!(got == right, "{unit:?}: {d:?}");
    }

    /// Maps of bfloat16 give what maps of floats do, rounded: of numbers that neither rounds.
    fn hold_halves(unit: Unit, n: usize, side: usize, (c, o): (usize, usize), r: usize, conv: Conv) {
        let weight_shape = [o, c / conv.groups, r, r];
        let d = Checked::convolution([n, side, side, c], weight_shape, conv, (4, Products::Floats)).unwrap();
        let simd = simd();
        let (x, weight, dy) = (draw(d.x_len(), 1), draw(d.weight_len(), 2), draw(d.y_len(), 3));
        let (w, place) = (Weight::from(&weight[..]), Place { channels: d.o, from: 0 });
        let (scale, residual) = (draw(d.o, 4), draw(d.y_len(), 5));
        let halves = |values: &[f32]| values.iter().map(|&value| bf16::from_f32(value)).collect::<Vec<_>>();
        let (mut y, mut dx) = (vec![0f32; d.y_len()], vec![0f32; d.x_len()]);
        let (mut y_halves, mut dx_halves) = (halves(&y), halves(&dx));
        let (x_halves, dy_halves, residual_halves) = (halves(&x), halves(&dy), halves(&residual));
        let (floats, blocks) = ((simd, Operands::Floats), (simd, Operands::Blocks(unit)));
        // SAFETY: the lengths are those of the shape.
        let (dw, dw_halves) = unsafe {
            let out = y.as_mut_ptr();
            let finish = Finish::new(Some(&scale), None, true).add(&residual, out);
            forward(floats, &d, x.as_ptr(), w, (out, place), finish, None);
            input_gradient(floats, &d, &weight, dy.as_ptr(), dx.as_mut_ptr(), None);
            let out = y_halves.as_mut_ptr();
            let finish = Finish::new(Some(&scale), None, true).add(&residual_halves, out);
            forward(blocks, &d, x_halves.as_ptr(), w, (out, place), finish, None);
            input_gradient(blocks, &d, &weight, dy_halves.as_ptr(), dx_halves.as_mut_ptr(), None);
            (
                weight_gradient(floats, &d, x.as_ptr(), dy.as_ptr()),
                weight_gradient(blocks, &d, x_halves.as_ptr(), dy_halves.as_ptr()),
            )
        };
        assert!(y_halves == halves(&y) && dx_halves == halves(&dx) && dw_halves == dw, "{unit:?}: {d:?}");
        let Some(mut right) = d.tallied::<f32>(simd, d.o).then(|| Blocks::new(d.o)) else { return };
        let mut sums = Blocks::new(d.o);
        // SAFETY: as above.
        unsafe {
            forward(floats, &d, x.as_ptr(), w, (y.as_mut_ptr(), place), Finish::nothing(), Some(&mut right));
            let out = (y_halves.as_mut_ptr(), place);
            forward(blocks, &d, x_halves.as_ptr(), w, out, Finish::nothing(), Some(&mut sums));
        }
        let (got, right) = (sums.together(), right.together());
        let near = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-6 * (1.0 + b.abs()));
        assert!(y_halves == halves(&y) && near(&got.mean, &right.mean) && near(&got.variance, &right.variance));
    }

    #[test]
    fn maps_of_bfloat16_give_what_floats_give() {
        for unit in Unit::all() {
            let conv = Conv::default();
            hold_halves(unit, 1, 1, (1, 1), 1, conv);
            hold_halves(unit, 2, 5, (3, 5), 1, conv);
            hold_halves(unit, 2, 7, (48, 40), 1, conv);
            // Where it lies, and its last rows copied.
            hold_halves(unit, 3, 7, (64, 48), 1, conv);
            hold_halves(unit, 5, 16, (32, 272), 1, conv);
            hold_halves(unit, 1, 7, (1100, 24), 1, conv);
            hold_halves(unit, 2, 15, (20, 32), 3, Conv { stride: 2, padding: 1, ..conv });
            hold_halves(unit, 1, 13, (32, 64), 3, Conv { padding: 1, ..conv });
            hold_halves(unit, 1, 11, (16, 16), 3, Conv { padding: 2, dilation: 2, ..conv });
            hold_halves(unit, 2, 9, (8, 12), 3, Conv { padding: 1, groups: 4, ..conv });
            hold_halves(unit, 1, 21, (3, 64), 7, Conv { stride: 2, padding: 3, ..conv });
            hold_halves(unit, 2, 9, (64, 32), 1, Conv { stride: 2, ..conv });
        }
    }

    #[test]
    fn blocks_of_pairs_give_what_floats_give() {
        for unit in Unit::all() {
            let conv = Conv::default();
            hold(unit, 1, 1, (1, 1), 1, conv);
            hold(unit, 2, 5, (3, 5), 1, conv);
            hold(unit, 2, 7, (48, 40), 1, conv);
            // Several products along k.
            hold(unit, 1, 7, (1100, 24), 1, conv);
            hold(unit, 2, 15, (20, 32), 3, Conv { stride: 2, padding: 1, ..conv });
            hold(unit, 1, 13, (32, 64), 3, Conv { padding: 1, ..conv });
            hold(unit, 1, 11, (16, 16), 3, Conv { padding: 2, dilation: 2, ..conv });
            hold(unit, 2, 9, (8, 12), 3, Conv { padding: 1, groups: 4, ..conv });
            hold(unit, 1, 21, (3, 64), 7, Conv { stride: 2, padding: 3, ..conv });
        }
    }
}
