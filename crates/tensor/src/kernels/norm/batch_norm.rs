//! Batch normalization over the rows of an M×C matrix, with the rectifier and the sum that may
//! follow it: two passes over memory forward, two backward.

use std::ops::Range;

use super::normalize::{Then, normalized};
use super::rewrite::rewrite;
use super::rows::{self, Summand};
use crate::kernels::elementwise::pointwise::{Function, on_functions};
use crate::kernels::gemm::tally::{GradientSums, cast, wide};
use crate::kernels::memory::{Elements, block, chunk, collect};
use crate::kernels::simd::{Real, Stored, pass};
use crate::pointwise::Pointwise;

/// `(x - mean) · scale + bias`, by channel.
#[derive(Clone, Debug)]
pub(crate) struct Affine<T> {
    mean: Vec<T>,
    scale: Vec<T>,
    bias: Vec<T>,
    /// `1 / √(variance + eps)`.
    rstd: Vec<f64>,
}

impl<T: Real> Affine<T> {
    pub(crate) fn new(mean: &[f64], variance: &[f64], eps: f64, weight: &[T], bias: &[T]) -> Self {
        let rstd: Vec<f64> = variance.iter().map(|v| 1.0 / (v + eps).sqrt()).collect();
        let scale = rstd.iter().zip(weight).map(|(r, w)| T::of(r * w.wide())).collect();
        Self { mean: cast(mean), scale, bias: bias.to_vec(), rstd }
    }

    pub(crate) fn mean(&self) -> &[T] {
        &self.mean
    }

    /// The gradient of the weight.
    pub(crate) fn weight_gradient(&self, sums: &GradientSums) -> Vec<T> {
        sums.product.iter().zip(&self.rstd).map(|(p, r)| T::of(p * r)).collect()
    }

    /// Mean, scale and bias.
    pub(super) fn columns(&self) -> [&[T]; 3] {
        [&self.mean, &self.scale, &self.bias]
    }

    /// What is added to a gradient times the scale for each `x - mean`, and for each x, of m rows.
    pub(super) fn slope_and_shift(&self, sums: &GradientSums, m: usize) -> [Vec<T>; 2] {
        let (scale, m) = (|| wide(&self.scale), m as f64);
        let slope = scale().zip(&self.rstd).zip(&sums.product).map(|((s, r), p)| T::of(-s * r * r * p / m));
        let shift = scale().zip(&sums.gradient).map(|(s, g)| T::of(-s * g / m));
        [slope.collect(), shift.collect()]
    }

    fn channels(&self) -> usize {
        self.mean.len()
    }
}

/// The normalized matrix and what follows; where asked for, the signs of it.
pub(crate) fn forward<M: Stored>(
    x: &[M],
    affine: &Affine<M::Real>,
    then: Then<'_, M>,
    signed: bool,
) -> (Vec<M>, Option<Vec<u16>>) {
    normalized(x, [&affine.mean, &affine.scale, &affine.bias], then, signed)
}

/// The sums over all rows; with `relu`, over the elements that it let pass, found by doing the
/// forward pass again.
pub(crate) fn sums<M: Stored>(x: &[M], dy: &[M], affine: &Affine<M::Real>, relu: bool) -> GradientSums {
    assert_eq!(x.len(), dy.len(), "a gradient for each element");
    let c = affine.channels();
    let blocks = collect(x.len().div_ceil(block(c)), |i| {
        let (x, dy) = (chunk(x, block(c), i), chunk(dy, block(c), i));
        let summand = if relu { Summand::Rectified(dy, &affine.scale, &affine.bias) } else { Summand::Gradient(dy) };
        rows::sums(x, &affine.mean, summand)
    });
    GradientSums::of_blocks(&blocks, c)
}

/// The gradient where y, the rectified output, is not 0, which is what the other term of the
/// rectified sum gets; and the sums over it. The gradient comes as one or as two terms.
pub(crate) fn rectified_sums<M: Stored>(
    x: &[M],
    (dy, more): (Elements<'_, M>, Option<&[M]>),
    y: &[M],
    affine: &Affine<M::Real>,
) -> (Option<Vec<M>>, GradientSums) {
    let c = affine.channels();
    let sums = |rows: Range<usize>, g: &[M]| rows::sums(&x[rows], &affine.mean, Summand::Gradient(g));
    let (rectified, blocks) = match more {
        None => rewrite(dy, [y], (c, []), |[y], g, []| pass(y, g), sums),
        Some(more) => rewrite(dy, [more, y], (c, []), |[more, y], g, []| pass(y, g + more), sums),
    };
    (rectified, GradientSums::of_blocks(&blocks, c))
}

/// The gradient behind an activation function of the normalized x, which is computed again; and
/// the sums over it.
pub(crate) fn activated_sums<M: Stored>(
    function: Pointwise,
    x: &[M],
    dy: Elements<'_, M>,
    affine: &Affine<M::Real>,
) -> (Option<Vec<M>>, GradientSums) {
    let columns = (affine.channels(), [&affine.mean[..], &affine.scale, &affine.bias]);
    let sums = |rows: Range<usize>, g: &[M]| rows::sums(&x[rows], &affine.mean, Summand::Gradient(g));
    let (gradient, blocks) = on_functions!(function, F => rewrite(
        dy,
        [x],
        columns,
        |[x], g, [mean, scale, bias]| <F as Function>::slope((x - mean) * scale + bias) * g,
        sums,
    ));
    (gradient, GradientSums::of_blocks(&blocks, affine.channels()))
}

/// The gradient of x where mean and variance are those of x itself:
/// `dx = scale · (g - Σg/M - (x - mean) · rstd² · Σg(x - mean)/M)`. At most one of the two may be
/// written over.
pub(crate) fn input_gradient<M: Stored>(
    x: Elements<'_, M>,
    dy: Elements<'_, M>,
    affine: &Affine<M::Real>,
    relu: bool,
    sums: &GradientSums,
) -> Option<Vec<M>> {
    let c = affine.channels();
    let [slope, shift] = affine.slope_and_shift(sums, x.len() / c);
    if !relu {
        let columns = (c, [&affine.mean[..], &affine.scale, &slope, &shift]);
        let dx = |x, g, [mean, scale, slope, shift]: [M::Real; 4]| g * scale + (x - mean) * slope + shift;
        return over(x, dy, columns, dx);
    }
    let columns = (c, [&affine.mean[..], &affine.scale, &affine.bias, &slope, &shift]);
    over(x, dy, columns, |x, g, [mean, scale, bias, slope, shift]: [M::Real; 5]| {
        pass((x - mean) * scale + bias, g) * scale + (x - mean) * slope + shift
    })
}

/// `f(x, g, parameters of the column)` over whichever of both may be written over.
fn over<M: Stored, const P: usize>(
    x: Elements<'_, M>,
    g: Elements<'_, M>,
    columns: (usize, [&[M::Real]; P]),
    f: impl Fn(M::Real, M::Real, [M::Real; P]) -> M::Real + Sync,
) -> Option<Vec<M>> {
    match (x, g) {
        (Elements::Shared(x), g) => rewrite(g, [x], columns, |[x], g, p| f(x, g, p), |_, _| ()).0,
        (x, g) => rewrite(x, [g.as_slice()], columns, |[g], x, p| f(x, g, p), |_, _| ()).0,
    }
}

/// The gradient of x where mean and variance are given; with the rectified y, only where that is
/// not 0.
pub(crate) fn input_gradient_given<M: Stored>(
    dy: Elements<'_, M>,
    y: Option<&[M]>,
    affine: &Affine<M::Real>,
) -> Option<Vec<M>> {
    let columns = (affine.channels(), [&affine.scale[..]]);
    match y {
        Some(y) => rewrite(dy, [y], columns, |[y], g, [scale]| pass(y, g * scale), |_, _| ()).0,
        None => rewrite(dy, [], columns, |[], g, [scale]| g * scale, |_, _| ()).0,
    }
}
