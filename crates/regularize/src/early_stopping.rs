//! Stopping when nothing gets better any more.

use crate::RegularizeError;
use crate::error::check;

/// Settings of [`EarlyStopping`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EarlyStoppingConfig {
    /// How many epochs in a row may pass without an improvement, 1 or more. Default 5.
    pub patience: usize,
    /// By how much a loss must be lower than the best to be an improvement, 0 or more. Default 0.
    pub min_delta: f64,
}

impl Default for EarlyStoppingConfig {
    fn default() -> Self {
        Self { patience: 5, min_delta: 0.0 }
    }
}

/// Watches the validation loss: a network that is trained on after it has stopped falling learns
/// its pictures by heart.
///
/// It only counts; who keeps the weights of the best epoch is told which one it was. A loss that is
/// NaN is no improvement.
///
/// # Examples
/// ```
/// use taper_regularize::{EarlyStopping, EarlyStoppingConfig};
/// let mut stopping = EarlyStopping::new(EarlyStoppingConfig { patience: 2, ..Default::default() })?;
/// let stops: Vec<bool> = [1.0, 0.6, 0.7, 0.8].into_iter().map(|loss| stopping.observe(loss)).collect();
/// assert_eq!(stops, [false, false, false, true]);
/// assert_eq!(stopping.best(), Some((1, 0.6)));
/// # Ok::<(), taper_regularize::RegularizeError>(())
/// ```
///
/// # References
/// L. Prechelt, *Early Stopping - But When?*, 1998.
#[derive(Clone, Debug)]
pub struct EarlyStopping {
    config: EarlyStoppingConfig,
    seen: usize,
    best: Option<(usize, f64)>,
}

impl EarlyStopping {
    /// With nothing seen yet.
    ///
    /// # Errors
    /// When a setting is out of range.
    pub fn new(config: EarlyStoppingConfig) -> Result<Self, RegularizeError> {
        check(config.patience > 0, "patience", "1 or more", config.patience as f64)?;
        check(
            config.min_delta >= 0.0 && config.min_delta.is_finite(),
            "min_delta",
            "finite and 0 or more",
            config.min_delta,
        )?;
        Ok(Self { config, seen: 0, best: None })
    }

    /// Goes on after `seen` epochs with this best one, [`best`](Self::best).
    pub fn resume(&mut self, seen: usize, best: Option<(usize, f64)>) {
        (self.seen, self.best) = (seen, best);
    }

    /// How many epochs it has seen.
    pub fn seen(&self) -> usize {
        self.seen
    }

    /// Takes the loss of the next epoch; whether it is time to stop.
    pub fn observe(&mut self, loss: f64) -> bool {
        let epoch = self.seen;
        self.seen += 1;
        let better = match self.best {
            None => !loss.is_nan(),
            Some((_, best)) => loss < best - self.config.min_delta,
        };
        if better {
            self.best = Some((epoch, loss));
        }
        let since = self.best.map_or(self.seen, |(best, _)| epoch.saturating_sub(best));
        since >= self.config.patience
    }

    /// The best epoch so far, from 0, and its loss.
    pub fn best(&self) -> Option<(usize, f64)> {
        self.best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stops(config: EarlyStoppingConfig, losses: &[f64]) -> (Option<usize>, Option<(usize, f64)>) {
        let mut stopping = EarlyStopping::new(config).unwrap();
        (losses.iter().position(|&loss| stopping.observe(loss)), stopping.best())
    }

    #[test]
    fn patience_counts_epochs_without_improvement() {
        let config = EarlyStoppingConfig { patience: 2, min_delta: 0.0 };
        assert_eq!(stops(config, &[3.0, 2.0, 2.5, 1.0, 1.0, 1.0]), (Some(5), Some((3, 1.0))));
        assert_eq!(stops(config, &[3.0, 2.0, 1.0]).0, None);
        assert_eq!(stops(EarlyStoppingConfig { patience: 1, ..config }, &[1.0, 2.0]), (Some(1), Some((0, 1.0))));
    }

    #[test]
    fn one_that_goes_on_stops_where_it_would_have() {
        let (config, losses) = (EarlyStoppingConfig { patience: 2, min_delta: 0.0 }, [3.0, 2.0, 2.5, 1.0, 1.0, 1.0]);
        for cut in 0..losses.len() {
            let mut before = EarlyStopping::new(config).unwrap();
            for &loss in &losses[..cut] {
                before.observe(loss);
            }
            let mut after = EarlyStopping::new(config).unwrap();
            after.resume(before.seen(), before.best());
            let stops = losses[cut..].iter().position(|&loss| after.observe(loss));
            assert_eq!((stops.map(|i| cut + i), after.best()), (Some(5), Some((3, 1.0))));
        }
    }

    #[test]
    fn small_changes_are_no_improvement() {
        let config = EarlyStoppingConfig { patience: 2, min_delta: 0.1 };
        assert_eq!(stops(config, &[1.0, 0.95, 0.92]), (Some(2), Some((0, 1.0))));
        assert_eq!(stops(config, &[1.0, 0.95, 0.85]), (None, Some((2, 0.85))));
    }

    #[test]
    fn nan_is_no_improvement() {
        let config = EarlyStoppingConfig { patience: 2, min_delta: 0.0 };
        assert_eq!(stops(config, &[f64::NAN, f64::NAN]), (Some(1), None));
        assert_eq!(stops(config, &[f64::NAN, 1.0, f64::NAN, f64::NAN]).0, Some(3));
    }

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let refused = |patience, min_delta| {
            EarlyStopping::new(EarlyStoppingConfig { patience, min_delta }).unwrap_err().to_string()
        };
        assert!(refused(0, 0.0).starts_with("patience") && refused(1, -1.0).starts_with("min_delta"));
        assert!(refused(1, f64::NAN).starts_with("min_delta"));
    }
}
