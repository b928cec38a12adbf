use crate::error::{OptimError, require, require_fraction};
use crate::schedules::one_cycle::OneCycle;
use crate::schedules::schedule::Schedule;

/// The bounds of [`OneCycleMomentum`]; the defaults are PyTorch's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OneCycleMomentumConfig {
    /// The momentum where the rate has its peak, in [0, 1). Default 0.85.
    pub base_momentum: f64,
    /// The momentum at the start and at the end, in [0, 1) and at least `base_momentum`. Default
    /// 0.95.
    pub max_momentum: f64,
}

impl Default for OneCycleMomentumConfig {
    fn default() -> Self {
        Self { base_momentum: 0.85, max_momentum: 0.95 }
    }
}

/// The momentum that goes down where the rate of a [`OneCycle`] goes up, and back.
///
/// ```text
/// μ(t) = cosine from μ₁ to μ₀ over t = 0..c         for t ≤ c
/// μ(t) = cosine from μ₀ to μ₁ over t = c..T-1       for c < t ≤ T-1
/// μ(t) = μ₁                                         for t ≥ T-1
/// ```
///
/// with *μ₀* = `base_momentum`, *μ₁* = `max_momentum`, and *c* and *T* those of the cycle. Large
/// rates take large steps of their own and need less momentum.
///
/// It is the momentum itself and no factor of one: [`Plan::momentum`](crate::Plan::momentum) is the
/// place for it.
///
/// # Differs from PyTorch
/// Like [`OneCycle`], it has the turning point at an update.
///
/// # Examples
/// ```
/// use taper_optim::{OneCycle, OneCycleConfig, OneCycleMomentum, OneCycleMomentumConfig, Schedule};
///
/// let cycle = OneCycle::new(100, OneCycleConfig::default())?;
/// let momentum = OneCycleMomentum::new(cycle, OneCycleMomentumConfig::default())?;
/// assert_eq!([0, 29, 99, 200].map(|t| momentum.at(t)), [0.95, 0.85, 0.95, 0.95]);
/// # Ok::<(), taper_optim::OptimError>(())
/// ```
///
/// # References
/// - L. N. Smith, *A disciplined approach to neural network hyper-parameters: Part 1*, 2018.
/// - L. N. Smith, N. Topin, *Super-Convergence: Very Fast Training of Neural Networks Using Large
///   Learning Rates*, 2018.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OneCycleMomentum {
    cycle: OneCycle,
    config: OneCycleMomentumConfig,
}

impl OneCycleMomentum {
    /// The momentum against the rate of `cycle`.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when a field of `config` is out of range.
    pub fn new(cycle: OneCycle, config: OneCycleMomentumConfig) -> Result<Self, OptimError> {
        let OneCycleMomentumConfig { base_momentum, max_momentum } = config;
        require_fraction("base_momentum", base_momentum)?;
        require_fraction("max_momentum", max_momentum)?;
        require(base_momentum <= max_momentum, "base_momentum", "at most max_momentum", base_momentum)?;
        Ok(Self { cycle, config })
    }
}

impl Schedule for OneCycleMomentum {
    fn at(&self, step: u64) -> f64 {
        let OneCycleMomentumConfig { base_momentum, max_momentum } = self.config;
        self.cycle.through([max_momentum, base_momentum, max_momentum], step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedules::one_cycle::OneCycleConfig;

    #[test]
    fn it_is_lowest_where_the_rate_is_highest() {
        for (steps, warmup_fraction) in [(1, 0.3), (2, 0.5), (7, 0.3), (100, 0.0), (100, 1.0)] {
            let config = OneCycleConfig { warmup_fraction, ..OneCycleConfig::default() };
            let cycle = OneCycle::new(steps, config).unwrap();
            let momentum = OneCycleMomentum::new(cycle, OneCycleMomentumConfig::default()).unwrap();
            for t in 0..steps {
                assert_eq!(momentum.at(t) == 0.85, cycle.at(t) == 1.0, "{steps} {warmup_fraction} {t}");
                assert!((0.85..=0.95).contains(&momentum.at(t)));
            }
        }
    }

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let cycle = OneCycle::new(10, OneCycleConfig::default()).unwrap();
        let said = |base_momentum, max_momentum| {
            let config = OneCycleMomentumConfig { base_momentum, max_momentum };
            OneCycleMomentum::new(cycle, config).unwrap_err().to_string()
        };
        assert_eq!(said(-0.1, 0.9), "base_momentum must be in [0, 1), got -0.1");
        assert_eq!(said(0.5, 1.0), "max_momentum must be in [0, 1), got 1");
        assert_eq!(said(0.9, 0.8), "base_momentum must be at most max_momentum, got 0.9");
    }
}
