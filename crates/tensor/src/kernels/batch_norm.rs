//! Batch normalisation over the rows of an M×C matrix: two passes forward, two backward.

use rayon::prelude::*;

use super::Real;

/// Rows summed by one task: fixed, so that the order of sums does not depend on the number of threads.
const ROWS: usize = 512;

/// Column sums of `f(row, column)` in f64, two at once.
fn sums(m: usize, c: usize, f: impl Fn(usize, usize) -> (f64, f64) + Sync) -> (Vec<f64>, Vec<f64>) {
    let parts: Vec<(Vec<f64>, Vec<f64>)> = (0..m.div_ceil(ROWS))
        .into_par_iter()
        .map(|part| {
            let (mut a, mut b) = (vec![0.0; c], vec![0.0; c]);
            for row in part * ROWS..((part + 1) * ROWS).min(m) {
                for col in 0..c {
                    let (x, y) = f(row, col);
                    a[col] += x;
                    b[col] += y;
                }
            }
            (a, b)
        })
        .collect();
    parts.into_iter().fold((vec![0.0; c], vec![0.0; c]), |(mut a, mut b), (pa, pb)| {
        a.iter_mut().zip(pa).for_each(|(sum, part)| *sum += part);
        b.iter_mut().zip(pb).for_each(|(sum, part)| *sum += part);
        (a, b)
    })
}

/// Mean and biased variance of each column; the variance from centred values, in a pass of its own.
pub(crate) fn moments<T: Real>(x: &[T], c: usize) -> (Vec<f64>, Vec<f64>) {
    let m = x.len() / c;
    let (sum, _) = sums(m, c, |row, col| (x[row * c + col].to_f64(), 0.0));
    let mean: Vec<f64> = sum.iter().map(|s| s / m as f64).collect();
    let (squares, _) = sums(m, c, |row, col| {
        let centred = x[row * c + col].to_f64() - mean[col];
        (centred * centred, 0.0)
    });
    let variance = squares.iter().map(|s| s / m as f64).collect();
    (mean, variance)
}

/// `(x - mean) · rstd · weight + bias`.
pub(crate) fn forward<T: Real>(x: &[T], mean: &[f64], rstd: &[f64], weight: &[T], bias: &[T]) -> Vec<T> {
    let c = mean.len();
    let scale: Vec<f64> = rstd.iter().zip(weight).map(|(r, w)| r * w.to_f64()).collect();
    rows(x, c, |col, x| T::from_f64((x.to_f64() - mean[col]) * scale[col] + bias[col].to_f64()))
}

/// The gradients of x, weight and bias.
pub(crate) fn backward<T: Real>(
    x: &[T],
    dy: &[T],
    mean: &[f64],
    rstd: &[f64],
    weight: &[T],
) -> (Vec<T>, Vec<T>, Vec<T>) {
    let c = mean.len();
    let m = x.len() / c;
    let normal = |row: usize, col: usize| (x[row * c + col].to_f64() - mean[col]) * rstd[col];
    let (db, dw) = sums(m, c, |row, col| {
        let g = dy[row * c + col].to_f64();
        (g, g * normal(row, col))
    });
    let mut dx = vec![T::ZERO; x.len()];
    dx.par_chunks_mut(ROWS * c).enumerate().for_each(|(part, dx)| {
        for (i, dx) in dx.chunks_exact_mut(c).enumerate() {
            let row = part * ROWS + i;
            for (col, dx) in dx.iter_mut().enumerate() {
                let centred = dy[row * c + col].to_f64() - (db[col] + normal(row, col) * dw[col]) / m as f64;
                *dx = T::from_f64(weight[col].to_f64() * rstd[col] * centred);
            }
        }
    });
    let cast = |values: Vec<f64>| values.into_iter().map(T::from_f64).collect();
    (dx, cast(dw), cast(db))
}

fn rows<T: Real>(x: &[T], c: usize, f: impl Fn(usize, T) -> T + Sync) -> Vec<T> {
    let mut out = vec![T::ZERO; x.len()];
    out.par_chunks_mut(ROWS * c).zip(x.par_chunks(ROWS * c)).for_each(|(out, x)| {
        for (out, x) in out.chunks_exact_mut(c).zip(x.chunks_exact(c)) {
            for (col, (out, &x)) in out.iter_mut().zip(x).enumerate() {
                *out = f(col, x);
            }
        }
    });
    out
}
