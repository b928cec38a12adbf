//! Average pooling of (N,H,W,C) maps over any cells, each way in one pass.

use crate::kernels::memory::{chunks, filled};
use crate::kernels::simd::{Element, Real, Stored};
use crate::sizes::{Averaging, Checked};

/// What the sum over a cell is multiplied by.
fn scale<T: Real>(d: &Averaging, oy: usize, ox: usize) -> T {
    T::of(1.0 / (d.rows.divisor(oy) * d.columns.divisor(ox)))
}

fn add<M: Stored>(sum: &mut [M::Real], values: &[M]) {
    sum.iter_mut().zip(values).for_each(|(sum, &value)| *sum += value.read());
}

/// The averages (N,OH,OW,C), as a map or as numbers. Rows of a cell are summed apart, which keeps
/// sums of thousands of pixels short.
pub(crate) fn forward<M: Stored, O: Stored<Real = M::Real>>(d: Checked<Averaging>, x: &[M]) -> Vec<O> {
    let zero = M::Real::ZERO;
    // SAFETY: the chunks are the rows of the output; every pixel is written.
    unsafe {
        filled(d.n * d.oh * d.ow * d.c, |out| {
            chunks(out, (d.ow * d.c).max(1), |i, out| {
                let ((n, oy), mut row, mut sum) = ((i / d.oh, i % d.oh), vec![zero; d.c], vec![zero; d.c]);
                for (ox, out) in out.chunks_exact_mut(d.c).enumerate() {
                    let columns = d.columns.span(ox);
                    sum.fill(zero);
                    for y in d.rows.span(oy) {
                        row.fill(zero);
                        let from = (n * d.h + y) * d.w;
                        x[(from + columns.start) * d.c..(from + columns.end) * d.c]
                            .chunks_exact(d.c)
                            .for_each(|pixel| add(&mut row, pixel));
                        add(&mut sum, &row);
                    }
                    let scale: M::Real = scale(&d, oy, ox);
                    for (out, &sum) in out.iter_mut().zip(&sum) {
                        out.write(O::round(sum * scale));
                    }
                }
            });
        })
    }
}

/// The gradient of [`forward`]: each pixel has that of its cell, or the sum of those of its cells;
/// 0 where it has none.
pub(crate) fn backward<M: Stored>(d: Checked<Averaging>, dy: &[M]) -> Vec<M> {
    assert_eq!(dy.len(), d.n * d.oh * d.ow * d.c, "gradients of another average pooling");
    let mut shares: Vec<M::Real> = dy.iter().map(|g| g.read()).collect();
    for (i, share) in shares.chunks_exact_mut(d.c.max(1)).enumerate() {
        let scale: M::Real = scale(&d, i / d.ow % d.oh, i % d.ow);
        share.iter_mut().for_each(|g| *g *= scale);
    }
    // SAFETY: the chunks are the rows of the map; every pixel is written.
    unsafe {
        filled(d.n * d.h * d.w * d.c, |dx| {
            chunks(dx, (d.w * d.c).max(1), |i, dx| {
                let ((n, rows), mut sum) = ((i / d.h, d.rows.of(i % d.h)), vec![M::Real::ZERO; d.c]);
                for (x, dx) in dx.chunks_exact_mut(d.c).enumerate() {
                    let columns = d.columns.of(x);
                    let share = |oy: usize, ox: usize| &shares[((n * d.oh + oy) * d.ow + ox) * d.c..][..d.c];
                    sum.fill(M::Real::ZERO);
                    rows.clone().for_each(|oy| columns.clone().for_each(|ox| add(&mut sum, share(oy, ox))));
                    for (dx, &sum) in dx.iter_mut().zip(&sum) {
                        dx.write(M::round(sum));
                    }
                }
            });
        })
    }
}
