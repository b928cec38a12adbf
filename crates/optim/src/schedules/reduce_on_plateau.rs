use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};

use crate::error::{OptimError, require, tensor_error};
use crate::keys::{count, require_keys, require_scalar};

/// Which way a metric improves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Goal {
    /// Lower is better, as with a loss.
    #[default]
    Minimize,
    /// Higher is better, as with an accuracy.
    Maximize,
}

/// How far a metric must get past its best value to count as improved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Threshold {
    /// By this fraction of the best value.
    Relative(f64),
    /// By this much.
    Absolute(f64),
}

/// The settings of [`ReduceOnPlateau`]; the defaults are PyTorch's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReduceOnPlateauConfig {
    /// Which way the metric improves. Default [`Goal::Minimize`] (`mode`).
    pub goal: Goal,
    /// *γ*: what the rate is multiplied by on a plateau, in (0, 1). Default 0.1.
    pub factor: f64,
    /// How many evaluations without improvement are put up with. Default 10.
    pub patience: u64,
    /// What counts as improvement; finite and not negative. Default [`Threshold::Relative`] 1e-4.
    pub threshold: Threshold,
    /// For how many evaluations after a reduction none counts as bad. Default 0.
    pub cooldown: u64,
    /// The fraction of the base rate that it never falls below, in [0, 1]. Default 0 (`min_lr`).
    pub min_factor: f64,
}

impl Default for ReduceOnPlateauConfig {
    fn default() -> Self {
        Self {
            goal: Goal::Minimize,
            factor: 0.1,
            patience: 10,
            threshold: Threshold::Relative(1e-4),
            cooldown: 0,
            min_factor: 0.0,
        }
    }
}

/// Lowers the rate when a metric has stopped improving.
///
/// No [`Schedule`](crate::Schedule), as it cannot be known ahead: it is told the metric after each
/// evaluation, remembers the best, and answers with the factor of the base rate from there on.
///
/// ```text
/// s ← 0, best ← metric            when the metric is better than best
/// s ← s + 1                       otherwise
/// c ← c - 1, s ← 0                when c > 0
/// f ← max(γf, f_min), c ← C, s ← 0     when s > P
/// ```
///
/// with *γ* = `factor`, *P* = `patience`, *C* = `cooldown` and *f_min* = `min_factor`; *s* counts
/// evaluations without improvement, *c* those of the cooldown that are left. With *τ* the
/// `threshold`, better means below *best* - *τ*|*best*| or *best* - *τ*, or above the same with a
/// plus for [`Goal::Maximize`]. A NaN is never better: it counts as an evaluation without
/// improvement.
///
/// # Differs from PyTorch
/// - `ReduceLROnPlateau` takes *best*(1 - *τ*) for a relative threshold, which for a negative
///   metric calls a slightly worse value better; for positive ones the two are the same.
/// - There is no `eps` below which a reduction is not made.
///
/// # Examples
/// ```
/// use taper_optim::{ReduceOnPlateau, ReduceOnPlateauConfig};
///
/// let config = ReduceOnPlateauConfig { factor: 0.5, patience: 1, ..ReduceOnPlateauConfig::default() };
/// let mut plateau = ReduceOnPlateau::new(config)?;
/// let losses = [2.0, 1.0, 1.0, 1.0, 0.5];
/// assert_eq!(losses.map(|loss| plateau.evaluated(loss)), [1.0, 1.0, 1.0, 0.5, 0.5]);
/// # Ok::<(), taper_optim::OptimError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReduceOnPlateau {
    config: ReduceOnPlateauConfig,
    factor: f64,
    /// Infinite until there is a first value.
    best: f64,
    stale: u64,
    cooldown: u64,
}

const FACTOR: &str = "plateau_factor";
const BEST: &str = "plateau_best";
const STALE: &str = "plateau_stale";
const COOLDOWN: &str = "plateau_cooldown";

impl ReduceOnPlateau {
    /// Checks the settings; the factor starts at 1.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when a field is out of range.
    pub fn new(config: ReduceOnPlateauConfig) -> Result<Self, OptimError> {
        let ReduceOnPlateauConfig { goal, factor, threshold, min_factor, .. } = config;
        require(factor > 0.0 && factor < 1.0, "factor", "in (0, 1)", factor)?;
        let (Threshold::Relative(past) | Threshold::Absolute(past)) = threshold;
        require(past.is_finite() && past >= 0.0, "threshold", "finite and not negative", past)?;
        require((0.0..=1.0).contains(&min_factor), "min_factor", "in [0, 1]", min_factor)?;
        let best = match goal {
            Goal::Minimize => f64::INFINITY,
            Goal::Maximize => f64::NEG_INFINITY,
        };
        Ok(Self { config, factor: 1.0, best, stale: 0, cooldown: 0 })
    }

    /// The factor of the base rate at the moment.
    pub fn factor(&self) -> f64 {
        self.factor
    }

    /// Takes in the metric of one more evaluation and returns the factor from here on.
    pub fn evaluated(&mut self, metric: f64) -> f64 {
        if self.improves(metric) {
            self.best = metric;
            self.stale = 0;
        } else {
            self.stale += 1;
        }
        if self.cooldown > 0 {
            self.cooldown -= 1;
            self.stale = 0;
        }
        if self.stale > self.config.patience {
            self.factor = (self.factor * self.config.factor).max(self.config.min_factor);
            self.cooldown = self.config.cooldown;
            self.stale = 0;
        }
        self.factor
    }

    fn improves(&self, metric: f64) -> bool {
        let past = match self.config.threshold {
            // Of an infinite value there is no fraction.
            _ if self.best.is_infinite() => 0.0,
            Threshold::Relative(fraction) => fraction * self.best.abs(),
            Threshold::Absolute(amount) => amount,
        };
        match self.config.goal {
            Goal::Minimize => metric < self.best - past,
            Goal::Maximize => metric > self.best + past,
        }
    }

    /// Everything that is remembered, as scalars: `plateau_factor` and `plateau_best` (float64, the
    /// latter infinite before the first evaluation), `plateau_stale` and `plateau_cooldown`
    /// (int64). No optimizer uses these keys, so both fit in one file.
    ///
    /// # Errors
    /// [`OptimError::Tensor`] when a tensor cannot be made.
    pub fn state(&self) -> Result<BTreeMap<String, Tensor>, OptimError> {
        let real = |value: f64| Tensor::new(value, &Device::Cpu);
        let count = |value: u64| Tensor::new(value as i64, &Device::Cpu);
        let entries = [
            (FACTOR, real(self.factor)),
            (BEST, real(self.best)),
            (STALE, count(self.stale)),
            (COOLDOWN, count(self.cooldown)),
        ];
        let named = |(key, tensor): (&str, candle_core::Result<Tensor>)| {
            tensor.map(|tensor| (key.to_owned(), tensor)).map_err(|source| tensor_error(key, source))
        };
        entries.into_iter().map(named).collect()
    }

    /// Restores what [`ReduceOnPlateau::state`] gave, to the bit. A refused state changes nothing.
    ///
    /// # Errors
    /// - [`OptimError::MissingState`], [`OptimError::UnexpectedState`] when the keys are not those
    ///   of the state;
    /// - [`OptimError::Mismatch`] when an entry has another shape or type;
    /// - [`OptimError::BadConfig`] when the factor is not in [0, 1] or the best value is a NaN;
    /// - [`OptimError::BadStepCount`] when a count is negative;
    /// - [`OptimError::Tensor`] when a tensor operation fails.
    pub fn load_state(&mut self, state: &BTreeMap<String, Tensor>) -> Result<(), OptimError> {
        require_keys([FACTOR, BEST, STALE, COOLDOWN].map(str::to_owned).into_iter(), state)?;
        let (factor, best) = (real(FACTOR, state)?, real(BEST, state)?);
        require((0.0..=1.0).contains(&factor), FACTOR, "in [0, 1]", factor)?;
        require(!best.is_nan(), BEST, "a number", best)?;
        let (stale, cooldown) = (count(STALE, state)?, count(COOLDOWN, state)?);
        *self = Self { factor, best, stale, cooldown, ..*self };
        Ok(())
    }
}

fn real(key: &str, state: &BTreeMap<String, Tensor>) -> Result<f64, OptimError> {
    require_scalar(key, &state[key], DType::F64)?;
    state[key].to_scalar().map_err(|source| tensor_error(key, source))
}
