//! Depthwise convolution: one channel in, one out, by group. There is no product of matrices in it;
//! vectors run along the channels, and both directions gather:
//! `out[y, x, c] = Σ_taps in[y', x', c] · weight[tap, c]`.

use crate::kernels::memory::{Shared, each, reduce};
use crate::kernels::simd::{Job, Lanes, Real, Simd};
use crate::sizes::Convolution;

/// Parts of the sum of a weight's gradient, at most.
const PARTS: usize = 16;

/// Taps and source positions that an output position reads.
type Reads = Vec<Vec<(usize, usize)>>;

/// What each output position along a side reads.
fn forward_reads(d: &Convolution, outputs: usize, taps: usize, size: usize) -> Reads {
    (0..outputs).map(|o| (0..taps).filter_map(|t| Some((t, d.source(o, t, size)?))).collect()).collect()
}

/// What each input position's gradient reads: the same pairs from the other end.
fn backward_reads(d: &Convolution, outputs: usize, taps: usize, size: usize) -> Reads {
    let mut reads = vec![Vec::new(); size];
    for (o, pairs) in forward_reads(d, outputs, taps, size).into_iter().enumerate() {
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

/// The output (N,OH,OW,C).
///
/// # Safety
/// The pointers hold what the shape says; `bias` is null or C elements.
pub(crate) unsafe fn forward<T: Real>(
    simd: Simd,
    d: &Convolution,
    x: *const T,
    weight: &[T],
    out: *mut T,
    (bias, relu): (*const T, bool),
) {
    let reads = (forward_reads(d, d.oh, d.r, d.h), forward_reads(d, d.ow, d.s, d.w));
    // SAFETY: the caller's promise.
    unsafe {
        gather(
            simd,
            d,
            &reads,
            Map { at: x, h: d.h, w: d.w },
            Map { at: out, h: d.oh, w: d.ow },
            &pack(d, weight),
            (bias, relu),
        )
    }
}

/// The gradient of the input (N,H,W,C).
///
/// # Safety
/// The pointers hold what the shape says.
pub(crate) unsafe fn input_gradient<T: Real>(simd: Simd, d: &Convolution, weight: &[T], dy: *const T, out: *mut T) {
    let reads = (backward_reads(d, d.oh, d.r, d.h), backward_reads(d, d.ow, d.s, d.w));
    let plain = (std::ptr::null(), false);
    // SAFETY: the caller's promise.
    unsafe {
        gather(
            simd,
            d,
            &reads,
            Map { at: dy, h: d.oh, w: d.ow },
            Map { at: out, h: d.h, w: d.w },
            &pack(d, weight),
            plain,
        )
    }
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
unsafe fn gather<T: Real>(
    simd: Simd,
    d: &Convolution,
    (rows, columns): &(Reads, Reads),
    source: Map<*const T>,
    target: Map<*mut T>,
    weight: &[T],
    (bias, relu): (*const T, bool),
) {
    let (pixels, width) = (source.h * source.w, source.w);
    let Map { h, w, .. } = target;
    let (source, out, bias) = (Shared::new(source.at.cast_mut()), Shared::new(target.at), Shared::new(bias.cast_mut()));
    each(d.n * h, |unit| {
        let (picture, y) = (unit / h, unit % h);
        let source = source.at(picture * pixels * d.c).cast_const();
        let (out, bias) = (out.at(unit * w * d.c), bias.at(0).cast_const());
        let row = Row { rows: &rows[y], columns, source, width, c: d.c, s: d.s, out, weight, bias, relu };
        // SAFETY: one picture's source, one row of the output, this unit's own.
        unsafe { T::launch(simd, row) }
    });
}

/// One row of outputs.
struct Row<'a, T> {
    rows: &'a [(usize, usize)],
    columns: &'a [Vec<(usize, usize)>],
    source: *const T,
    width: usize,
    c: usize,
    s: usize,
    out: *mut T,
    weight: &'a [T],
    bias: *const T,
    relu: bool,
}

impl<T: Real> Job<T> for Row<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        let floor = if self.relu { T::ZERO } else { T::NEG_INFINITY };
        let weight = self.weight.as_ptr();
        // SAFETY: the pairs name positions of the source; channels stay below c.
        unsafe {
            for (x, columns) in self.columns.iter().enumerate() {
                for from in (0..self.c).step_by(V::N) {
                    let n = V::N.min(self.c - from);
                    let mut sum = V::splat(T::ZERO);
                    if !self.bias.is_null() {
                        sum = V::load_up_to(self.bias.add(from), n);
                    }
                    for &(r, y) in self.rows {
                        for &(s, x) in columns {
                            let value = V::load_up_to(self.source.add((y * self.width + x) * self.c + from), n);
                            let tap = V::load_up_to(weight.add((r * self.s + s) * self.c + from), n);
                            sum = value.mul_add(tap, sum);
                        }
                    }
                    V::splat(floor).max(sum).store_up_to(self.out.add(x * self.c + from), n);
                }
            }
        }
    }
}

/// The gradient of the weight (C,1,R,S).
///
/// # Safety
/// The pointers hold what the shape says.
pub(crate) unsafe fn weight_gradient<T: Real>(simd: Simd, d: &Convolution, x: *const T, dy: *const T) -> Vec<T> {
    let size = d.r * d.s * d.c;
    let rows = d.n * d.oh;
    let parts = rows.clamp(1, PARTS);
    let mut sums = vec![T::ZERO; parts * size];
    let reads = (forward_reads(d, d.oh, d.r, d.h), forward_reads(d, d.ow, d.s, d.w));
    let (x, dy, out) = (Shared::new(x.cast_mut()), Shared::new(dy.cast_mut()), Shared::new(sums.as_mut_ptr()));
    each(parts, |part| {
        for row in part * rows / parts..(part + 1) * rows / parts {
            let (x, dy) = (x.at(row / d.oh * d.h * d.w * d.c).cast_const(), dy.at(row * d.ow * d.c).cast_const());
            let job = RowGradient { d, rows: &reads.0[row % d.oh], columns: &reads.1, x, dy, out: out.at(part * size) };
            // SAFETY: one picture, one row of its dy, this part's own sums.
            unsafe { T::launch(simd, job) }
        }
    });
    reduce(&mut sums, size);
    let taps = d.r * d.s;
    (0..size).map(|i| sums[i % taps * d.c + i / taps]).collect()
}

/// Adds what one row of outputs gives to the sums of the weight's gradient.
struct RowGradient<'a, T> {
    d: &'a Convolution,
    rows: &'a [(usize, usize)],
    columns: &'a [Vec<(usize, usize)>],
    x: *const T,
    dy: *const T,
    out: *mut T,
}

impl<T: Real> Job<T> for RowGradient<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        let d = self.d;
        // SAFETY: as in `Row`.
        unsafe {
            for &(r, y) in self.rows {
                for (ox, columns) in self.columns.iter().enumerate() {
                    for &(s, x) in columns {
                        let (x, dy) = (self.x.add((y * d.w + x) * d.c), self.dy.add(ox * d.c));
                        let to = self.out.add((r * d.s + s) * d.c);
                        for from in (0..d.c).step_by(V::N) {
                            let n = V::N.min(d.c - from);
                            let (x, dy) = (V::load_up_to(x.add(from), n), V::load_up_to(dy.add(from), n));
                            x.mul_add(dy, V::load_up_to(to.add(from), n)).store_up_to(to.add(from), n);
                        }
                    }
                }
            }
        }
    }
}
