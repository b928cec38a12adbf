use crate::error::{OptimError, require};
use crate::schedules::schedule::Schedule;

/// A straight line from one factor to another, where it stays.
///
/// ```text
/// f(t) = a + (b - a)·t/T     for t < T
/// f(t) = b                   for t ≥ T
/// ```
///
/// with *T* = `steps`, *a* = `from` and *b* = `to`. This is PyTorch's `LinearLR` with
/// `total_iters`, `start_factor` and `end_factor`. For a climb in front of another schedule there
/// is
/// [`Warmup`](crate::Warmup).
///
/// # Examples
/// ```
/// use taper_optim::{LinearSchedule, Schedule};
///
/// let line = LinearSchedule::new(100, 1.0, 0.5)?;
/// assert_eq!([0, 50, 100, 200].map(|t| line.at(t)), [1.0, 0.75, 0.5, 0.5]);
/// # Ok::<(), taper_optim::OptimError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinearSchedule {
    steps: u64,
    from: f64,
    to: f64,
}

impl LinearSchedule {
    /// A line over `steps` updates, at least 1, from the factor `from` to the factor `to`, both
    /// in [0, 1].
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when one is out of range.
    pub fn new(steps: u64, from: f64, to: f64) -> Result<Self, OptimError> {
        require(steps > 0, "steps", "at least 1", steps as f64)?;
        require((0.0..=1.0).contains(&from), "from", "in [0, 1]", from)?;
        require((0.0..=1.0).contains(&to), "to", "in [0, 1]", to)?;
        Ok(Self { steps, from, to })
    }
}

impl Schedule for LinearSchedule {
    fn at(&self, step: u64) -> f64 {
        if step >= self.steps {
            return self.to;
        }
        self.from + (self.to - self.from) * (step as f64 / self.steps as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_straight_and_stays_where_it_ends() {
        let down = LinearSchedule::new(4, 1.0, 0.0).unwrap();
        let values: Vec<f64> = (0..6).map(|t| down.at(t)).collect();
        assert_eq!(values, [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]);
        let up = LinearSchedule::new(2, 0.25, 0.75).unwrap();
        assert_eq!([0, 1, 2, u64::MAX].map(|t| up.at(t)), [0.25, 0.5, 0.75, 0.75]);
    }

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let said = |steps, from, to| LinearSchedule::new(steps, from, to).unwrap_err().to_string();
        assert_eq!(said(0, 1.0, 0.0), "steps must be at least 1, got 0");
        assert_eq!(said(9, -0.5, 0.0), "from must be in [0, 1], got -0.5");
        assert_eq!(said(9, 1.0, f64::NAN), "to must be in [0, 1], got NaN");
    }
}
