//! Average pooling of (N,H,W,C) maps over any cells, each way in one pass.

use crate::kernels::memory::{chunks, copy, filled};
use crate::kernels::simd::Real;
use crate::sizes::{Averaging, Checked};

/// What the sum over a cell is multiplied by.
fn scale<T: Real>(d: &Averaging, oy: usize, ox: usize) -> T {
    T::of(1.0 / (d.rows.divisor(oy) * d.columns.divisor(ox)))
}

fn add<T: Real>(sum: &mut [T], values: &[T]) {
    sum.iter_mut().zip(values).for_each(|(sum, &value)| *sum += value);
}

/// The averages (N,OH,OW,C). Rows of a cell are summed apart, which keeps sums of thousands of
/// pixels short.
pub(crate) fn forward<T: Real>(d: Checked<Averaging>, x: &[T]) -> Vec<T> {
    let mut out = vec![T::ZERO; d.n * d.oh * d.ow * d.c];
    chunks(&mut out, (d.ow * d.c).max(1), |i, out| {
        let ((n, oy), mut row) = ((i / d.oh, i % d.oh), vec![T::ZERO; d.c]);
        for (ox, out) in out.chunks_exact_mut(d.c).enumerate() {
            let columns = d.columns.span(ox);
            for y in d.rows.span(oy) {
                row.fill(T::ZERO);
                let from = (n * d.h + y) * d.w;
                x[(from + columns.start) * d.c..(from + columns.end) * d.c]
                    .chunks_exact(d.c)
                    .for_each(|pixel| add(&mut row, pixel));
                add(out, &row);
            }
            let scale = scale(&d, oy, ox);
            out.iter_mut().for_each(|sum| *sum *= scale);
        }
    });
    out
}

/// The gradient of [`forward`]: each pixel has that of its cell, or the sum of those of its cells;
/// 0 where it has none.
pub(crate) fn backward<T: Real>(d: Checked<Averaging>, dy: &[T]) -> Vec<T> {
    assert_eq!(dy.len(), d.n * d.oh * d.ow * d.c, "gradients of another average pooling");
    let mut shares = dy.to_vec();
    for (i, share) in shares.chunks_exact_mut(d.c.max(1)).enumerate() {
        let scale = scale(&d, i / d.ow % d.oh, i % d.ow);
        share.iter_mut().for_each(|g| *g *= scale);
    }
    // SAFETY: the chunks are the rows of the map; each pixel is written by one of the two copies.
    unsafe {
        filled(d.n * d.h * d.w * d.c, |dx| {
            chunks(dx, (d.w * d.c).max(1), |i, dx| {
                let ((n, rows), mut sum) = ((i / d.h, d.rows.of(i % d.h)), vec![T::ZERO; d.c]);
                for (x, dx) in dx.chunks_exact_mut(d.c).enumerate() {
                    let columns = d.columns.of(x);
                    let share = |oy: usize, ox: usize| &shares[((n * d.oh + oy) * d.ow + ox) * d.c..][..d.c];
                    if rows.len() * columns.len() == 1 {
                        copy(dx, share(rows.start, columns.start));
                        continue;
                    }
                    sum.fill(T::ZERO);
                    rows.clone().for_each(|oy| columns.clone().for_each(|ox| add(&mut sum, share(oy, ox))));
                    copy(dx, &sum);
                }
            });
        })
    }
}
