use crate::error::{OptimError, require};
use crate::schedules::schedule::Schedule;
use crate::schedules::step_decay::require_decay;

/// The rate falls by the same factor in equal times: at every update, or once an epoch.
///
/// ```text
/// f(t) = e^(-kt)       Exponential::new(k)
/// f(t) = γ^⌊t/E⌋       Exponential::by_epoch(γ, E)
/// ```
///
/// with *k* = `k`, *γ* = `gamma` and *E* = `steps_per_epoch`. Half of the rate is left after ln 2 /
/// *k* updates. The second form is PyTorch's `ExponentialLR`, which is stepped once an epoch.
///
/// # Examples
/// ```
/// use taper_optim::{Exponential, Schedule};
///
/// let smooth = Exponential::new(0.05)?;
/// assert_eq!(smooth.at(0), 1.0);
/// assert!((smooth.at(20) - (-1f64).exp()).abs() < 1e-12);
///
/// let by_epoch = Exponential::by_epoch(0.5, 100)?;
/// assert_eq!([0, 99, 100, 250].map(|t| by_epoch.at(t)), [1.0, 1.0, 0.5, 0.25]);
/// # Ok::<(), taper_optim::OptimError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exponential(Decay);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Decay {
    Smooth { k: f64 },
    ByEpoch { gamma: f64, steps_per_epoch: u64 },
}

impl Exponential {
    /// Falls at every update, at the speed `k`, above 0.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when `k` is not a finite number above 0.
    pub fn new(k: f64) -> Result<Self, OptimError> {
        require(k.is_finite() && k > 0.0, "k", "finite and above 0", k)?;
        Ok(Self(Decay::Smooth { k }))
    }

    /// Multiplies by `gamma`, in (0, 1], after each epoch of `steps_per_epoch` updates, at least 1.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when either is out of range.
    pub fn by_epoch(gamma: f64, steps_per_epoch: u64) -> Result<Self, OptimError> {
        require_decay(gamma)?;
        require(steps_per_epoch > 0, "steps_per_epoch", "at least 1", steps_per_epoch as f64)?;
        Ok(Self(Decay::ByEpoch { gamma, steps_per_epoch }))
    }
}

impl Schedule for Exponential {
    fn at(&self, step: u64) -> f64 {
        match self.0 {
            Decay::Smooth { k } => (-k * step as f64).exp(),
            Decay::ByEpoch { gamma, steps_per_epoch } => gamma.powf((step / steps_per_epoch) as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smooth_form_falls_by_one_factor_at_every_update() {
        let smooth = Exponential::new(2f64.ln()).unwrap();
        assert_eq!(smooth.at(0), 1.0);
        for t in 0..50 {
            assert!((smooth.at(t + 1) / smooth.at(t) - 0.5).abs() < 1e-13, "{t}");
        }
        assert_eq!(smooth.at(u64::MAX), 0.0);
    }

    #[test]
    fn the_form_by_epoch_falls_between_epochs_alone() {
        let by_epoch = Exponential::by_epoch(0.5, 3).unwrap();
        let values: Vec<f64> = (0..7).map(|t| by_epoch.at(t)).collect();
        assert_eq!(values, [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25]);
        assert_eq!(by_epoch.at(u64::MAX), 0.0);
    }

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        for k in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let said = Exponential::new(k).unwrap_err().to_string();
            assert_eq!(said, format!("k must be finite and above 0, got {k}"));
        }
        let said = |gamma, epoch| Exponential::by_epoch(gamma, epoch).unwrap_err().to_string();
        assert_eq!(said(0.0, 10), "gamma must be in (0, 1], got 0");
        assert_eq!(said(0.9, 0), "steps_per_epoch must be at least 1, got 0");
    }
}
