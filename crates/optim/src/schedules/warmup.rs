use crate::error::{OptimError, require};
use crate::schedules::schedule::Schedule;

/// A linear climb to the first value of another schedule, which follows.
///
/// ```text
/// f(t) = (a + (1 - a)·t/W) · s(0)     for t < W
/// f(t) = s(t - W)                     for t ≥ W
/// ```
///
/// with *W* = `steps`, *a* = `from` and *s* = `then`. The clock of *s* starts when the climb is
/// over: in a run of *T* updates, *s* has *T* - *W* of them.
///
/// In front of [`Constant`](crate::Constant) it is PyTorch's `LinearLR` with an `end_factor` of 1.
///
/// # Examples
/// Of 100 updates ten climb and ninety follow the cosine:
/// ```
/// use taper_optim::{Cosine, Schedule, Warmup};
///
/// let schedule = Warmup::new(10, 0.1, Cosine::new(90, 0.0)?)?;
/// assert!((schedule.at(0) - 0.1).abs() < 1e-12);
/// assert!((schedule.at(5) - 0.55).abs() < 1e-12);
/// assert_eq!(schedule.at(10), 1.0);
/// assert_eq!(schedule.at(100), 0.0);
/// # Ok::<(), taper_optim::OptimError>(())
/// ```
///
/// # References
/// P. Goyal et al., *Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour*, 2017.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Warmup<S> {
    steps: u64,
    from: f64,
    then: S,
}

impl<S: Schedule> Warmup<S> {
    /// A climb over `steps` updates, at least 1, from `from`, a fraction in [0, 1] of the value at
    /// which `then` starts.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when `steps` or `from` is out of range.
    pub fn new(steps: u64, from: f64, then: S) -> Result<Self, OptimError> {
        require(steps > 0, "steps", "at least 1", steps as f64)?;
        require((0.0..=1.0).contains(&from), "from", "in [0, 1]", from)?;
        Ok(Self { steps, from, then })
    }
}

impl<S: Schedule> Schedule for Warmup<S> {
    fn at(&self, step: u64) -> f64 {
        if step >= self.steps {
            return self.then.at(step - self.steps);
        }
        let progress = step as f64 / self.steps as f64;
        (self.from + (1.0 - self.from) * progress) * self.then.at(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Constant, Cosine};

    #[test]
    fn the_inner_clock_starts_when_the_climb_is_over() {
        let warmup = Warmup::new(4, 0.5, |t: u64| 10.0 - t as f64).unwrap();
        let values: Vec<f64> = (0..7).map(|t| warmup.at(t)).collect();
        assert_eq!(values, [5.0, 6.25, 7.5, 8.75, 10.0, 9.0, 8.0]);
    }

    #[test]
    fn any_boxed_schedule_can_follow_to_its_end_and_beyond() {
        let inner: Box<dyn Schedule> = Box::new(Cosine::new(10, 0.25).unwrap());
        let warmup = Warmup::new(1, 0.0, inner).unwrap();
        assert_eq!([0, 1, 11, u64::MAX].map(|t| warmup.at(t)), [0.0, 1.0, 0.25, 0.25]);
    }

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let said = |steps, from| Warmup::new(steps, from, Constant).unwrap_err().to_string();
        assert_eq!(said(0, 0.1), "steps must be at least 1, got 0");
        assert_eq!(said(1, 2.0), "from must be in [0, 1], got 2");
    }
}
