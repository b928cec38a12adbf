//! What several of these tests measure with.

/// Largest error over the root mean square of what is right.
pub(crate) fn error(got: &[f64], right: &[f64]) -> f64 {
    assert_eq!(got.len(), right.len());
    let rms = (right.iter().map(|x| x * x).sum::<f64>() / right.len().max(1) as f64).sqrt();
    got.iter().zip(right).map(|(g, r)| (g - r).abs()).fold(0.0, f64::max) / rms.max(1e-30)
}
