//! A bound on the length of a unit's weights.

use candle_core::{D, Var};

use crate::RegularizeError;
use crate::error::check;

/// Rescales every unit whose incoming weights are longer than `c` to the length `c`, after an
/// update:
///
/// ```text
/// w_o <- w_o · min(1, c / ‖w_o‖)
/// for each output o, the first axis of a weight (O,I) or (O,I,R,S)
/// ```
///
/// Weights of one dimension are left alone. 3 to 4 is usual with dropout.
///
/// # Errors
/// When `c` is not positive and finite.
///
/// # Examples
/// ```
/// use candle_core::{Device, Var};
/// let weights = [("w".to_owned(), Var::new(&[[3f64, 4.0], [0.3, 0.4]], &Device::Cpu)?)];
/// taper_regularize::max_norm(&weights, 1.0)?;
/// let w = weights[0].1.to_vec2::<f64>()?;
/// assert!((w[0][0] - 0.6).abs() < 1e-12 && w[1] == [0.3, 0.4]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever, R. Salakhutdinov, *Dropout: A Simple Way
/// to Prevent Neural Networks from Overfitting*, 2014, section 5.1.
pub fn max_norm(weights: &[(String, Var)], c: f64) -> Result<(), RegularizeError> {
    check(c > 0.0 && c.is_finite(), "c", "positive and finite", c)?;
    for (_, var) in weights.iter().filter(|(_, var)| var.rank() > 1) {
        let w = var.as_detached_tensor();
        let rows = w.flatten_from(1)?;
        let lengths = rows.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?;
        // c over the greater of ‖w‖ and c is the lesser of 1 and c/‖w‖.
        let factors = (lengths.maximum(c)?.recip()? * c)?;
        var.set(&rows.broadcast_mul(&factors)?.reshape(w.shape())?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Result, Tensor};

    use super::*;

    #[test]
    fn max_norm_shortens_what_is_too_long_and_leaves_the_rest() -> Result<()> {
        let conv: Vec<f64> = (0..16).map(|i| i as f64 / 4.0).collect();
        let conv = Var::from_tensor(&Tensor::from_vec(conv, (4, 1, 2, 2), &Device::Cpu)?)?;
        let bias = Var::new(&[9f64], &Device::Cpu)?;
        let before = conv.flatten_from(1)?.to_vec2::<f64>()?;
        max_norm(&[("w".into(), conv.clone()), ("b".into(), bias.clone())], 3.0).unwrap();
        let length = |row: &[f64]| row.iter().map(|w| w * w).sum::<f64>().sqrt();
        for (row, before) in conv.flatten_from(1)?.to_vec2::<f64>()?.iter().zip(&before) {
            assert!((length(row) - length(before).min(3.0)).abs() < 1e-12);
            assert!(length(before) > 3.0 || row == before);
        }
        assert_eq!(bias.to_vec1::<f64>()?, [9.0]);
        Ok(())
    }

    #[test]
    fn a_length_out_of_range_is_refused_by_name() {
        for c in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(max_norm(&[], c).unwrap_err().to_string().starts_with("c must be"));
        }
    }
}
