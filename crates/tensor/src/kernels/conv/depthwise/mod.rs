//! Depthwise convolution: one channel in, one out, by group. There is no product of matrices in it;
//! vectors run along the channels, and both directions gather:
//! `out[y, x, c] = Σ_taps in[y', x', c] · weight[tap, c]`.
//!
//! Read in this order: `runs` (which outputs read alike), `rows` (a row of outputs), `gradient` (of
//! the weight), and here the maps.

mod gradient;
mod rows;
mod runs;

pub(crate) use gradient::weight_gradient;

use rows::{Columns, Rows};

use super::finish::Finish;
use crate::kernels::gemm::tally::{Blocks, Moments};
use crate::kernels::memory::{Shared, each, filled};
use crate::kernels::norm::rows::{Summand, sums as column_sums};
use crate::kernels::simd::{Element, Real, Simd, Stored};
use crate::sizes::Convolution;

/// Taps and source positions that an output position reads.
type Reads = Vec<Vec<(usize, usize)>>;

/// What each row of outputs reads.
fn forward_rows(d: &Convolution) -> Reads {
    (0..d.oh).map(|o| (0..d.r).filter_map(|t| Some((t, d.row(o, t)?))).collect()).collect()
}

/// What each column of outputs reads.
fn forward_columns(d: &Convolution) -> Reads {
    (0..d.ow).map(|o| (0..d.s).filter_map(|t| Some((t, d.column(o, t)?))).collect()).collect()
}

/// What the gradient of each of `size` input positions reads: the same pairs from the other end.
fn backward(forward: Reads, size: usize) -> Reads {
    let mut reads = vec![Vec::new(); size];
    for (o, pairs) in forward.into_iter().enumerate() {
        for (tap, i) in pairs {
            reads[i].push((tap, o));
        }
    }
    reads.iter_mut().for_each(|pairs: &mut Vec<_>| pairs.sort_unstable());
    reads
}

/// C,1,R,S to `[tap][c]`.
fn pack<T: Real>(d: &Convolution, weight: &[T]) -> Vec<T> {
    let taps = d.r * d.s;
    (0..taps * d.c).map(|i| weight[i % d.c * taps + i / d.c]).collect()
}

/// The output (N,OH,OW,C); `done` is told of each row, by its number, while it is in the cache.
///
/// # Safety
/// The pointers hold what the shape says, and `finish` C channels.
pub(crate) unsafe fn forward<M: Stored>(
    simd: Simd,
    d: &Convolution,
    x: *const M,
    weight: &[M::Real],
    out: *mut M,
    finish: Finish<M>,
    done: impl Fn(usize, &[M]) + Sync,
) {
    let rows = forward_rows(d);
    let columns = Columns { each: forward_columns(d), runs: runs::forward(d) };
    let (source, target) = (Map { at: x, h: d.h, w: d.w }, Map { at: out, h: d.oh, w: d.ow });
    // SAFETY: the caller's promise.
    unsafe { gather(simd, d, (&rows, &columns), (source, target), &pack(d, weight), finish, done) }
}

/// The output, and its mean and variance by channel: the sums of a row while it is in the cache.
///
/// # Safety
/// As [`forward`].
pub(crate) unsafe fn forward_moments<M: Stored>(
    simd: Simd,
    d: &Convolution,
    x: *const M,
    weight: &[M::Real],
) -> (Vec<M>, Moments) {
    let (c, units) = (d.c, d.n * d.oh);
    let mut sums = vec![M::Real::ZERO; units * 3 * c];
    let all = Shared::new(sums.as_mut_ptr());
    let done = |unit: usize, row: &[M]| {
        let center: Vec<M::Real> = row[..c].iter().map(|value| value.read()).collect();
        let (off, squares) = column_sums(row, &center, Summand::Deviation);
        for (i, part) in [&center, &off, &squares].into_iter().enumerate() {
            // SAFETY: three rows of sums of this unit alone.
            unsafe { std::ptr::copy_nonoverlapping(part.as_ptr(), all.at((unit * 3 + i) * c), c) }
        }
    };
    // SAFETY: the caller's promise; every output is written.
    let y = unsafe {
        filled(units * d.ow * c, |out| {
            forward(simd, d, x, weight, out.as_mut_ptr().cast(), Finish::nothing(), done);
        })
    };
    (y, Blocks::of(c, vec![d.ow; units], sums).together())
}

/// The gradient of the input (N,H,W,C).
///
/// # Safety
/// The pointers hold what the shape says.
pub(crate) unsafe fn input_gradient<M: Stored>(
    simd: Simd,
    d: &Convolution,
    weight: &[M::Real],
    dy: *const M,
    out: *mut M,
) {
    let rows = backward(forward_rows(d), d.h);
    let columns = Columns { each: backward(forward_columns(d), d.w), runs: runs::backward(d) };
    let (source, target) = (Map { at: dy, h: d.oh, w: d.ow }, Map { at: out, h: d.h, w: d.w });
    // SAFETY: the caller's promise.
    unsafe { gather(simd, d, (&rows, &columns), (source, target), &pack(d, weight), Finish::nothing(), |_, _| ()) }
}

/// The maps that a gather reads or writes, of d.c channels: where they begin, their height and
/// width.
#[derive(Clone, Copy)]
struct Map<P> {
    at: P,
    h: usize,
    w: usize,
}

/// From one map to the other.
unsafe fn gather<M: Stored>(
    simd: Simd,
    d: &Convolution,
    (rows, columns): (&Reads, &Columns),
    (source, target): (Map<*const M>, Map<*mut M>),
    weight: &[M::Real],
    finish: Finish<M>,
    done: impl Fn(usize, &[M]) + Sync,
) {
    let (pixels, width) = (source.h * source.w, source.w);
    let Map { h, w, .. } = target;
    let (source, out) = (Shared::new(source.at.cast_mut()), Shared::new(target.at));
    each(d.n * h, |unit| {
        let (picture, y) = (unit / h, unit % h);
        let source = source.at(picture * pixels * d.c).cast_const();
        let out = out.at(unit * w * d.c);
        let row = Rows { rows: &rows[y], columns, source, width, c: d.c, s: d.s, out, weight, finish };
        // SAFETY: one picture's source, one row of the output, this unit's own.
        unsafe {
            M::Real::launch(simd, row);
            finish.activate(simd, (out, w * d.c), 1, w * d.c);
            done(unit, std::slice::from_raw_parts(out, w * d.c));
        }
    });
}
