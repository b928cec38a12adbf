//! The loss of edges.

use candle_core::{Result, Tensor};
use taper_tensor::huber_loss;

/// Where the loss of edges goes from a square to a straight line: torchvision's 1/9, the inverse of
/// the papers' code's σ² = 9.
const BETA: f64 = 1.0 / 9.0;

/// The smooth L1 loss, summed over all numbers and divided by `count`:
///
/// ```text
/// L = 1/count Σ s(y - t)      s(d) = d² / 2β where |d| < β, else |d| - β/2        β = 1/9
/// ```
///
/// # Shapes
/// Two of one shape to a scalar.
///
/// # Errors
/// When the shapes differ or are empty.
///
/// # References
/// R. Girshick, *Fast R-CNN*, 2015.
pub fn smooth_l1(deltas: &Tensor, targets: &Tensor, count: usize) -> Result<Tensor> {
    let scale = deltas.elem_count() as f64 / (BETA * count.max(1) as f64);
    huber_loss(deltas, targets, BETA)? * scale
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn a_square_becomes_a_line() -> Result<()> {
        let y = Tensor::new(&[0.1f64, -2.0, 0.0], &Device::Cpu)?;
        let loss = smooth_l1(&y, &y.zeros_like()?, 2)?.to_scalar::<f64>()?;
        assert!((loss - (0.1f64.powi(2) * 4.5 + 2.0 - 1.0 / 18.0) / 2.0).abs() < 1e-12, "{loss}");
        Ok(())
    }
}
