use crate::error::{OptimError, require};
use crate::schedules::schedule::{Schedule, half_cosine};

/// Cosine descents of one length, each to a model worth keeping: several models for the price of
/// one run.
///
/// ```text
/// f(t) = (1 + cos(π·(t mod L)/L)) / 2     for t < T,     L = ⌈T/M⌉
/// f(t) = f(T - 1)                         for t ≥ T
/// ```
///
/// with *T* = `steps` and *M* = `cycles`. Where *M* does not divide *T*, the last cycle is cut
/// short; where *M* is near *T*, there may be fewer of them than *M*.
///
/// [`SnapshotCycles::ends_cycle`] says after which update to take a snapshot. The predictions of
/// the snapshots are averaged.
///
/// # Examples
/// ```
/// use taper_optim::{Schedule, SnapshotCycles};
///
/// let cycles = SnapshotCycles::new(100, 5)?;
/// assert_eq!([0, 20, 40, 60, 80].map(|t| cycles.at(t)), [1.0; 5]);
/// assert!(cycles.at(99) < 0.01);
/// let snapshots: Vec<u64> = (0..100).filter(|&t| cycles.ends_cycle(t)).collect();
/// assert_eq!(snapshots, [19, 39, 59, 79, 99]);
/// # Ok::<(), taper_optim::OptimError>(())
/// ```
///
/// # References
/// G. Huang et al., *Snapshot Ensembles: Train 1, Get M for Free*, 2017 (equation 2, where updates
/// are counted from 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotCycles {
    steps: u64,
    cycles: u64,
}

impl SnapshotCycles {
    /// `steps` updates, at least 1, in `cycles` cycles, from 1 to `steps`.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when either is out of range.
    pub fn new(steps: u64, cycles: u64) -> Result<Self, OptimError> {
        require(steps > 0, "steps", "at least 1", steps as f64)?;
        require((1..=steps).contains(&cycles), "cycles", "from 1 to steps", cycles as f64)?;
        Ok(Self { steps, cycles })
    }

    /// Whether the update with this number, from 0, is the last of a cycle.
    pub fn ends_cycle(&self, step: u64) -> bool {
        let last = self.steps - 1;
        step <= last && (step == last || step % self.length() == self.length() - 1)
    }

    /// The updates of a cycle.
    fn length(&self) -> u64 {
        self.steps.div_ceil(self.cycles)
    }
}

impl Schedule for SnapshotCycles {
    fn at(&self, step: u64) -> f64 {
        let (step, length) = (step.min(self.steps - 1), self.length());
        half_cosine(1.0, 0.0, (step % length) as f64 / length as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cycle_starts_at_the_base_rate_and_the_last_one_stays_low() {
        let cycles = SnapshotCycles::new(12, 3).unwrap();
        for t in 0..12 {
            assert_eq!(cycles.at(t) == 1.0, t % 4 == 0, "{t}");
            assert_eq!(cycles.ends_cycle(t), t % 4 == 3, "{t}");
        }
        assert!((cycles.at(6) - 0.5).abs() < 1e-15);
        assert_eq!([12, 13, u64::MAX].map(|t| cycles.at(t)), [cycles.at(11); 3]);
        assert!(![12, 15, u64::MAX].iter().any(|&t| cycles.ends_cycle(t)));
    }

    #[test]
    fn a_last_cycle_that_is_cut_short_ends_with_the_run() {
        let cycles = SnapshotCycles::new(10, 3).unwrap();
        let ends: Vec<u64> = (0..20).filter(|&t| cycles.ends_cycle(t)).collect();
        assert_eq!(ends, [3, 7, 9]);
        assert!((cycles.at(9) - (1.0 + std::f64::consts::FRAC_PI_4.cos()) / 2.0).abs() < 1e-15);
        assert_eq!(cycles.at(10), cycles.at(9));
    }

    #[test]
    fn cycles_of_one_update_are_constant() {
        let cycles = SnapshotCycles::new(3, 3).unwrap();
        assert_eq!([0, 1, 2, 3].map(|t| cycles.at(t)), [1.0; 4]);
        assert_eq!([0, 1, 2, 3].map(|t| cycles.ends_cycle(t)), [true, true, true, false]);
    }

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let said = |steps, cycles| SnapshotCycles::new(steps, cycles).unwrap_err().to_string();
        assert_eq!(said(0, 1), "steps must be at least 1, got 0");
        assert_eq!(said(5, 0), "cycles must be from 1 to steps, got 0");
        assert_eq!(said(5, 6), "cycles must be from 1 to steps, got 6");
    }
}
