//! Vectors of float64: all parameters at once, as the methods of second order see them.

use std::iter::zip;

use crate::engine::chunks::middle;

/// The scalar product. The order of summation depends on the length alone.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let Some(middle) = middle(a.len()) else {
        return dot_in_lanes(a, b);
    };
    let ((a, a_right), (b, b_right)) = (a.split_at(middle), b.split_at(middle));
    let (left, right) = rayon::join(|| dot(a, b), || dot(a_right, b_right));
    left + right
}

/// Eight running sums instead of one: no addition waits for the one before it.
fn dot_in_lanes(a: &[f64], b: &[f64]) -> f64 {
    const LANES: usize = 8;
    let mut sums = [0.0; LANES];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in zip(a, b) {
        for (sum, (a, b)) in zip(&mut sums, zip(a, b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f64>() + zip(a_rest, b_rest).map(|(a, b)| a * b).sum::<f64>()
}

/// *y* ← *y* + *factor*·*x*.
pub(crate) fn add_scaled(y: &mut [f64], factor: f64, x: &[f64]) {
    for (y, x) in zip(y, x) {
        *y += factor * x;
    }
}

/// *a* - *b*.
pub(crate) fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    zip(a, b).map(|(a, b)| a - b).collect()
}

/// -*a*.
pub(crate) fn negated(a: &[f64]) -> Vec<f64> {
    a.iter().map(|a| -a).collect()
}

/// ‖*a*‖∞, the greatest absolute value.
pub(crate) fn max_norm(a: &[f64]) -> f64 {
    a.iter().fold(0.0, |max: f64, a| max.max(a.abs()))
}

/// *s*·*y*, unless it is so small beside the lengths of the two that rounding may have made it.
///
/// With *s* a step and *y* the change of the gradient along it, a positive product says that the
/// loss curves upwards along the step; only then does the pair keep an inverse Hessian positive
/// definite.
pub(crate) fn curvature_along(s: &[f64], y: &[f64]) -> Option<f64> {
    let product = dot(s, y);
    (product > f64::EPSILON * dot(s, s).sqrt() * dot(y, y).sqrt()).then_some(product)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scalar_product_is_that_of_any_length() {
        for n in [0u32, 1, 7, 8, 9, 1003, 200_007] {
            let values: Vec<f64> = (1..=n).map(f64::from).collect();
            let expected = f64::from(n) * f64::from(n + 1) * f64::from(2 * n + 1) / 6.0;
            assert_eq!(dot(&values, &values), expected, "{n}");
        }
    }

    #[test]
    fn the_scalar_product_does_not_depend_on_the_number_of_threads() {
        let (a, b): (Vec<f64>, Vec<f64>) = (0..300_007).map(|i| (f64::from(i).sin(), f64::from(i).cos())).unzip();
        let products = [1, 2, 5].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| dot(&a, &b))
        });
        assert_eq!(products, [products[0]; 3]);
    }

    #[test]
    fn only_a_loss_that_curves_upwards_gives_a_pair() {
        assert_eq!(curvature_along(&[1.0, 2.0], &[3.0, -1.0]), Some(1.0));
        assert_eq!(curvature_along(&[1.0, 2.0], &[2.0, -1.0]), None);
        assert_eq!(curvature_along(&[1.0, 2.0], &[-3.0, 1.0]), None);
        assert_eq!(curvature_along(&[1.0, 1.0], &[1.0, -1.0 + 1e-16]), None);
        assert_eq!(curvature_along(&[0.0], &[0.0]), None);
        assert_eq!(curvature_along(&[1.0], &[f64::NAN]), None);
    }
}
