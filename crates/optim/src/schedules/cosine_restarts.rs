use crate::error::{OptimError, require};
use crate::schedules::schedule::{Schedule, half_cosine};

/// Cosine descents one after the other, each from a peak again and longer than the last.
///
/// ```text
/// f(t) = a + (pᵢ - a)(1 + cos(πc/Tᵢ)) / 2,     Tᵢ = T₀·mⁱ,  pᵢ = max(γⁱ, a)
/// ```
///
/// where *c* counts the updates since the *i*-th restart, with *T₀* = `t_0`, *m* = `t_mult`, *a* =
/// `floor` and *γ* = `decay`, 1 unless the peaks [fall](CosineRestarts::with_falling_peaks). It
/// never ends: after *n* cycles, that is at *T₀n* for *m* = 1 and at *T₀*(*mⁿ* - 1)/(*m* - 1) for
/// the others, the next one starts. A run should stop just before a restart, where the rate is
/// lowest.
///
/// # Differs from PyTorch
/// `CosineAnnealingWarmRestarts` takes the floor as a rate (`eta_min`), here it is a fraction of
/// the base rate; and all its peaks are as high. Falling ones are those of timm's
/// `CosineLRScheduler` with `cycle_mul` = *m* and `cycle_decay` = *γ*, but for the last: none lies
/// below the floor.
///
/// # Examples
/// Cycles of 10, 20 and 40 updates:
/// ```
/// use taper_optim::{CosineRestarts, Schedule};
///
/// let restarts = CosineRestarts::new(10, 2, 0.0)?;
/// assert_eq!([0, 10, 30, 70].map(|t| restarts.at(t)), [1.0; 4]);
/// assert!((restarts.at(20) - 0.5).abs() < 1e-12);
/// assert!(restarts.at(69) < 0.002);
/// # Ok::<(), taper_optim::OptimError>(())
/// ```
///
/// # References
/// I. Loshchilov, F. Hutter, *SGDR: Stochastic Gradient Descent with Warm Restarts*, 2017.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CosineRestarts {
    t_0: u64,
    t_mult: u64,
    floor: f64,
    decay: f64,
}

/// Where an update lies.
struct Cycle {
    /// How many restarts there were before.
    restarts: u64,
    /// The updates since the last one.
    since: u64,
    length: u64,
}

impl CosineRestarts {
    /// A first cycle of `t_0` updates, every next one `t_mult` times as long, both at least 1;
    /// each goes down toward `floor`, a fraction of the base rate in [0, 1].
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when one is out of range.
    pub fn new(t_0: u64, t_mult: u64, floor: f64) -> Result<Self, OptimError> {
        require(t_0 > 0, "t_0", "at least 1", t_0 as f64)?;
        require(t_mult > 0, "t_mult", "at least 1", t_mult as f64)?;
        require((0.0..=1.0).contains(&floor), "floor", "in [0, 1]", floor)?;
        Ok(Self { t_0, t_mult, floor, decay: 1.0 })
    }

    /// The same with peaks that fall: each is `decay` times the one before, a fraction in (0, 1],
    /// until they reach the floor.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when one is out of range.
    pub fn with_falling_peaks(t_0: u64, t_mult: u64, floor: f64, decay: f64) -> Result<Self, OptimError> {
        require(decay > 0.0 && decay <= 1.0, "decay", "in (0, 1]", decay)?;
        Ok(Self { decay, ..Self::new(t_0, t_mult, floor)? })
    }

    fn cycle(&self, step: u64) -> Cycle {
        if self.t_mult == 1 {
            return Cycle { restarts: step / self.t_0, since: step % self.t_0, length: self.t_0 };
        }
        // Lengths at least double: no more than 64 turns.
        let mut cycle = Cycle { restarts: 0, since: step, length: self.t_0 };
        while cycle.since >= cycle.length {
            cycle.restarts += 1;
            cycle.since -= cycle.length;
            cycle.length = cycle.length.saturating_mul(self.t_mult);
        }
        cycle
    }
}

impl Schedule for CosineRestarts {
    fn at(&self, step: u64) -> f64 {
        let Cycle { restarts, since, length } = self.cycle(step);
        let peak = self.decay.powf(restarts as f64).max(self.floor);
        half_cosine(peak, self.floor, since as f64 / length as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cycle_starts_at_the_base_rate_and_is_longer() {
        let restarts = CosineRestarts::new(2, 3, 0.5).unwrap();
        for (start, length) in [(0, 2), (2, 6), (8, 18), (26, 54)] {
            assert_eq!(restarts.at(start), 1.0);
            assert!((restarts.at(start + length / 2) - 0.75).abs() < 1e-12);
            assert!((start..start + length - 1).all(|t| restarts.at(t) > restarts.at(t + 1)));
            let last = restarts.at(start + length - 1);
            assert!(last > 0.5 && last <= 0.75, "{last}");
        }
    }

    #[test]
    fn cycles_of_one_length_repeat() {
        let restarts = CosineRestarts::new(4, 1, 0.0).unwrap();
        for t in 0..4 {
            assert_eq!(restarts.at(t), restarts.at(t + 4));
            assert_eq!(restarts.at(t), restarts.at(t + 4_000_000));
        }
    }

    #[test]
    fn peaks_fall_by_the_factor_to_the_floor() {
        for t_mult in [1, 2] {
            let restarts = CosineRestarts::with_falling_peaks(2, t_mult, 0.2, 0.5).unwrap();
            let starts = if t_mult == 1 { [0, 2, 4, 6] } else { [0, 2, 6, 14] };
            assert_eq!(starts.map(|t| restarts.at(t)), [1.0, 0.5, 0.25, 0.2]);
            assert!((restarts.at(3) - if t_mult == 1 { 0.35 } else { 0.456_066_017 }).abs() < 1e-9);
            assert_eq!(restarts.at(u64::MAX), 0.2);
        }
        let level = CosineRestarts::with_falling_peaks(5, 2, 0.1, 1.0).unwrap();
        assert_eq!(level, CosineRestarts::new(5, 2, 0.1).unwrap());
    }

    #[test]
    fn it_is_defined_to_the_last_number() {
        for (t_0, t_mult) in [(1, 1), (1, 2), (u64::MAX, 2), (3, u64::MAX)] {
            let f = CosineRestarts::new(t_0, t_mult, 0.25).unwrap().at(u64::MAX);
            assert!((0.25..=1.0).contains(&f), "{t_0} {t_mult}: {f}");
        }
    }

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let said = |t_0, t_mult, floor| CosineRestarts::new(t_0, t_mult, floor).unwrap_err().to_string();
        assert_eq!(said(0, 2, 0.0), "t_0 must be at least 1, got 0");
        assert_eq!(said(9, 0, 0.0), "t_mult must be at least 1, got 0");
        assert_eq!(said(9, 2, -0.1), "floor must be in [0, 1], got -0.1");
        let said = CosineRestarts::with_falling_peaks(9, 2, 0.0, 0.0).unwrap_err().to_string();
        assert_eq!(said, "decay must be in (0, 1], got 0");
    }
}
