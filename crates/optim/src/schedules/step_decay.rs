use crate::error::{OptimError, require};
use crate::schedules::schedule::Schedule;

/// The rate falls by a factor after every so many updates and is constant in between.
///
/// ```text
/// f(t) = γ^⌊t/S⌋
/// ```
///
/// with *S* = `every` and *γ* = `gamma`. A step of 30 epochs down to a tenth is the habit of the
/// residual networks, where *S* is thirty times the number of updates an epoch has.
///
/// This is PyTorch's `StepLR`, with updates where that one usually counts epochs.
///
/// # Examples
/// ```
/// use taper_optim::{Schedule, StepDecay};
///
/// let decay = StepDecay::new(30, 0.5)?;
/// assert_eq!([0, 29, 30, 60].map(|t| decay.at(t)), [1.0, 1.0, 0.5, 0.25]);
/// # Ok::<(), taper_optim::OptimError>(())
/// ```
///
/// # References
/// K. He, X. Zhang, S. Ren, J. Sun, *Deep Residual Learning for Image Recognition*, 2016.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepDecay {
    every: u64,
    gamma: f64,
}

impl StepDecay {
    /// Multiplies by `gamma`, in (0, 1], after every `every` updates, at least 1.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when either is out of range.
    pub fn new(every: u64, gamma: f64) -> Result<Self, OptimError> {
        require(every > 0, "every", "at least 1", every as f64)?;
        require_decay(gamma)?;
        Ok(Self { every, gamma })
    }
}

/// Refuses a *γ* that raises the rate or takes it to 0 for good.
pub(crate) fn require_decay(gamma: f64) -> Result<(), OptimError> {
    let within = gamma > 0.0 && gamma <= 1.0;
    require(within, "gamma", "in (0, 1]", gamma)
}

impl Schedule for StepDecay {
    fn at(&self, step: u64) -> f64 {
        self.gamma.powf((step / self.every) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_falls_at_every_boundary_and_not_before() {
        let decay = StepDecay::new(4, 0.5).unwrap();
        let values: Vec<f64> = (0..10).map(|t| decay.at(t)).collect();
        assert_eq!(values, [1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25]);
        assert_eq!(decay.at(u64::MAX), 0.0);
        assert_eq!(StepDecay::new(1, 1.0).unwrap().at(u64::MAX), 1.0);
    }

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let said = |every, gamma| StepDecay::new(every, gamma).unwrap_err().to_string();
        assert_eq!(said(0, 0.1), "every must be at least 1, got 0");
        for gamma in [0.0, -0.5, 1.5, f64::NAN] {
            assert_eq!(said(30, gamma), format!("gamma must be in (0, 1], got {gamma}"));
        }
    }
}
