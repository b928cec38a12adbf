//! Orthonormal bases in float64: the eigenvectors of a symmetric matrix, and their refinement.
//!
//! Matrices are square, row by row. The order of every sum is fixed.

use std::iter;

use crate::engine::vector::{add_scaled, dot};

/// The most turns of the QL iteration for one eigenvalue; two or three are usual.
const MOST_TURNS: usize = 60;

/// The eigenvectors of a symmetric matrix as columns, that of the greatest eigenvalue first.
///
/// Householder's reflections make the matrix tridiagonal, the QL iteration with implicit shifts
/// makes it diagonal; about 12*n*³ operations.
pub(crate) fn eigenvectors(matrix: &[f64], n: usize) -> Vec<f64> {
    let mut rows = identity(n);
    let (mut diagonal, mut beside) = tridiagonal(matrix, n, &mut rows);
    for at in 0..n {
        for _ in 0..MOST_TURNS {
            let small = |i: usize| beside[i].abs() <= f64::EPSILON * (diagonal[i].abs() + diagonal[i + 1].abs());
            let end = (at..n - 1).find(|&i| small(i)).unwrap_or(n - 1);
            if end == at {
                break;
            }
            turn(&mut diagonal, &mut beside, at, end, |i, s, c| rotate(&mut rows, n, i, s, c));
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| diagonal[b].total_cmp(&diagonal[a]));
    let entry = |at: usize| rows[order[at % n] * n + at / n];
    (0..n * n).map(entry).collect()
}

/// The orthonormal *Q* of *A* = *QR*, for any square *A*.
pub(crate) fn orthonormal(matrix: &[f64], n: usize) -> Vec<f64> {
    let mut rest = matrix.to_vec();
    let mut reflections = Vec::with_capacity(n);
    for at in 0..n {
        let column: Vec<f64> = (at..n).map(|i| rest[i * n + at]).collect();
        let reflection = reflection(column);
        reflect(&mut rest, n, at, &reflection);
        reflections.push(reflection);
    }
    let mut basis = identity(n);
    for (at, reflection) in reflections.iter().enumerate().rev() {
        reflect(&mut basis, n, at, reflection);
    }
    basis
}

fn identity(n: usize) -> Vec<f64> {
    (0..n * n).map(|at| f64::from(at % n == at / n)).collect()
}

/// *u* of length √2, with which *I* - *uuᵀ* makes all elements of `x` but the first 0; zeros when
/// they are.
fn reflection(mut x: Vec<f64>) -> Vec<f64> {
    let scale = x.iter().fold(0.0, |max: f64, x| max.max(x.abs()));
    if !(scale > 0.0 && x[1..].iter().any(|&x| x != 0.0)) {
        x.fill(0.0);
        return x;
    }
    x.iter_mut().for_each(|x| *x /= scale);
    x[0] += dot(&x, &x).sqrt().copysign(x[0]);
    let length = (dot(&x, &x) / 2.0).sqrt();
    x.iter_mut().for_each(|x| *x /= length);
    x
}

/// (*I* - *uuᵀ*)*A*, where *u* begins in row `from`.
fn reflect(matrix: &mut [f64], n: usize, from: usize, u: &[f64]) {
    let below = &mut matrix[from * n..];
    let mut products = vec![0.0; n];
    for (row, &u) in below.chunks(n).zip(u) {
        add_scaled(&mut products, u, row);
    }
    for (row, &u) in below.chunks_mut(n).zip(u) {
        add_scaled(row, -u, &products);
    }
}

/// The diagonal and, of the same length, what lies beside it, of a tridiagonal matrix that is
/// similar to the symmetric one; `rows` is multiplied by the reflections that lead there.
fn tridiagonal(matrix: &[f64], n: usize, rows: &mut [f64]) -> (Vec<f64>, Vec<f64>) {
    let mut rest = matrix.to_vec();
    for at in 0..n.saturating_sub(2) {
        let from = at + 1;
        let u = reflection((from..n).map(|i| rest[i * n + at]).collect());
        // (I - uuᵀ)A(I - uuᵀ) = A - uwᵀ - wuᵀ with w = Au - ½(uᵀAu)u
        reflect(rows, n, from, &u);
        let mut w: Vec<f64> = rest.chunks(n).map(|row| dot(&row[from..], &u)).collect();
        let half = 0.5 * dot(&w[from..], &u);
        add_scaled(&mut w[from..], -half, &u);
        for (i, row) in rest.chunks_mut(n).enumerate() {
            add_scaled(&mut row[from..], -w[i], &u);
            if i >= from {
                add_scaled(&mut row[from..], -u[i - from], &w[from..]);
            }
        }
        // The column below the diagonal, of which only the first element is left.
        rest[from * n + at] = rest[at * n + from];
    }
    let diagonal = (0..n).map(|i| rest[i * n + i]).collect();
    let beside = (0..n).map(|i| if i + 1 < n { rest[i * n + i + 1] } else { 0.0 }).collect();
    (diagonal, beside)
}

/// One turn of the QL iteration on the stretch from `start` to `end`, with Wilkinson's shift.
///
/// # References
/// W. H. Press et al., *Numerical Recipes*, 2007, section 11.4.
fn turn(diagonal: &mut [f64], beside: &mut [f64], start: usize, end: usize, mut rotate: impl FnMut(usize, f64, f64)) {
    let slope = (diagonal[start + 1] - diagonal[start]) / (2.0 * beside[start]);
    let root = slope.hypot(1.0);
    let mut g = diagonal[end] - diagonal[start] + beside[start] / (slope + root.copysign(slope));
    let (mut s, mut c, mut shift) = (1.0, 1.0, 0.0);
    for i in (start..end).rev() {
        let (f, b) = (s * beside[i], c * beside[i]);
        let r = f.hypot(g);
        beside[i + 1] = r;
        if r == 0.0 {
            diagonal[i + 1] -= shift;
            beside[end] = 0.0;
            return;
        }
        (s, c) = (f / r, g / r);
        g = diagonal[i + 1] - shift;
        let sum = (diagonal[i] - g) * s + 2.0 * c * b;
        shift = s * sum;
        diagonal[i + 1] = g + shift;
        g = c * sum - b;
        rotate(i, s, c);
    }
    diagonal[start] -= shift;
    beside[start] = g;
    beside[end] = 0.0;
}

/// Rotates the rows `at` and `at + 1` into each other.
fn rotate(rows: &mut [f64], n: usize, at: usize, s: f64, c: f64) {
    let (upper, lower) = rows[at * n..(at + 2) * n].split_at_mut(n);
    for (a, b) in iter::zip(upper, lower) {
        (*a, *b) = (c * *a - s * *b, s * *a + c * *b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(n: usize, from: f64) -> Vec<f64> {
        (0..n * n).map(|i| (from + 1.7 * i as f64).sin()).collect()
    }

    fn product(a: &[f64], b: &[f64], n: usize) -> Vec<f64> {
        let entry = |at: usize| (0..n).map(|k| a[at / n * n + k] * b[k * n + at % n]).sum();
        (0..n * n).map(entry).collect()
    }

    fn transposed(a: &[f64], n: usize) -> Vec<f64> {
        (0..n * n).map(|at| a[at % n * n + at / n]).collect()
    }

    fn apart(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    }

    /// Symmetric matrices: full, of rank 2, diagonal, zero, with equal eigenvalues.
    fn symmetric(n: usize) -> Vec<Vec<f64>> {
        let wave = wave(n, 0.3);
        let full = product(&wave, &transposed(&wave, n), n);
        let rank = (0..n * n).map(|at| if at % n < 2 { wave[at] } else { 0.0 }).collect::<Vec<_>>();
        let low = product(&rank, &transposed(&rank, n), n);
        let diagonal = (0..n * n).map(|at| if at % n == at / n { (at as f64).cos() } else { 0.0 }).collect();
        let basis = orthonormal(&wave, n);
        let twos = (0..n * n).map(|at| if at % n == at / n { 1.0 + f64::from(at / n > 1) } else { 0.0 });
        let equal = product(&product(&basis, &twos.collect::<Vec<_>>(), n), &transposed(&basis, n), n);
        vec![full, low, diagonal, vec![0.0; n * n], equal]
    }

    #[test]
    fn eigenvectors_are_orthonormal_and_diagonalize_in_falling_order() {
        for n in [1, 2, 3, 4, 7, 40] {
            for (kind, matrix) in symmetric(n).into_iter().enumerate() {
                let q = eigenvectors(&matrix, n);
                assert!(apart(&product(&transposed(&q, n), &q, n), &identity(n)) < 1e-13, "{n}, {kind}");
                let lambda = product(&product(&transposed(&q, n), &matrix, n), &q, n);
                let scale = matrix.iter().fold(1.0, |max: f64, a| max.max(a.abs())) * n as f64;
                let values: Vec<f64> = (0..n).map(|i| lambda[i * n + i]).collect();
                let expected: Vec<f64> =
                    (0..n * n).map(|at| if at % n == at / n { values[at / n] } else { 0.0 }).collect();
                assert!(apart(&lambda, &expected) < 1e-13 * scale, "{n}, {kind}");
                assert!(values.windows(2).all(|pair| pair[0] > pair[1] - 1e-13 * scale), "{n}, {kind}: {values:?}");
            }
        }
    }

    #[test]
    fn the_basis_is_orthonormal_and_the_rest_is_a_triangle() {
        for n in [1, 2, 3, 7, 40] {
            let singular = symmetric(n).swap_remove(1);
            for matrix in [wave(n, 2.0), singular, vec![0.0; n * n]] {
                let q = orthonormal(&matrix, n);
                assert!(apart(&product(&transposed(&q, n), &q, n), &identity(n)) < 1e-13, "{n}");
                let r = product(&transposed(&q, n), &matrix, n);
                let below = (0..n * n).filter(|at| at / n > at % n).map(|at| r[at].abs()).fold(0.0, f64::max);
                assert!(below < 1e-12, "{n}: {below}");
            }
        }
    }
}
