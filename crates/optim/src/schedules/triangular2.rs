use crate::error::OptimError;
use crate::schedules::schedule::Schedule;
use crate::schedules::triangular::Triangular;

/// Up and down as [`Triangular`], with half the height in every next cycle.
///
/// ```text
/// f(t) = a + (1 - a)·u/S · 2⁻ᶜ,     c = ⌊t / 2S⌋
/// ```
///
/// with *S* = `step_size`, *a* = `floor`, and *u* as in [`Triangular`]. The base rate is the first
/// peak (`max_lr`); later ones come down to `floor`.
///
/// # Differs from PyTorch
/// This is the mode `triangular2` of `CyclicLR` with `step_size_up` = `step_size_down`; flanks of
/// two lengths are not offered.
///
/// # Examples
/// ```
/// use taper_optim::{Schedule, Triangular2};
///
/// let triangles = Triangular2::new(10, 0.0)?;
/// assert_eq!([0, 10, 20, 30, 40, 50].map(|t| triangles.at(t)), [0.0, 1.0, 0.0, 0.5, 0.0, 0.25]);
/// # Ok::<(), taper_optim::OptimError>(())
/// ```
///
/// # References
/// L. N. Smith, *Cyclical Learning Rates for Training Neural Networks*, 2017.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Triangular2 {
    step_size: u64,
    floor: f64,
    /// The same without a floor, and as high in every cycle.
    triangle: Triangular,
}

impl Triangular2 {
    /// `step_size` updates, at least 1, from `floor`, a fraction of the base rate in [0, 1], up to
    /// the peak, and as many down.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when either is out of range.
    pub fn new(step_size: u64, floor: f64) -> Result<Self, OptimError> {
        Triangular::new(step_size, floor)?;
        Ok(Self { step_size, floor, triangle: Triangular::new(step_size, 0.0)? })
    }
}

impl Schedule for Triangular2 {
    fn at(&self, step: u64) -> f64 {
        let cycle = step / self.step_size / 2;
        self.floor + (1.0 - self.floor) * self.triangle.at(step) * 0.5f64.powf(cycle as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cycle_is_half_as_high() {
        let triangles = Triangular2::new(2, 0.5).unwrap();
        let values: Vec<f64> = (0..13).map(|t| triangles.at(t)).collect();
        let first = [0.5, 0.75, 1.0, 0.75];
        assert_eq!(values[..4], first);
        assert_eq!(values[4..8], first.map(|f| 0.5 + (f - 0.5) / 2.0));
        assert_eq!(values[8..12], first.map(|f| 0.5 + (f - 0.5) / 4.0));
        assert_eq!(triangles.at(u64::MAX), 0.5);
    }

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let said = |step_size, floor| Triangular2::new(step_size, floor).unwrap_err().to_string();
        assert_eq!(said(0, 0.1), "step_size must be at least 1, got 0");
        assert_eq!(said(9, 1.5), "floor must be in [0, 1], got 1.5");
    }
}
