use crate::error::{OptimError, require};
use crate::schedules::schedule::Schedule;
use crate::schedules::step_decay::require_decay;

/// The rate falls by a factor at each of a list of updates.
///
/// ```text
/// f(t) = γⁿ,  n = the number of milestones mᵢ ≤ t
/// ```
///
/// with *mᵢ* = `milestones` and *γ* = `gamma`.
///
/// # Differs from PyTorch
/// `MultiStepLR` takes milestones in any order, and one that stands there twice counts twice. Here
/// they must ascend, as a list that does not is more often a slip than a wish.
///
/// # Examples
/// ```
/// use taper_optim::{MultiStep, Schedule};
///
/// let steps = MultiStep::new(vec![20, 50], 0.5)?;
/// assert_eq!([0, 19, 20, 50, 99].map(|t| steps.at(t)), [1.0, 1.0, 0.5, 0.25, 0.25]);
/// # Ok::<(), taper_optim::OptimError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct MultiStep {
    milestones: Vec<u64>,
    gamma: f64,
}

impl MultiStep {
    /// Multiplies by `gamma`, in (0, 1], at each of `milestones`: one or more numbers of updates
    /// from 1, each above the one before.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when either is out of range.
    pub fn new(milestones: Vec<u64>, gamma: f64) -> Result<Self, OptimError> {
        require(!milestones.is_empty(), "the number of milestones", "at least 1", 0.0)?;
        let mut before = 0;
        for &milestone in &milestones {
            require(milestone > before, "milestones", "at least 1 and ascending", milestone as f64)?;
            before = milestone;
        }
        require_decay(gamma)?;
        Ok(Self { milestones, gamma })
    }
}

impl Schedule for MultiStep {
    fn at(&self, step: u64) -> f64 {
        let passed = self.milestones.partition_point(|&milestone| milestone <= step);
        self.gamma.powf(passed as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_falls_at_each_milestone_and_stays_after_the_last() {
        let steps = MultiStep::new(vec![1, 3, 4], 0.5).unwrap();
        let values: Vec<f64> = (0..7).map(|t| steps.at(t)).collect();
        assert_eq!(values, [1.0, 0.5, 0.5, 0.25, 0.125, 0.125, 0.125]);
        assert_eq!(steps.at(u64::MAX), 0.125);
    }

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let said = |milestones: &[u64], gamma| MultiStep::new(milestones.to_vec(), gamma).unwrap_err().to_string();
        assert_eq!(said(&[], 0.1), "the number of milestones must be at least 1, got 0");
        assert_eq!(said(&[0, 5], 0.1), "milestones must be at least 1 and ascending, got 0");
        assert_eq!(said(&[5, 9, 9], 0.1), "milestones must be at least 1 and ascending, got 9");
        assert_eq!(said(&[5, 3], 0.1), "milestones must be at least 1 and ascending, got 3");
        assert_eq!(said(&[5], 2.0), "gamma must be in (0, 1], got 2");
    }
}
