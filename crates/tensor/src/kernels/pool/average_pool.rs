//! Adaptive average pooling of (N,H,W,C) maps, each way in one pass.

use std::ops::Range;

use crate::kernels::memory::{chunks, filled};
use crate::kernels::simd::{Element, Real, Stored};
use crate::sizes::{Averaging, Checked};

/// Pixels that cell `i` of `out` averages over, along a side of `size`.
fn span(i: usize, size: usize, out: usize) -> Range<usize> {
    i * size / out..((i + 1) * size).div_ceil(out)
}

/// The cells, of `out`, whose span has the pixel `i`: the inverse of [`span`].
fn cells(i: usize, size: usize, out: usize) -> Range<usize> {
    i * out / size..((i + 1) * out).div_ceil(size)
}

/// One over the pixels of a cell.
fn scale<T: Real>(d: &Averaging, oy: usize, ox: usize) -> T {
    T::of(1.0 / (span(oy, d.h, d.oh).len() * span(ox, d.w, d.ow).len()) as f64)
}

fn add<M: Stored>(sum: &mut [M::Real], values: &[M]) {
    sum.iter_mut().zip(values).for_each(|(sum, &value)| *sum += value.read());
}

/// The averages (N,OH,OW,C). Rows of a cell are summed apart, which keeps sums of thousands of
/// pixels short.
pub(crate) fn forward<M: Stored>(d: Checked<Averaging>, x: &[M]) -> Vec<M::Real> {
    let zero = M::Real::ZERO;
    let mut out = vec![zero; d.n * d.oh * d.ow * d.c];
    chunks(&mut out, (d.ow * d.c).max(1), |i, out| {
        let ((n, oy), mut row) = ((i / d.oh, i % d.oh), vec![zero; d.c]);
        for (ox, out) in out.chunks_exact_mut(d.c).enumerate() {
            let columns = span(ox, d.w, d.ow);
            for y in span(oy, d.h, d.oh) {
                row.fill(zero);
                let from = (n * d.h + y) * d.w;
                x[(from + columns.start) * d.c..(from + columns.end) * d.c]
                    .chunks_exact(d.c)
                    .for_each(|pixel| add(&mut row, pixel));
                add(out, &row);
            }
            let scale: M::Real = scale(&d, oy, ox);
            out.iter_mut().for_each(|sum| *sum *= scale);
        }
    });
    out
}

/// The gradient of [`forward`]: each pixel has that of its cell, or the sum of those of its cells.
pub(crate) fn backward<M: Stored>(d: Checked<Averaging>, dy: &[M::Real]) -> Vec<M> {
    assert_eq!(dy.len(), d.n * d.oh * d.ow * d.c, "gradients of another average pooling");
    let mut shares = dy.to_vec();
    for (i, share) in shares.chunks_exact_mut(d.c.max(1)).enumerate() {
        let scale: M::Real = scale(&d, i / d.ow % d.oh, i % d.ow);
        share.iter_mut().for_each(|g| *g *= scale);
    }
    // SAFETY: the chunks are the rows of the map; every pixel is written.
    unsafe {
        filled(d.n * d.h * d.w * d.c, |dx| {
            chunks(dx, (d.w * d.c).max(1), |i, dx| {
                let ((n, rows), mut sum) = ((i / d.h, cells(i % d.h, d.h, d.oh)), vec![M::Real::ZERO; d.c]);
                for (x, dx) in dx.chunks_exact_mut(d.c).enumerate() {
                    let columns = cells(x, d.w, d.ow);
                    let share = |oy: usize, ox: usize| &shares[((n * d.oh + oy) * d.ow + ox) * d.c..][..d.c];
                    sum.fill(M::Real::ZERO);
                    rows.clone().for_each(|oy| columns.clone().for_each(|ox| add(&mut sum, share(oy, ox))));
                    dx.iter_mut().zip(&sum).for_each(|(dx, &sum)| {
                        dx.write(M::round(sum));
                    });
                }
            });
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_those_whose_span_has_the_pixel() {
        for (size, out) in [(1, 1), (7, 3), (3, 7), (6, 6), (112, 7), (13, 4), (4, 13)] {
            for i in 0..size {
                let wanted: Vec<usize> = (0..out).filter(|&o| span(o, size, out).contains(&i)).collect();
                assert_eq!(cells(i, size, out).collect::<Vec<_>>(), wanted, "pixel {i} of {size} in {out} cells");
            }
        }
    }
}
