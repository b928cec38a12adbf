//! Batch normalization and a rectifier over several matrices with the same rows, side by side, as
//! if they were one: their concatenation is neither written nor read.

use std::mem::MaybeUninit;

use super::batch_norm::Affine;
use crate::kernels::gemm::tally::GradientSums;
use crate::kernels::memory::{Shared, block, chunk, chunks, collect, each, filled};
use crate::kernels::simd::{Element, Job, Lanes, Real, Stored, simd};

/// Matrices of so many columns each.
#[derive(Clone, Copy)]
pub(crate) struct Parts<'a, M>(&'a [(&'a [M], usize)]);

impl<'a, M: Stored> Parts<'a, M> {
    /// Checks that all have the same rows.
    pub(crate) fn new(parts: &'a [(&'a [M], usize)]) -> Self {
        let rows = parts.first().map_or(0, |(x, c)| x.len() / c.max(&1));
        assert!(parts.iter().all(|(x, c)| *c > 0 && x.len() == rows * c), "parts with the same rows");
        Self(parts)
    }

    fn columns(self) -> usize {
        self.0.iter().map(|(_, c)| c).sum()
    }

    fn rows(self) -> usize {
        self.0.first().map_or(0, |(x, c)| x.len() / c)
    }

    /// Rows of a block: what the rows of one matrix would be.
    fn block(self) -> usize {
        let c = self.columns();
        (block(c) / c).max(1)
    }
}

/// `max((x - mean) · scale + bias, 0)`.
pub(crate) fn rectified<M: Stored>(parts: Parts<'_, M>, affine: &Affine<M::Real>) -> Vec<M> {
    let (c, rows) = (parts.columns(), parts.block());
    assert_eq!(c, affine.mean().len());
    // SAFETY: each job writes all of its rows.
    unsafe {
        filled(parts.rows() * c, |out| {
            chunks(out, (rows * c).max(1), |i, out| {
                M::Real::launch(simd(), Rectify { parts, from: i * rows, columns: affine.columns(), out });
            });
        })
    }
}

struct Rectify<'a, M: Stored> {
    parts: Parts<'a, M>,
    from: usize,
    columns: [&'a [M::Real]; 3],
    out: &'a mut [MaybeUninit<M>],
}

impl<M: Stored> Job<M::Real> for Rectify<'_, M> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = M::Real>>(self) {
        let c = self.columns[0].len();
        let columns = self.columns.map(<[M::Real]>::as_ptr);
        for row in 0..self.out.len() / c {
            let mut first = 0;
            for &(x, width) in self.parts.0 {
                for at in (0..width).step_by(V::N) {
                    let n = width - at;
                    // SAFETY: n columns of a row of a part, and those of the whole that they are.
                    unsafe {
                        let (_, y) =
                            normed::<V, M>(x.as_ptr().add((self.from + row) * width + at), columns, first + at, n);
                        M::store(self.out.as_mut_ptr().cast::<M>().add(row * c + first + at), y.pass(y), n);
                    }
                }
                first += width;
            }
        }
    }
}

/// `x - mean`, and that times scale with the bias.
#[inline(always)]
unsafe fn normed<V, M>(x: *const M, columns: [*const M::Real; 3], column: usize, n: usize) -> (V, V)
where
    V: Lanes<Real = M::Real>,
    M: Stored,
{
    let [mean, scale, bias] = columns.map(|values| values.wrapping_add(column));
    // SAFETY: the caller vouches for n elements of each.
    unsafe {
        let d = M::load::<V>(x, n).sub(V::load_up_to(mean, n));
        (d, d.mul(V::load_up_to(scale, n)).add(V::load_up_to(bias, n)))
    }
}

/// The sums over the gradient where the rectifier let it pass.
pub(crate) fn sums<M: Stored>(parts: Parts<'_, M>, dy: &[M], affine: &Affine<M::Real>) -> GradientSums {
    let (c, rows) = (parts.columns(), parts.block());
    assert!(c == affine.mean().len() && dy.len() == parts.rows() * c);
    let blocks = collect(parts.rows().div_ceil(rows), |i| {
        let dy = chunk(dy, rows * c, i);
        let (mut gradient, mut product) = (vec![M::Real::ZERO; c], vec![M::Real::ZERO; c]);
        let sums = (&mut gradient[..], &mut product[..]);
        // SAFETY: all have the columns of the whole.
        unsafe { M::Real::launch(simd(), Sum { parts, from: i * rows, columns: affine.columns(), dy, sums }) }
        (gradient, product)
    });
    GradientSums::of_blocks(&blocks, c)
}

struct Sum<'a, M: Stored> {
    parts: Parts<'a, M>,
    from: usize,
    columns: [&'a [M::Real]; 3],
    dy: &'a [M],
    sums: (&'a mut [M::Real], &'a mut [M::Real]),
}

impl<M: Stored> Job<M::Real> for Sum<'_, M> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = M::Real>>(self) {
        let c = self.columns[0].len();
        let columns = self.columns.map(<[M::Real]>::as_ptr);
        let (gradient, product) = (self.sums.0.as_mut_ptr(), self.sums.1.as_mut_ptr());
        for row in 0..self.dy.len() / c {
            let mut first = 0;
            for &(x, width) in self.parts.0 {
                for at in (0..width).step_by(V::N) {
                    let (n, column) = (width - at, first + at);
                    // SAFETY: as above, and those of the gradient and of the sums.
                    unsafe {
                        let x = x.as_ptr().add((self.from + row) * width + at);
                        let (d, y) = normed::<V, M>(x, columns, column, n);
                        let g = y.pass(M::load(self.dy.as_ptr().add(row * c + column), n));
                        let (sum, products) = (gradient.add(column), product.add(column));
                        V::load_up_to(sum, n).add(g).store_up_to(sum, n);
                        g.mul_add(d, V::load_up_to(products, n)).store_up_to(products, n);
                    }
                }
                first += width;
            }
        }
    }
}

/// The gradient of each part that is wanted, where mean and variance are those of the parts.
pub(crate) fn input_gradients<M: Stored>(
    parts: Parts<'_, M>,
    dy: &[M],
    affine: &Affine<M::Real>,
    sums: &GradientSums,
    wanted: &[bool],
) -> Vec<Option<Vec<M>>> {
    let (c, rows, all) = (parts.columns(), parts.block(), parts.rows());
    assert!(c == affine.mean().len() && dy.len() == all * c && wanted.len() == parts.0.len());
    let [slope, shift] = affine.slope_and_shift(sums, all);
    let mut gradients: Vec<_> = parts
        .0
        .iter()
        .zip(wanted)
        .map(|((x, _), &wanted)| {
            let len = if wanted { x.len() } else { 0 };
            Vec::<M>::with_capacity(len)
        })
        .collect();
    let out: Vec<_> = gradients
        .iter_mut()
        .zip(wanted)
        .map(|(gradient, &wanted)| wanted.then(|| Shared::new(gradient.as_mut_ptr())))
        .collect();
    each(all.div_ceil(rows), |i| {
        let dy = chunk(dy, rows * c, i);
        let job = Back { parts, from: i * rows, columns: affine.columns(), more: [&slope, &shift], dy, out: &out };
        // SAFETY: the rows of this block are the job's own in every gradient.
        unsafe { M::Real::launch(simd(), job) }
    });
    let made = gradients.into_iter().zip(parts.0).zip(wanted).map(|((mut gradient, (x, _)), &wanted)| {
        // SAFETY: the jobs have written every row.
        unsafe { gradient.set_len(if wanted { x.len() } else { 0 }) };
        wanted.then_some(gradient)
    });
    made.collect()
}

struct Back<'a, M: Stored> {
    parts: Parts<'a, M>,
    from: usize,
    columns: [&'a [M::Real]; 3],
    more: [&'a [M::Real]; 2],
    dy: &'a [M],
    out: &'a [Option<Shared<M>>],
}

impl<M: Stored> Job<M::Real> for Back<'_, M> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = M::Real>>(self) {
        let c = self.columns[0].len();
        let columns = self.columns.map(<[M::Real]>::as_ptr);
        let (scales, [slopes, shifts]) = (columns[1], self.more.map(<[M::Real]>::as_ptr));
        for row in 0..self.dy.len() / c {
            let mut first = 0;
            for (&(x, width), out) in self.parts.0.iter().zip(self.out) {
                if let Some(out) = out {
                    for at in (0..width).step_by(V::N) {
                        let (n, column) = (width - at, first + at);
                        let place = (self.from + row) * width + at;
                        // SAFETY: as above, and the same elements of the part's gradient.
                        unsafe {
                            let (d, y) = normed::<V, M>(x.as_ptr().add(place), columns, column, n);
                            let g = y.pass(M::load(self.dy.as_ptr().add(row * c + column), n));
                            let [scale, slope, shift] =
                                [scales, slopes, shifts].map(|values| values.wrapping_add(column));
                            let rest = d.mul_add(V::load_up_to(slope, n), V::load_up_to(shift, n));
                            M::store(out.at(place), g.mul_add(V::load_up_to(scale, n), rest), n);
                        }
                    }
                }
                first += width;
            }
        }
    }
}
