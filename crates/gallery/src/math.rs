//! The little arithmetic that several topics need.

/// The slope of a straight line through points, by least squares.
pub(crate) fn slope(points: &[[f64; 2]]) -> f64 {
    let n = points.len() as f64;
    let mean = |i: usize| points.iter().map(|point| point[i]).sum::<f64>() / n;
    let (x, y) = (mean(0), mean(1));
    let shared: f64 = points.iter().map(|point| (point[0] - x) * (point[1] - y)).sum();
    shared / points.iter().map(|point| (point[0] - x).powi(2)).sum::<f64>()
}

/// The exponent *b* of *y* = *a x*ᵇ through points above 0.
pub(crate) fn exponent(points: &[[f64; 2]]) -> f64 {
    slope(&points.iter().map(|point| point.map(f64::ln)).collect::<Vec<_>>())
}

/// The mean.
pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The standard deviation, of the values themselves.
pub(crate) fn deviation(values: &[f64]) -> f64 {
    let mean = mean(values);
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
}

/// A histogram: the middle of each bin, and the share of the values in it.
pub(crate) fn histogram(values: &[f64], [low, high]: [f64; 2], bins: usize) -> Vec<[f64; 2]> {
    let mut counts = vec![0usize; bins];
    for value in values.iter().filter(|value| (low..=high).contains(*value)) {
        counts[(((value - low) / (high - low) * bins as f64) as usize).min(bins - 1)] += 1;
    }
    let middle = |bin: usize| low + (high - low) * (bin as f64 + 0.5) / bins as f64;
    counts.iter().enumerate().map(|(bin, &count)| [middle(bin), count as f64 / values.len() as f64]).collect()
}

/// Solves *A x* = *b* by elimination with pivots; `a` is row by row. None where *A* is singular.
pub(crate) fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Option<Vec<f64>> {
    let n = b.len();
    for k in 0..n {
        let pivot = (k..n).max_by(|&i, &j| a[i][k].abs().total_cmp(&a[j][k].abs()))?;
        if a[pivot][k].abs() < 1e-13 {
            return None;
        }
        a.swap(k, pivot);
        b.swap(k, pivot);
        for i in k + 1..n {
            let factor = a[i][k] / a[k][k];
            let (above, below) = a.split_at_mut(i);
            below[0][k..].iter_mut().zip(&above[k][k..]).for_each(|(x, y)| *x -= factor * y);
            b[i] -= factor * b[k];
        }
    }
    for k in (0..n).rev() {
        let known: f64 = (k + 1..n).map(|j| a[k][j] * b[j]).sum();
        b[k] = (b[k] - known) / a[k][k];
    }
    Some(b)
}

/// The eigenvalues of a symmetric matrix in rising order, by Jacobi's rotations.
///
/// # References
/// C. G. J. Jacobi, *Über ein leichtes Verfahren, die in der Theorie der Säcularstörungen
/// vorkommenden Gleichungen numerisch aufzulösen*, 1846.
pub(crate) fn eigenvalues(mut a: Vec<Vec<f64>>) -> Vec<f64> {
    let n = a.len();
    for _ in 0..60 {
        let off: f64 = (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| a[i][j].powi(2)).sum();
        if off < 1e-24 {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                rotate(&mut a, p, q);
            }
        }
    }
    let mut values: Vec<f64> = (0..n).map(|i| a[i][i]).collect();
    values.sort_by(f64::total_cmp);
    values
}

/// Turns in the plane of two axes so that their element becomes 0.
fn rotate(a: &mut [Vec<f64>], p: usize, q: usize) {
    if a[p][q] == 0.0 {
        return;
    }
    let theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
    let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let t = if theta == 0.0 { 1.0 } else { t };
    let c = 1.0 / (t * t + 1.0).sqrt();
    let s = t * c;
    for row in a.iter_mut() {
        let (x, y) = (row[p], row[q]);
        (row[p], row[q]) = (c * x - s * y, s * x + c * y);
    }
    let (above, below) = a.split_at_mut(q);
    for (x, y) in above[p].iter_mut().zip(&mut below[0]) {
        (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_powers_have_their_slopes() {
        let line: Vec<[f64; 2]> = (1..6).map(|x| [f64::from(x), 3.0 - 2.0 * f64::from(x)]).collect();
        assert!((slope(&line) + 2.0).abs() < 1e-12);
        let power: Vec<[f64; 2]> = (1..6).map(|x| [f64::from(x), 5.0 * f64::from(x).powf(1.5)]).collect();
        assert!((exponent(&power) - 1.5).abs() < 1e-12);
    }

    #[test]
    fn spreads_and_bins_are_those_of_the_values() {
        let values = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(mean(&values), 2.5);
        assert!((deviation(&values) - 1.25f64.sqrt()).abs() < 1e-12);
        assert_eq!(histogram(&values, [0.0, 4.0], 2), [[1.0, 0.25], [3.0, 0.75]]);
    }

    #[test]
    fn a_system_is_solved_and_a_singular_one_is_not() {
        let a = vec![vec![0.0, 2.0, 1.0], vec![1.0, 1.0, 0.0], vec![3.0, 0.0, 1.0]];
        let x = solve(a, vec![7.0, 3.0, 6.0]).unwrap();
        assert!(x.iter().zip([1.0, 2.0, 3.0]).all(|(x, wanted)| (x - wanted).abs() < 1e-12), "{x:?}");
        assert_eq!(solve(vec![vec![1.0, 2.0], vec![2.0, 4.0]], vec![1.0, 1.0]), None);
    }

    #[test]
    fn eigenvalues_are_those_of_the_matrix() {
        let values = eigenvalues(vec![vec![2.0, 1.0, 0.0], vec![1.0, 2.0, 0.0], vec![0.0, 0.0, -5.0]]);
        assert!(values.iter().zip([-5.0, 1.0, 3.0]).all(|(x, wanted)| (x - wanted).abs() < 1e-10), "{values:?}");
    }
}
