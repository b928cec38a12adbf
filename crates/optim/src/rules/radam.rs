use candle_core::{Result, Tensor, Var};
use serde::{Deserialize, Serialize};

use crate::engine::elementwise::{Elementwise, Tensors, elementwise};
use crate::engine::number::Number;
use crate::engine::part::Formula;
use crate::error::{OptimError, require_positive};
use crate::rule::Step;
use crate::rules::decay::Decay;
use crate::rules::moments::Moments;

/// The settings of [`RAdam`]; the defaults are PyTorch's.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RAdamConfig {
    /// *β₁*: the fraction of the first moment that survives an update, in [0, 1). Default 0.9.
    pub beta1: f64,
    /// *β₂*: the fraction of the second moment that survives an update, in [0, 1). Default 0.999.
    pub beta2: f64,
    /// *ε*: added to the root of the second moment; above 0. Default 1e-8.
    pub eps: f64,
}

impl Default for RAdamConfig {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-8 }
    }
}

/// RAdam: Adam that trusts its second moment only as far as it has seen enough gradients, a warm-up
/// that follows from the formula.
///
/// ```text
/// g ← g + λθ
/// m ← β₁m + (1 - β₁)g
/// v ← β₂v + (1 - β₂)g²
/// m̂ = m / (1 - β₁ᵗ)
/// ρ∞ = 2/(1 - β₂) - 1        ρ = ρ∞ - 2tβ₂ᵗ/(1 - β₂ᵗ)
/// r = √((ρ - 4)(ρ - 2)ρ∞ / ((ρ∞ - 4)(ρ∞ - 2)ρ))
/// θ ← θ - η m̂                                   for ρ ≤ 5
/// θ ← θ - η r m̂ √(1 - β₂ᵗ) / (√v + ε)           for ρ > 5
/// ```
///
/// with *β₁* = `beta1`, *β₂* = `beta2`, *ε* = `eps`, *t* = [`Step::t`], *η* = [`Step::lr`],
/// *λ* = [`Step::weight_decay`]. The moments *m* and *v* are the slots `first_moment` and
/// `second_moment`.
///
/// *ρ* is the number of gradients that *v* is worth. With the default *β₂* the first five updates
/// are plain momentum, whose length follows the scale of the gradient; *r* then climbs from 0.03
/// to 1 over a few thousand updates. The usual *η* is 1e-3, without a warm-up of its own.
///
/// **Weight decay is coupled**: it is divided by √*v* like the rest of the gradient.
///
/// # Differs from PyTorch
/// `eps` = 0 is refused. Decoupled decay is [`RAdamW`](crate::RAdamW).
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor, Var};
/// use taper_optim::{RAdam, RAdamConfig, Step, UpdateRule};
///
/// let rule = RAdam::new(RAdamConfig::default())?;
/// let theta = Var::new(&[1f64], &Device::Cpu)?;
/// let slots = [Var::zeros(1, DType::F64, &Device::Cpu)?, Var::zeros(1, DType::F64, &Device::Cpu)?];
/// let grad = Tensor::new(&[3f64], &Device::Cpu)?;
/// rule.update(&theta, &grad, &slots, Step { t: 1, lr: 0.1, weight_decay: 0.0, ..Step::default() })?;
/// assert!((theta.to_vec1::<f64>()?[0] - 0.7).abs() < 1e-9); // not divided by the root of 9 yet
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// L. Liu et al., *On the Variance of the Adaptive Learning Rate and Beyond*, 2020.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RAdam {
    config: RAdamConfig,
    moments: Moments,
}

impl RAdam {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when `beta1` or `beta2` is outside [0, 1), or `eps` is not a
    /// finite number above 0.
    pub fn new(config: RAdamConfig) -> std::result::Result<Self, OptimError> {
        let moments = Moments::new(config.beta1, config.beta2)?;
        require_positive("eps", config.eps)?;
        Ok(Self { config, moments })
    }

    /// One update of every element.
    pub(crate) fn descend(&self, tensors: &Tensors<'_>, step: Step, decay: Decay) -> Result<()> {
        let moments = self.moments.at(step);
        let [first, second] = moments.corrections(step.t);
        let (rate, rectification) = (step.lr / first, self.rectification(step.t));
        tensors.each(RAdamUpdate {
            moments,
            decay,
            eps: self.config.eps,
            adaptive: rectification.is_some(),
            rate: rectification.map_or(rate, |r| rate * r * second.sqrt()),
        })
    }

    /// *r*, or nothing while *ρ* is too small.
    fn rectification(&self, t: u64) -> Option<f64> {
        let [_, second] = self.moments.corrections(t);
        let limit = 2.0 / (1.0 - self.config.beta2) - 1.0;
        let length = limit - 2.0 * t as f64 * (1.0 - second) / second;
        let variance = |length: f64| (length - 4.0) * (length - 2.0) / length;
        (length > 5.0).then(|| (variance(length) / variance(limit)).sqrt())
    }
}

elementwise!(RAdam);

impl Elementwise for RAdam {
    fn names(&self) -> &'static [&'static str] {
        Moments::SLOTS
    }

    fn follows_momentum(&self) -> bool {
        true
    }

    fn run(&self, tensors: &Tensors<'_>, step: Step) -> Result<()> {
        self.descend(tensors, step, Decay::coupled(step))
    }
}

/// One update.
#[derive(Clone, Copy)]
struct RAdamUpdate {
    moments: Moments,
    decay: Decay,
    eps: f64,
    /// Whether the second moment is worth dividing by.
    adaptive: bool,
    /// The rate for the uncorrected moments.
    rate: f64,
}

impl Formula<2> for RAdamUpdate {
    #[inline]
    fn apply<T: Number>(self, theta: T, grad: T, moments: [T; 2]) -> (T, [T; 2]) {
        let [m, v] = self.moments.next(grad.plus(self.decay.coupled, &theta), moments);
        let direction = if self.adaptive { m.clone() / (v.clone().sqrt() + self.eps) } else { m.clone() };
        (theta * self.decay.kept - direction * self.rate, [m, v])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::twins;

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let config = RAdamConfig::default();
        for (field, config) in [
            ("beta1", RAdamConfig { beta1: -0.9, ..config }),
            ("beta2", RAdamConfig { beta2: 1.0, ..config }),
            ("eps", RAdamConfig { eps: 0.0, ..config }),
        ] {
            let said = RAdam::new(config).unwrap_err().to_string();
            assert!(said.starts_with(field), "{said}");
        }
    }

    #[test]
    fn the_rectification_begins_at_the_sixth_update_and_ends_at_one() {
        let rule = RAdam::new(RAdamConfig::default()).unwrap();
        assert_eq!((1..=5).find_map(|t| rule.rectification(t)), None);
        let values: Vec<f64> = [6, 100, 1000, 100_000].map(|t| rule.rectification(t).unwrap()).into();
        assert!(values.is_sorted() && values[0] < 0.03 && values[3] == 1.0, "{values:?}");
    }

    /// With *β₂* = 0.5 *ρ* never exceeds 5 and no update is adaptive; with 0.9 the sixth is.
    #[test]
    fn one_pass_and_candles_operations_agree() -> Result<()> {
        for beta2 in [0.5, 0.9] {
            twins::agree(&RAdam::new(RAdamConfig { beta2, ..RAdamConfig::default() }).unwrap())?;
        }
        Ok(())
    }
}
