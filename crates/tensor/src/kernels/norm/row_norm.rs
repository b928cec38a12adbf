//! Normalization of each row of an M×C matrix by itself: layer norm, and RMS norm, which takes no
//! mean off. One pass over memory forward, one backward: a row stays in the first-level cache while
//! it is measured and written.

use std::mem::MaybeUninit;

use crate::kernels::memory::{Elements, Shared, block, each, filled, reduce};
use crate::kernels::simd::rows::{dot, squares, sum};
use crate::kernels::simd::{Job, Lanes, Real, simd};

/// How a row is normalized, and the parameters by channel.
#[derive(Clone, Copy)]
pub(crate) struct RowNorm<'a, T> {
    pub(crate) weight: &'a [T],
    /// None for RMS norm, whose rows are not centered either.
    pub(crate) bias: Option<&'a [T]>,
    pub(crate) eps: f64,
}

impl<T: Real> RowNorm<'_, T> {
    /// The columns of x, whose rows are whole.
    fn check(&self, x: &[T]) -> usize {
        let c = self.weight.len();
        assert!(c > 0 && x.len().is_multiple_of(c) && self.bias.is_none_or(|bias| bias.len() == c), "whole rows");
        c
    }
}

/// The normalized rows, and of each row its mean and `1 / √(variance + eps)`.
pub(crate) fn forward<T: Real>(x: &[T], norm: RowNorm<'_, T>) -> (Vec<T>, Vec<T>) {
    let c = norm.check(x);
    let (rows, height, mut y) = (x.len() / c, block(c) / c, Vec::new());
    // SAFETY: the units are blocks of rows, and each writes its rows and their moments.
    let moments = unsafe {
        filled(2 * rows, |moments: &mut [MaybeUninit<T>]| {
            let moments = Shared::new(moments.as_mut_ptr().cast::<T>());
            y = filled(x.len(), |y| {
                let y = Shared::new(y.as_mut_ptr().cast::<T>());
                each(rows.div_ceil(height), |unit| {
                    let (from, to) = (unit * height, rows.min((unit + 1) * height));
                    let (x, y, moments) = (&x[from * c..to * c], y.at(from * c), moments.at(2 * from));
                    T::launch(simd(), Forward { x, norm, y, moments });
                });
            });
        })
    };
    (y, moments)
}

/// A block of [`forward`].
struct Forward<'a, T> {
    x: &'a [T],
    norm: RowNorm<'a, T>,
    y: *mut T,
    moments: *mut T,
}

impl<T: Real> Job<T> for Forward<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        let Self { x, norm: RowNorm { weight, bias, eps }, y, moments } = self;
        let (c, count) = (weight.len(), T::of(weight.len() as f64));
        for (number, x) in x.chunks_exact(c).enumerate() {
            // SAFETY: a row of y, and its two moments.
            unsafe {
                let mean = if bias.is_some() { sum::<V>(x) / count } else { T::ZERO };
                let variance = squares::<V>(x, mean) / count;
                let rstd = T::of(1.0 / (variance.wide() + eps).sqrt());
                *moments.add(2 * number) = mean;
                *moments.add(2 * number + 1) = rstd;
                let (center, scale) = (V::splat(mean), V::splat(rstd));
                for at in (0..c).step_by(V::N) {
                    let n = c - at;
                    let normal = V::load_up_to(x.as_ptr().add(at), n).sub(center).mul(scale);
                    let weight = V::load_up_to(weight.as_ptr().add(at), n);
                    let value = match bias {
                        Some(bias) => normal.mul_add(weight, V::load_up_to(bias.as_ptr().add(at), n)),
                        None => normal.mul(weight),
                    };
                    value.store_up_to(y.add(number * c + at), n);
                }
            }
        }
    }
}

/// The gradient of x, a new one, or none where it has been written over dy; and those of weight and
/// bias, one behind the other.
pub(crate) fn backward<T: Real>(
    (x, moments): (&[T], &[T]),
    dy: Elements<'_, T>,
    norm: RowNorm<'_, T>,
) -> (Option<Vec<T>>, Vec<T>) {
    let c = norm.check(x);
    assert!(dy.len() == x.len() && moments.len() == 2 * (x.len() / c), "a gradient and moments of each row");
    let (rows, height) = (x.len() / c, block(c) / c);
    let units = rows.div_ceil(height);
    let mut sums = vec![T::ZERO; 2 * c * units.max(1)];
    let to = Shared::new(sums.as_mut_ptr());
    let run = |g: Shared<T>, out: Shared<T>| {
        each(units, |unit| {
            let (from, end) = (unit * height, rows.min((unit + 1) * height));
            let (x, moments) = (&x[from * c..end * c], &moments[2 * from..2 * end]);
            let (g, out, sums) = (g.at(from * c), out.at(from * c), to.at(2 * c * unit));
            // SAFETY: the unit's own rows and sums; g may be where the rows are written.
            unsafe { T::launch(simd(), Backward { x, moments, norm, g, out, sums }) }
        });
    };
    let new = match dy {
        Elements::Own(dy) => {
            let at = Shared::new(dy.as_mut_ptr());
            run(at, at);
            None
        }
        // SAFETY: the units write all rows.
        Elements::Shared(dy) => unsafe {
            let g = Shared::new(dy.as_ptr().cast_mut());
            Some(filled(x.len(), |out| run(g, Shared::new(out.as_mut_ptr().cast()))))
        },
    };
    reduce(&mut sums, 2 * c);
    sums.truncate(2 * c);
    (new, sums)
}

/// A block of [`backward`].
struct Backward<'a, T> {
    x: &'a [T],
    moments: &'a [T],
    norm: RowNorm<'a, T>,
    g: *const T,
    out: *mut T,
    /// `Σ g · normal` and `Σ g`, by column.
    sums: *mut T,
}

impl<T: Real> Job<T> for Backward<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        let Self { x, moments, norm: RowNorm { weight, bias, .. }, g, out, sums } = self;
        let (c, count) = (weight.len(), T::of(weight.len() as f64));
        for (number, (x, moments)) in x.chunks_exact(c).zip(moments.chunks_exact(2)).enumerate() {
            // SAFETY: rows of g and out; elements after the last are zero in g and the weight.
            unsafe {
                let (g, out) = (g.add(number * c), out.add(number * c));
                let (center, scale) = (V::splat(moments[0]), V::splat(moments[1]));
                let mut along = V::splat(T::ZERO);
                for at in (0..c).step_by(V::N) {
                    let n = c - at;
                    let normal = V::load_up_to(x.as_ptr().add(at), n).sub(center).mul(scale);
                    let g = V::load_up_to(g.add(at), n);
                    let (d_weight, d_bias) = (sums.add(at), sums.add(c + at));
                    g.mul_add(normal, V::load_up_to(d_weight, n)).store_up_to(d_weight, n);
                    g.add(V::load_up_to(d_bias, n)).store_up_to(d_bias, n);
                    along = g.mul(V::load_up_to(weight.as_ptr().add(at), n)).mul_add(normal, along);
                }
                let mut parts = [T::ZERO; 16];
                along.store(parts.as_mut_ptr());
                let along = V::splat(sum::<V>(&parts[..V::N]) / count);
                let mean = if bias.is_some() { dot::<V>(std::slice::from_raw_parts(g, c), weight) } else { T::ZERO };
                let mean = V::splat(mean / count);
                for at in (0..c).step_by(V::N) {
                    let n = c - at;
                    let normal = V::load_up_to(x.as_ptr().add(at), n).sub(center).mul(scale);
                    let g = V::load_up_to(g.add(at), n).mul(V::load_up_to(weight.as_ptr().add(at), n));
                    normal.neg_mul_add(along, g.sub(mean)).mul(scale).store_up_to(out.add(at), n);
                }
            }
        }
    }
}
