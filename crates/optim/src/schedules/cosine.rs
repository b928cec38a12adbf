use crate::error::{OptimError, require};
use crate::schedules::schedule::{Schedule, half_cosine};

/// Half a cosine wave from the base rate down to a floor, where it stays.
///
/// ```text
/// f(t) = a + (1 - a)(1 + cos(πt/T)) / 2     for t < T
/// f(t) = a                                  for t ≥ T
/// ```
///
/// with *T* = `steps` and *a* = `floor`.
///
/// # Differs from PyTorch
/// `CosineAnnealingLR` takes the floor as a rate (`eta_min`), here it is a fraction of the base
/// rate; and after *T* it climbs again, where this one stays.
///
/// # Examples
/// ```
/// use taper_optim::{Cosine, Schedule};
///
/// let cosine = Cosine::new(100, 0.0)?;
/// assert_eq!(cosine.at(0), 1.0);
/// assert!((cosine.at(50) - 0.5).abs() < 1e-12);
/// assert_eq!(cosine.at(100), 0.0);
/// # Ok::<(), taper_optim::OptimError>(())
/// ```
///
/// # References
/// I. Loshchilov, F. Hutter, *SGDR: Stochastic Gradient Descent with Warm Restarts*, 2017
/// (without the restarts).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cosine {
    steps: u64,
    floor: f64,
}

impl Cosine {
    /// A descent over `steps` updates, at least 1, to `floor`, a fraction of the base rate in
    /// [0, 1].
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when either is out of range.
    pub fn new(steps: u64, floor: f64) -> Result<Self, OptimError> {
        require(steps > 0, "steps", "at least 1", steps as f64)?;
        require((0.0..=1.0).contains(&floor), "floor", "in [0, 1]", floor)?;
        Ok(Self { steps, floor })
    }
}

impl Schedule for Cosine {
    fn at(&self, step: u64) -> f64 {
        if step >= self.steps {
            return self.floor;
        }
        half_cosine(1.0, self.floor, step as f64 / self.steps as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_starts_at_the_base_rate_and_stays_at_the_floor() {
        let cosine = Cosine::new(10, 0.25).unwrap();
        assert_eq!(cosine.at(0), 1.0);
        assert!((cosine.at(5) - 0.625).abs() < 1e-15);
        assert!(cosine.at(9) > 0.25);
        assert_eq!([10, 11, u64::MAX].map(|t| cosine.at(t)), [0.25; 3]);
    }

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let said = |steps, floor| Cosine::new(steps, floor).unwrap_err().to_string();
        assert_eq!(said(0, 0.0), "steps must be at least 1, got 0");
        assert_eq!(said(10, 1.5), "floor must be in [0, 1], got 1.5");
        assert_eq!(said(10, f64::NAN), "floor must be in [0, 1], got NaN");
    }
}
