use std::fmt;

/// The learning rate over time, as a factor of the base rate.
///
/// A schedule is a pure function of the step: it remembers nothing, so that resuming a run needs no
/// state of it, and looking ahead costs nothing. Whoever trains multiplies: `lr = base · factor`.
///
/// A closure `Fn(u64) -> f64` is a schedule, and so is a `Box<dyn Schedule>`.
///
/// # Examples
/// ```
/// use taper_optim::{Constant, Schedule};
///
/// let halved_every_ten = |step: u64| 0.5f64.powf((step / 10) as f64);
/// let plan: [Box<dyn Schedule>; 2] = [Box::new(halved_every_ten), Box::new(Constant)];
/// assert_eq!(plan[0].at(25), 0.25);
/// assert_eq!(plan[1].at(25), 1.0);
/// ```
pub trait Schedule: Send + Sync {
    /// The factor that applies to the update with this number, counted from 0.
    ///
    /// Defined for every number, those after the schedule's end included.
    fn at(&self, step: u64) -> f64;
}

impl<F: Fn(u64) -> f64 + Send + Sync> Schedule for F {
    fn at(&self, step: u64) -> f64 {
        self(step)
    }
}

impl Schedule for Box<dyn Schedule> {
    fn at(&self, step: u64) -> f64 {
        (**self).at(step)
    }
}

impl fmt::Debug for dyn Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schedule").field("first", &self.at(0)).finish_non_exhaustive()
    }
}

/// The base rate throughout: the factor is 1.
///
/// # Examples
/// ```
/// use taper_optim::{Constant, Schedule};
/// assert_eq!(Constant.at(1_000_000), 1.0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Constant;

impl Schedule for Constant {
    fn at(&self, _: u64) -> f64 {
        1.0
    }
}

/// Half a cosine wave from `from`, where `progress` is 0, to `to`, where it is 1.
pub(crate) fn half_cosine(from: f64, to: f64, progress: f64) -> f64 {
    to + (from - to) * (1.0 + (std::f64::consts::PI * progress).cos()) / 2.0
}
