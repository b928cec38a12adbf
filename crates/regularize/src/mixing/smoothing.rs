//! Label smoothing.

use candle_core::Tensor;

use crate::RegularizeError;
use crate::error::check;

/// Targets that leave `epsilon` of their probability to all classes alike, so that a network is not
/// rewarded for infinite logits:
///
/// ```text
/// t' = (1 - epsilon) * t + epsilon / C
/// ```
///
/// Rows that sum to 1 still do. `epsilon` is a fraction in [0, 1]; 0.1 is usual.
///
/// # Shapes
/// (N,C) to (N,C).
///
/// # Errors
/// When `epsilon` is outside [0, 1] or `targets` are not (N,C).
///
/// # Examples
/// ```
/// use candle_core::{Device, Tensor};
/// let label = Tensor::new(&[[0f32, 1.0]], &Device::Cpu)?;
/// let soft = taper_regularize::smooth_labels(&label, 0.1)?.to_vec2::<f32>()?;
/// assert!((soft[0][0] - 0.05).abs() < 1e-6 && (soft[0][1] - 0.95).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens, Z. Wojna, *Rethinking the Inception Architecture
/// for Computer Vision*, 2016.
pub fn smooth_labels(targets: &Tensor, epsilon: f64) -> Result<Tensor, RegularizeError> {
    check((0.0..=1.0).contains(&epsilon), "epsilon", "in [0, 1]", epsilon)?;
    let (_, classes) = targets.dims2()?;
    Ok(targets.affine(1.0 - epsilon, epsilon / classes as f64)?)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn rows_still_sum_to_one_and_the_ends_are_exact() -> Result<(), RegularizeError> {
        let t = Tensor::new(&[[0f64, 1.0, 0.0, 0.0], [0.5, 0.0, 0.25, 0.25]], &Device::Cpu)?;
        for sum in smooth_labels(&t, 0.3)?.sum(1)?.to_vec1::<f64>()? {
            assert!((sum - 1.0).abs() < 1e-12);
        }
        assert_eq!(smooth_labels(&t, 0.0)?.to_vec2::<f64>()?, t.to_vec2::<f64>()?);
        assert_eq!(smooth_labels(&t, 1.0)?.to_vec2::<f64>()?, vec![vec![0.25; 4]; 2]);
        Ok(())
    }

    #[test]
    fn wrong_input_is_refused() -> Result<(), RegularizeError> {
        let t = Tensor::new(&[[0f32, 1.0]], &Device::Cpu)?;
        assert!(smooth_labels(&t, -0.1).is_err() && smooth_labels(&t, f64::NAN).is_err());
        assert!(smooth_labels(&t.flatten_all()?, 0.1).is_err());
        Ok(())
    }
}
