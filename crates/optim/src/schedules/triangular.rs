use crate::error::{OptimError, require};
use crate::schedules::schedule::Schedule;

/// Up and down between a floor and the base rate, in straight lines, for ever.
///
/// ```text
/// f(t) = a + (1 - a)·u/S,     u = t mod 2S on the way up, 2S - (t mod 2S) on the way down
/// ```
///
/// with *S* = `step_size`, half a cycle, and *a* = `floor`. The base rate is the peak (`max_lr`)
/// and *a* times it where every cycle starts (`base_lr`). The paper advises an *S* of 2 to 10
/// epochs, and a run that ends with a cycle.
///
/// # Differs from PyTorch
/// `CyclicLR` cycles the momentum as well, offers flanks of two lengths and decaying peaks. This
/// is its mode `triangular` with `step_size_up` = `step_size_down`.
///
/// # Examples
/// ```
/// use taper_optim::{Schedule, Triangular};
///
/// let triangle = Triangular::new(10, 0.5)?;
/// assert_eq!([0, 5, 10, 15, 20].map(|t| triangle.at(t)), [0.5, 0.75, 1.0, 0.75, 0.5]);
/// # Ok::<(), taper_optim::OptimError>(())
/// ```
///
/// # References
/// L. N. Smith, *Cyclical Learning Rates for Training Neural Networks*, 2017.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Triangular {
    step_size: u64,
    floor: f64,
}

impl Triangular {
    /// `step_size` updates, at least 1, from `floor`, a fraction of the base rate in [0, 1], up to
    /// the base rate, and as many down.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when either is out of range.
    pub fn new(step_size: u64, floor: f64) -> Result<Self, OptimError> {
        require(step_size > 0, "step_size", "at least 1", step_size as f64)?;
        require((0.0..=1.0).contains(&floor), "floor", "in [0, 1]", floor)?;
        Ok(Self { step_size, floor })
    }
}

impl Schedule for Triangular {
    fn at(&self, step: u64) -> f64 {
        let (flank, along) = (step / self.step_size, step % self.step_size);
        let height = if flank % 2 == 0 { along } else { self.step_size - along };
        self.floor + (1.0 - self.floor) * (height as f64 / self.step_size as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_turns_at_the_peak_and_at_the_floor() {
        let triangle = Triangular::new(4, 0.0).unwrap();
        let values: Vec<f64> = (0..13).map(|t| triangle.at(t) * 4.0).collect();
        assert_eq!(values, [0.0, 1.0, 2.0, 3.0, 4.0, 3.0, 2.0, 1.0, 0.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(Triangular::new(1, 0.25).unwrap().at(u64::MAX), 1.0); // an odd number
        let longest = Triangular::new(u64::MAX, 0.25).unwrap();
        assert_eq!([0, u64::MAX].map(|t| longest.at(t)), [0.25, 1.0]);
    }

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let said = |step_size, floor| Triangular::new(step_size, floor).unwrap_err().to_string();
        assert_eq!(said(0, 0.1), "step_size must be at least 1, got 0");
        assert_eq!(said(9, f64::NAN), "floor must be in [0, 1], got NaN");
    }
}
