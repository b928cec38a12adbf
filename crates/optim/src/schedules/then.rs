use crate::error::{OptimError, require};
use crate::schedules::schedule::Schedule;

/// One schedule for a number of updates, and then another, whose clock starts at 0.
///
/// ```text
/// f(t) = s₁(t)         for t < T
/// f(t) = s₂(t - T)     for t ≥ T
/// ```
///
/// with *s₁* = `first`, *T* = `steps` and *s₂* = `next`. The next one may itself be a `Then`, which
/// makes sequences of any length. Both are factors of the same base rate: nothing connects the
/// value at which the first one stops with that at which the next one starts; a
/// [`Warmup`](crate::Warmup) in front of any schedule does.
///
/// PyTorch calls this `SequentialLR`, and *T* a milestone.
///
/// # Examples
/// Ten updates up, thirty at the base rate, sixty down:
/// ```
/// use taper_optim::{Constant, Cosine, LinearSchedule, Schedule, Then};
///
/// let rest = Then::new(Constant, 30, Cosine::new(60, 0.0)?)?;
/// let schedule = Then::new(LinearSchedule::new(10, 0.0, 1.0)?, 10, rest)?;
/// assert_eq!([0, 5, 10, 39, 40, 100].map(|t| schedule.at(t)), [0.0, 0.5, 1.0, 1.0, 1.0, 0.0]);
/// # Ok::<(), taper_optim::OptimError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Then<A, B> {
    first: A,
    steps: u64,
    next: B,
}

impl<A: Schedule, B: Schedule> Then<A, B> {
    /// `first` for `steps` updates, at least 1, and `next` after them.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when `steps` is 0.
    pub fn new(first: A, steps: u64, next: B) -> Result<Self, OptimError> {
        require(steps > 0, "steps", "at least 1", steps as f64)?;
        Ok(Self { first, steps, next })
    }
}

impl<A: Schedule, B: Schedule> Schedule for Then<A, B> {
    fn at(&self, step: u64) -> f64 {
        match step.checked_sub(self.steps) {
            None => self.first.at(step),
            Some(step) => self.next.at(step),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_of_the_next_one_starts_when_the_first_is_over() {
        let then = Then::new(|t: u64| 100.0 + t as f64, 3, |t: u64| t as f64).unwrap();
        let values: Vec<f64> = (0..6).map(|t| then.at(t)).collect();
        assert_eq!(values, [100.0, 101.0, 102.0, 0.0, 1.0, 2.0]);
        assert_eq!(then.at(u64::MAX), (u64::MAX - 3) as f64);
    }

    #[test]
    fn sequences_nest_to_either_side_and_take_boxed_schedules() {
        let [one, two, three] = [1.0, 2.0, 3.0].map(|f| -> Box<dyn Schedule> { Box::new(move |_: u64| f) });
        let right = Then::new(one, 1, Then::new(two, 2, three).unwrap()).unwrap();
        let left = Then::new(Then::new(|_: u64| 1.0, 1, |_: u64| 2.0).unwrap(), 3, |_: u64| 3.0).unwrap();
        for (t, f) in [1.0, 2.0, 2.0, 3.0, 3.0].into_iter().enumerate() {
            assert_eq!((right.at(t as u64), left.at(t as u64)), (f, f), "{t}");
        }
    }

    #[test]
    fn a_length_of_nothing_is_refused_by_name() {
        let said = Then::new(|_: u64| 1.0, 0, |_: u64| 1.0).map(drop).unwrap_err().to_string();
        assert_eq!(said, "steps must be at least 1, got 0");
    }
}
