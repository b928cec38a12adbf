use crate::error::{OptimError, require};
use crate::schedules::schedule::Schedule;

/// A power of the time that is left, from the base rate down to a floor, where it stays.
///
/// ```text
/// f(t) = a + (1 - a)(1 - t/T)^p     for t < T
/// f(t) = a                          for t ≥ T
/// ```
///
/// with *T* = `steps`, *p* = `power` and *a* = `floor`. The power 1 is a straight line; 0.9 is
/// common in segmentation, 2 in training with large batches.
///
/// # Differs from PyTorch
/// `PolynomialLR` has no floor: here that is `floor` = 0.
///
/// # Examples
/// ```
/// use taper_optim::{Polynomial, Schedule};
///
/// let parabola = Polynomial::new(80, 2.0, 0.0)?;
/// assert_eq!([0, 40, 80, 100].map(|t| parabola.at(t)), [1.0, 0.25, 0.0, 0.0]);
/// # Ok::<(), taper_optim::OptimError>(())
/// ```
///
/// # References
/// L.-C. Chen et al., *DeepLab: Semantic Image Segmentation with Deep Convolutional Nets, Atrous
/// Convolution, and Fully Connected CRFs*, 2018.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Polynomial {
    steps: u64,
    power: f64,
    floor: f64,
}

impl Polynomial {
    /// A descent over `steps` updates, at least 1, with the exponent `power`, above 0, to `floor`,
    /// a fraction of the base rate in [0, 1].
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when one is out of range.
    pub fn new(steps: u64, power: f64, floor: f64) -> Result<Self, OptimError> {
        require(steps > 0, "steps", "at least 1", steps as f64)?;
        require(power.is_finite() && power > 0.0, "power", "finite and above 0", power)?;
        require((0.0..=1.0).contains(&floor), "floor", "in [0, 1]", floor)?;
        Ok(Self { steps, power, floor })
    }
}

impl Schedule for Polynomial {
    fn at(&self, step: u64) -> f64 {
        // Whole updates first: near the end 1 - t/T would lose digits.
        let left = self.steps.saturating_sub(step) as f64 / self.steps as f64;
        self.floor + (1.0 - self.floor) * left.powf(self.power)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_falls_to_the_floor_and_stays_there() {
        let cubic = Polynomial::new(4, 3.0, 0.5).unwrap();
        let values: Vec<f64> = (0..6).map(|t| cubic.at(t)).collect();
        let above = [1.0, 27.0 / 64.0, 8.0 / 64.0, 1.0 / 64.0, 0.0, 0.0];
        assert_eq!(values, above.map(|f| 0.5 + 0.5 * f));
        assert_eq!(cubic.at(u64::MAX), 0.5);
    }

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let said = |steps, power, floor| Polynomial::new(steps, power, floor).unwrap_err().to_string();
        assert_eq!(said(0, 1.0, 0.0), "steps must be at least 1, got 0");
        for power in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(said(9, power, 0.0), format!("power must be finite and above 0, got {power}"));
        }
        assert_eq!(said(9, 1.0, 1.5), "floor must be in [0, 1], got 1.5");
    }
}
