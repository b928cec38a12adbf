use std::cmp::Ordering;

use crate::error::{OptimError, require};
use crate::schedules::schedule::{Schedule, half_cosine};

/// The shape of [`OneCycle`]; the defaults are PyTorch's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OneCycleConfig {
    /// *p*: the fraction of the updates spent climbing, in [0, 1]. Default 0.3 (`pct_start`).
    pub warmup_fraction: f64,
    /// *d*: how many times lower than the peak the start is, at least 1. Default 25.
    pub div_factor: f64,
    /// *e*: how many times lower than the start the end is, at least 1. Default 10000.
    pub final_div_factor: f64,
}

impl Default for OneCycleConfig {
    fn default() -> Self {
        Self { warmup_fraction: 0.3, div_factor: 25.0, final_div_factor: 1e4 }
    }
}

/// One climb to the base rate and one long descent, both along half a cosine wave.
///
/// ```text
/// f(t) = cosine from 1/d to 1 over t = 0..c            for t ≤ c
/// f(t) = cosine from 1 to 1/(d·e) over t = c..T-1      for c < t ≤ T-1
/// f(t) = 1/(d·e)                                       for t ≥ T-1
/// ```
///
/// with *T* = `steps`, *c* = *pT* - 1 rounded to an update of the cycle, *p* = `warmup_fraction`,
/// *d* = `div_factor` and *e* = `final_div_factor`. The base rate is the peak (`max_lr`), which one
/// update has however short the cycle is; a single update is at the peak. With *p* = 1 the climb
/// ends at the last update, and the rate stays at the peak.
///
/// # Differs from PyTorch
/// `OneCycleLR` does not round *c*: where *pT* is no whole number, its peak lies between two
/// updates, and a cycle of one or two has none near it. It refuses steps past the end. It cycles
/// the momentum as well, for which there is [`OneCycleMomentum`](crate::OneCycleMomentum). The
/// three-phase form is not offered.
///
/// # Examples
/// ```
/// use taper_optim::{OneCycle, OneCycleConfig, Schedule};
///
/// let cycle = OneCycle::new(100, OneCycleConfig::default())?;
/// assert!((cycle.at(0) - 1.0 / 25.0).abs() < 1e-12);
/// assert_eq!(cycle.at(29), 1.0);
/// assert!((cycle.at(99) - 1.0 / 250_000.0).abs() < 1e-12);
/// # Ok::<(), taper_optim::OptimError>(())
/// ```
///
/// # References
/// L. N. Smith, N. Topin, *Super-Convergence: Very Fast Training of Neural Networks Using Large
/// Learning Rates*, 2018.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OneCycle {
    steps: u64,
    config: OneCycleConfig,
}

impl OneCycle {
    /// One cycle of `steps` updates, at least 1.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when `steps` or a field of `config` is out of range.
    pub fn new(steps: u64, config: OneCycleConfig) -> Result<Self, OptimError> {
        let OneCycleConfig { warmup_fraction, div_factor, final_div_factor } = config;
        require(steps > 0, "steps", "at least 1", steps as f64)?;
        require((0.0..=1.0).contains(&warmup_fraction), "warmup_fraction", "in [0, 1]", warmup_fraction)?;
        for (field, factor) in [("div_factor", div_factor), ("final_div_factor", final_div_factor)] {
            let within = factor.is_finite() && factor >= 1.0;
            require(within, field, "finite and at least 1", factor)?;
        }
        Ok(Self { steps, config })
    }

    /// *c*, the update at the base rate.
    fn peak(&self) -> u64 {
        let climb = (self.config.warmup_fraction * self.steps as f64).round() as u64;
        climb.saturating_sub(1).min(self.steps - 1)
    }

    /// Half a cosine wave from the value at the start to the one at the peak, another to the end.
    pub(crate) fn through(&self, [start, top, end]: [f64; 3], step: u64) -> f64 {
        let (last, peak) = (self.steps - 1, self.peak());
        let t = step.min(last);
        match t.cmp(&peak) {
            Ordering::Less => half_cosine(start, top, t as f64 / peak as f64),
            Ordering::Equal => top,
            Ordering::Greater => half_cosine(top, end, (t - peak) as f64 / (last - peak) as f64),
        }
    }
}

impl Schedule for OneCycle {
    fn at(&self, step: u64) -> f64 {
        let start = 1.0 / self.config.div_factor;
        let end = start / self.config.final_div_factor;
        self.through([start, 1.0, end], step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cycle(steps: u64, warmup_fraction: f64) -> OneCycle {
        let config = OneCycleConfig { warmup_fraction, div_factor: 4.0, final_div_factor: 2.0 };
        OneCycle::new(steps, config).unwrap()
    }

    #[test]
    fn it_turns_where_it_should_and_keeps_its_last_value() {
        let cycle = cycle(21, 11.0 / 21.0);
        let close = |t, f: f64| assert!((cycle.at(t) - f).abs() < 1e-12, "{t}: {}", cycle.at(t));
        close(0, 0.25);
        close(5, 0.625);
        close(10, 1.0);
        close(15, 0.5625);
        close(20, 0.125);
        assert_eq!(cycle.at(21), cycle.at(20));
        assert_eq!(cycle.at(u64::MAX), cycle.at(20));
    }

    #[test]
    fn the_shortest_cycles_reach_the_peak_once() {
        for fraction in [0.0, 0.1, 0.3, 0.5, 0.9, 1.0] {
            for steps in 1..9 {
                let at_peak = (0..steps).filter(|&t| cycle(steps, fraction).at(t) == 1.0).count();
                assert_eq!(at_peak, 1, "{fraction} {steps}");
                for t in 0..8 {
                    let f = cycle(steps, fraction).at(t);
                    assert!((0.125..=1.0).contains(&f), "{fraction} {steps} {t}: {f}");
                }
            }
        }
        assert_eq!(cycle(5, 1.0).at(9), 1.0);
    }

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let config = OneCycleConfig::default();
        let said = |steps, config| OneCycle::new(steps, config).unwrap_err().to_string();
        assert!(said(0, config).starts_with("steps"));
        let bad = OneCycleConfig { warmup_fraction: -0.1, ..config };
        assert!(said(9, bad).starts_with("warmup_fraction"));
        let bad = OneCycleConfig { div_factor: 0.5, ..config };
        assert!(said(9, bad).starts_with("div_factor"));
        let bad = OneCycleConfig { final_div_factor: f64::INFINITY, ..config };
        assert!(said(9, bad).starts_with("final_div_factor"));
    }
}
