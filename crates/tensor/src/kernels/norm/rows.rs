//! Passes over the rows of an M×C matrix that sum its columns.

use super::rewrite::rewrite;
use crate::kernels::memory::{Elements, chunk, collect};
use crate::kernels::simd::{Element, Job, Lanes, Real, Stored, pass, simd};

/// What [`sums`] adds up by column, with `d = x - center`.
#[derive(Clone, Copy)]
pub(crate) enum Summand<'a, M: Stored> {
    /// d and d².
    Deviation,
    /// g and g·d.
    Gradient(&'a [M]),
    /// The same where `d·scale + bias` is above zero: g, scale, bias.
    Rectified(&'a [M], &'a [M::Real], &'a [M::Real]),
}

/// The two sums by column over all rows of a block.
pub(crate) fn sums<M: Stored>(x: &[M], center: &[M::Real], summand: Summand<'_, M>) -> (Vec<M::Real>, Vec<M::Real>) {
    let c = center.len();
    assert!(x.len().is_multiple_of(c), "whole rows");
    match summand {
        Summand::Deviation => {}
        Summand::Gradient(g) => assert_eq!(g.len(), x.len(), "a gradient for each element"),
        Summand::Rectified(g, scale, bias) => {
            assert!(g.len() == x.len() && scale.len() == c && bias.len() == c, "a gradient for each element");
        }
    }
    let (mut a, mut b) = (vec![M::Real::ZERO; c], vec![M::Real::ZERO; c]);
    // SAFETY: the lengths are those that the job says.
    unsafe { M::Real::launch(simd(), Sums { x, center, summand, a: &mut a, b: &mut b }) }
    (a, b)
}

/// [`sums`]: `x` and g of whole rows, the rest as long as a row.
struct Sums<'a, M: Stored> {
    x: &'a [M],
    center: &'a [M::Real],
    summand: Summand<'a, M>,
    a: &'a mut [M::Real],
    b: &'a mut [M::Real],
}

impl<M: Stored> Job<M::Real> for Sums<'_, M> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = M::Real>>(mut self) {
        let c = self.a.len();
        let whole = c / V::N * V::N;
        // Row by row, as they lie: several at a time would need fewer trips to the sums and are
        // slower (256 columns at 56x56 by 30 %).
        for row in (0..self.x.len()).step_by(c) {
            // SAFETY: whole vectors, and then what is left of a row.
            unsafe {
                for column in (0..whole).step_by(V::N) {
                    self.add::<V>(row, column, V::N);
                }
                if whole < c {
                    self.add::<V>(row, whole, c - whole);
                }
            }
        }
    }
}

impl<M: Stored> Sums<'_, M> {
    /// Adds n columns from the column `from` on, of the row that begins at `row`.
    #[inline(always)]
    unsafe fn add<V: Lanes<Real = M::Real>>(&mut self, row: usize, from: usize, n: usize) {
        // SAFETY: the caller's promise. Numbers after the n-th are zero in all operands and are not
        // stored.
        unsafe {
            let map = |values: &[M]| values.as_ptr().add(row + from);
            let column = |values: &[M::Real]| values.as_ptr().add(from);
            let d = M::load::<V>(map(self.x), n).sub(V::load_up_to(column(self.center), n));
            let g = match self.summand {
                Summand::Deviation => d,
                Summand::Gradient(g) => M::load::<V>(map(g), n),
                Summand::Rectified(g, scale, bias) => {
                    let (scale, bias) = (V::load_up_to(column(scale), n), V::load_up_to(column(bias), n));
                    d.mul(scale).add(bias).pass(M::load::<V>(map(g), n))
                }
            };
            let (to_a, to_b) = (self.a.as_mut_ptr().add(from), self.b.as_mut_ptr().add(from));
            V::load_up_to(to_a, n).add(g).store_up_to(to_a, n);
            g.mul_add(d, V::load_up_to(to_b, n)).store_up_to(to_b, n);
        }
    }
}

/// Rows of one partial sum of [`column_sums`].
const ROWS: usize = 2048;

/// The sum of each of the `o` columns, for the gradient of a bias.
pub(crate) fn column_sums<M: Stored>(dy: &[M], o: usize) -> Vec<M::Real> {
    let parts: Vec<Vec<M::Real>> = collect(dy.len().div_ceil(o * ROWS), |i| sum(chunk(dy, o * ROWS, i), o));
    total(parts, o)
}

/// dy where y is above zero, else zero, and the sum of each of its `o` columns: one pass.
pub(crate) fn rectified<M: Stored>(y: &[M], dy: Elements<'_, M>, o: usize) -> (Option<Vec<M>>, Vec<M::Real>) {
    let (dz, parts) = rewrite(dy, [y], (o, []), |[y], g, []| pass(y, g), |_, dz| sum(dz, o));
    (dz, total(parts, o))
}

/// The sum of each column of some rows.
pub(crate) fn sum<M: Stored>(rows: &[M], o: usize) -> Vec<M::Real> {
    let mut sum = vec![M::Real::ZERO; o];
    for row in rows.chunks_exact(o) {
        sum.iter_mut().zip(row).for_each(|(sum, &value)| *sum += value.read());
    }
    sum
}

/// Such sums together, in their order.
pub(crate) fn total<T: Real>(parts: Vec<Vec<T>>, o: usize) -> Vec<T> {
    parts.iter().fold(vec![T::ZERO; o], |mut total, part| {
        total.iter_mut().zip(part).for_each(|(sum, &value)| *sum += value);
        total
    })
}
