//! Symmetric matrices that are positive definite, or made so.

use crate::engine::vector::dot;

/// *L*, the lower triangle with *LLᵀ* = *A*, row by row.
pub(crate) struct Cholesky {
    lower: Vec<f64>,
    n: usize,
}

impl Cholesky {
    /// Factorizes *A* + *μI*, given row by row and symmetric; nothing when it is not positive
    /// definite, or so nearly singular that rounding decides.
    pub(crate) fn new(matrix: &[f64], n: usize, damping: f64) -> Option<Self> {
        let diagonal = || matrix.iter().step_by(n + 1).map(|a| a + damping);
        let least = n as f64 * f64::EPSILON * diagonal().fold(0.0, |max: f64, a| max.max(a.abs()));
        let mut lower = matrix.to_vec();
        for (i, diagonal) in diagonal().enumerate() {
            let (above, row) = lower.split_at_mut(i * n);
            for j in 0..i {
                let other = &above[j * n..];
                row[j] = (row[j] - dot(&row[..j], &other[..j])) / other[j];
            }
            let pivot = diagonal - dot(&row[..i], &row[..i]);
            if !(pivot > least && pivot.is_finite()) {
                return None;
            }
            row[i] = pivot.sqrt();
        }
        Some(Self { lower, n })
    }

    /// *x* with *LLᵀx* = *b*: *Lz* = *b* from the top, then *Lᵀx* = *z* from the bottom.
    pub(crate) fn solve(&self, b: &[f64]) -> Vec<f64> {
        let mut x = b.to_vec();
        for (i, row) in self.lower.chunks(self.n).enumerate() {
            x[i] = (x[i] - dot(&row[..i], &x[..i])) / row[i];
        }
        for (i, row) in self.lower.chunks(self.n).enumerate().rev() {
            x[i] /= row[i];
            let solved = x[i];
            for (x, l) in x[..i].iter_mut().zip(row) {
                *x -= l * solved;
            }
        }
        x
    }
}

/// The factors of *A* + *μI* for the first *μ* of `damping`, then at least a thousandth of *A*'s
/// greatest diagonal element, ten times as much at each try, that makes it positive definite.
/// Nothing when *A* is not finite.
pub(crate) fn damped(matrix: &[f64], n: usize, damping: f64) -> Option<Cholesky> {
    if !matrix.iter().all(|a| a.is_finite()) {
        return None;
    }
    let scale = matrix.iter().step_by(n + 1).fold(0.0, |max: f64, a| max.max(a.abs()));
    let mut damping = damping;
    while damping.is_finite() {
        let factors = Cholesky::new(matrix, n, damping);
        if factors.is_some() {
            return factors;
        }
        damping = (10.0 * damping).max(if scale > 0.0 { 1e-3 * scale } else { 1e-3 });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_and_solution_by_hand() {
        // (4 2; 2 10) = L Lᵀ with L = (2 0; 1 3).
        let factors = Cholesky::new(&[4.0, 2.0, 2.0, 10.0], 2, 0.0).unwrap();
        assert_eq!([factors.lower[0], factors.lower[2], factors.lower[3]], [2.0, 1.0, 3.0]);
        assert_eq!(factors.solve(&[8.0, 22.0]), [1.0, 2.0]);
        let factors = Cholesky::new(&[3.0, 2.0, 2.0, 9.0], 2, 1.0).unwrap();
        assert_eq!(factors.solve(&[8.0, 22.0]), [1.0, 2.0]);
    }

    #[test]
    fn a_larger_system_is_solved() {
        let n = 12;
        let distance = |i: usize, j: usize| i.abs_diff(j) as f64;
        let matrix: Vec<f64> = (0..n * n).map(|k| (-distance(k / n, k % n)).exp()).collect();
        let x: Vec<f64> = (0..n).map(|i| (i as f64).sin()).collect();
        let b: Vec<f64> = matrix.chunks(n).map(|row| dot(row, &x)).collect();
        let solved = Cholesky::new(&matrix, n, 0.0).unwrap().solve(&b);
        assert!(solved.iter().zip(&x).all(|(got, wanted)| (got - wanted).abs() < 1e-13));
    }

    #[test]
    fn what_is_not_positive_definite_is_refused_and_damped() {
        for matrix in [[1.0, 2.0, 2.0, 1.0], [-1.0, 0.0, 0.0, 2.0], [1.0, 1.0, 1.0, 1.0], [0.0; 4]] {
            assert!(Cholesky::new(&matrix, 2, 0.0).is_none(), "{matrix:?}");
            let x = damped(&matrix, 2, 0.0).unwrap().solve(&[1.0, -0.5]);
            let along = x[0] - 0.5 * x[1];
            assert!(along > 0.0, "{matrix:?}: {x:?} leads uphill");
        }
        assert!(damped(&[1.0, f64::NAN, f64::NAN, 1.0], 2, 0.0).is_none());
        assert!(damped(&[f64::MAX, f64::MAX, f64::MAX, -f64::MAX], 2, 0.0).is_none());
    }

    #[test]
    fn damping_is_the_least_that_will_do() {
        // Eigenvalues 3 and -1: 0.001, 0.01, 0.1, 1 fail (the last is singular), 10 is enough.
        let x = damped(&[1.0, 2.0, 2.0, 1.0], 2, 0.0).unwrap().solve(&[13.0, 13.0]);
        assert!((x[0] - 1.0).abs() < 1e-12 && (x[1] - 1.0).abs() < 1e-12, "{x:?}");
        // Enough from the start.
        let x = damped(&[1.0, 2.0, 2.0, 1.0], 2, 2.0).unwrap().solve(&[5.0, 5.0]);
        assert!((x[0] - 1.0).abs() < 1e-12 && (x[1] - 1.0).abs() < 1e-12, "{x:?}");
    }
}
