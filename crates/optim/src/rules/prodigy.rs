use candle_core::{DType, Device, Result, Tensor, Var, bail};
use serde::{Deserialize, Serialize};

use crate::engine::elementwise::Tensors;
use crate::engine::number::Number;
use crate::engine::part::Formula;
use crate::engine::squares::in_f64;
use crate::error::{OptimError, require, require_positive};
use crate::rule::{Step, UpdateRule};
use crate::rules::moments::Moments;

/// Where the estimate of the distance is kept.
const DISTANCE: &str = "distance";

/// The settings of [`Prodigy`]; the defaults are those of the authors' implementation.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProdigyConfig {
    /// *β₁*: the fraction of the first moment that survives an update, in [0, 1). Default 0.9.
    pub beta1: f64,
    /// *β₂*: the fraction of the second moment that survives an update, in [0, 1). Default 0.999.
    pub beta2: f64,
    /// *ε*: added to the root of the second moment, times *d*; above 0. Default 1e-8.
    pub eps: f64,
    /// *d₀*: the first estimate of the distance, above 0. Default 1e-6; it hardly matters.
    pub d0: f64,
    /// What the estimates are multiplied by, above 0. Default 1; 0.5 and 2 make steps shorter and
    /// longer.
    pub d_coef: f64,
    /// How much the estimate may grow in one update, as a factor of at least 1. Default infinity.
    pub growth_rate: f64,
    /// Whether the moments are divided by what part of them is not the zeros that they began with.
    /// Default no.
    pub bias_correction: bool,
    /// Whether the rate is left out of the estimate's denominator, as a long warm-up wants it.
    /// Default no.
    pub safeguard_warmup: bool,
}

impl Default for ProdigyConfig {
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            d0: 1e-6,
            d_coef: 1.0,
            growth_rate: f64::INFINITY,
            bias_correction: false,
            safeguard_warmup: false,
        }
    }
}

/// Prodigy: Adam that finds its rate, as an estimate of the distance to the solution.
///
/// ```text
/// n ← √β₂ n + (d/d₀) dη ⟨g, θ₀ - θ⟩                over all parameters
/// s ← √β₂ s + (d/d₀) dη g
/// m ← β₁m + (1 - β₁)dg
/// v ← β₂v + (1 - β₂)d²g²
/// d̂ = n / ‖s‖₁                                     over all parameters
/// d' = max(d, d̂)
/// θ ← (1 - dηλ)θ - dη m / (√v + d'ε)
/// d ← d'
/// ```
///
/// with *β₁* = `beta1`, *β₂* = `beta2`, *ε* = `eps`, *d₀* = `d0`, *η* = [`Step::lr`], *λ* =
/// [`Step::weight_decay`]; *d̂* is multiplied by `d_coef`, and *d* begins with *d₀* and grows by
/// `growth_rate` at most. With `bias_correction` *η* is multiplied by √(1 - *β₂ᵗ*)/(1 - *β₁ᵗ*).
/// *m*, *v*, *s* and the starting point *θ₀* are the slots `first_moment`, `second_moment`,
/// `gradient_sum` and `start`; `distance` holds *d*, its greatest estimate, and *n*, in float64.
/// They are the same for every parameter of the rule.
///
/// ***η* is 1**, or a schedule that begins or falls from there ([`Cosine`](crate::Cosine)); a step
/// at the rate 0 changes nothing. One *d* serves all parameters that share the rule, those of
/// groups with a rule of their own aside. An update takes two passes over memory, one for the sums.
///
/// **Weight decay is decoupled**, and *d* scales it too.
///
/// # Differs from PyTorch
/// PyTorch has none; the values are those of the authors' package `prodigyopt`. It wants one rate
/// in all groups, where here each parameter counts with its own.
///
/// # Differs from the paper
/// `bias_correction`, `growth_rate` and `safeguard_warmup` are the package's.
///
/// # Examples
/// ```
/// use candle_core::{Device, Var};
/// use taper_optim::{Group, Optimizer, OptimizerConfig, Prodigy, ProdigyConfig};
///
/// let x = Var::new(&[30f64, -20.0], &Device::Cpu)?;
/// let group = Group { params: vec![("x".into(), x.clone())], ..Group::default() };
/// let rule = Box::new(Prodigy::new(ProdigyConfig::default())?);
/// let mut optimizer = Optimizer::new(rule, vec![group], OptimizerConfig::default())?;
/// for _ in 0..300 {
///     optimizer.step(&x.sqr()?.sum_all()?.backward()?, 1.0)?;
/// }
/// assert!(x.to_vec1::<f64>()?.iter().all(|x| x.abs() < 3.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// K. Mishchenko, A. Defazio, *Prodigy: An Expeditiously Adaptive Parameter-Free Learner*, 2024.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prodigy {
    config: ProdigyConfig,
    moments: Moments,
}

/// What is known of the distance.
#[derive(Clone, Copy)]
struct Distance {
    /// *d*.
    d: f64,
    /// The greatest estimate.
    greatest: f64,
    /// *n*.
    numerator: f64,
}

impl Prodigy {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when `beta1` or `beta2` is outside [0, 1), `eps`, `d0` or `d_coef`
    /// is not a finite number above 0, or `growth_rate` is below 1.
    pub fn new(config: ProdigyConfig) -> std::result::Result<Self, OptimError> {
        let moments = Moments::new(config.beta1, config.beta2)?;
        for (field, value) in [("eps", config.eps), ("d0", config.d0), ("d_coef", config.d_coef)] {
            require_positive(field, value)?;
        }
        require(config.growth_rate >= 1.0, "growth_rate", "at least 1", config.growth_rate)?;
        Ok(Self { config, moments })
    }

    fn distance(&self, slot: &Var, step: Step) -> Result<Distance> {
        if step.t == 1 {
            return Ok(Distance { d: self.config.d0, greatest: self.config.d0, numerator: 0.0 });
        }
        let [d, greatest, numerator] = slot.to_vec1::<f64>()?[..] else {
            bail!("the slot {DISTANCE} holds three numbers");
        };
        Ok(Distance { d, greatest, numerator })
    }

    /// The estimate after this update; nothing while no gradient has been other than 0.
    fn next(&self, old: Distance, [progress, length]: [f64; 2]) -> Option<Distance> {
        let numerator = old.numerator * self.config.beta2.sqrt() + progress;
        let estimate = self.config.d_coef * numerator / length;
        let d = if old.d == self.config.d0 { old.d.max(estimate) } else { old.d };
        let greatest = old.greatest.max(estimate);
        let d = greatest.min(d * self.config.growth_rate);
        (length > 0.0).then_some(Distance { d, greatest, numerator })
    }

    /// *dη*, corrected for the start of the moments.
    fn rate(&self, d: f64, step: Step) -> f64 {
        let [first, second] = self.moments.at(step).corrections(step.t);
        let correction = if self.config.bias_correction { second.sqrt() / first } else { 1.0 };
        d * step.lr * correction
    }

    /// How much of a gradient enters *s*.
    fn entering(&self, d: f64, rate: f64) -> f64 {
        d / self.config.d0 * if self.config.safeguard_warmup { d } else { rate }
    }
}

impl UpdateRule for Prodigy {
    fn slots(&self) -> &[&'static str] {
        &["first_moment", "second_moment", "gradient_sum", "start", DISTANCE]
    }

    fn new_slot(&self, slot: &str, theta: &Var) -> Result<Var> {
        if slot == DISTANCE {
            return Var::zeros(3, DType::F64, &Device::Cpu);
        }
        Var::zeros(theta.shape(), theta.dtype(), theta.device())
    }

    fn has_momentum(&self) -> bool {
        true
    }

    fn needs_sums(&self) -> bool {
        true
    }

    /// ⟨*g*, *θ₀* - *θ*⟩(*d*/*d₀*)*dη* and ‖*s*‖₁.
    fn sums(&self, theta: &Var, grad: &Tensor, factor: f64, slots: &[Var], step: Step) -> Result<[f64; 2]> {
        let [_, _, sum, start, distance] = slots else {
            bail!("Prodigy keeps {} slots, got {}", self.slots().len(), slots.len());
        };
        let Distance { d, .. } = self.distance(distance, step)?;
        let rate = self.rate(d, step);
        let grad = (in_f64(grad)? * factor)?;
        let way = if step.t == 1 { grad.zeros_like()? } else { (in_f64(start)? - in_f64(theta)?)? };
        let along = (way * &grad)?.sum_all()?.to_scalar::<f64>()?;
        let sum = ((in_f64(sum)? * self.config.beta2.sqrt())? + (grad * self.entering(d, rate))?)?;
        Ok([d / self.config.d0 * rate * along, sum.abs()?.sum_all()?.to_scalar()?])
    }

    fn update(&self, theta: &Var, grad: &Tensor, slots: &[Var], step: Step) -> Result<()> {
        self.update_scaled(theta, grad, 1.0, slots, step)
    }

    fn update_scaled(&self, theta: &Var, grad: &Tensor, factor: f64, slots: &[Var], step: Step) -> Result<()> {
        let [_, _, _, start, distance] = slots else {
            bail!("Prodigy keeps {} slots, got {}", self.slots().len(), slots.len());
        };
        let old = self.distance(distance, step)?;
        let sums = step.sums.map_or_else(|| self.sums(theta, grad, factor, slots, step), Ok)?;
        let new = self.next(old, sums).filter(|_| step.lr > 0.0);
        let Distance { d, greatest, numerator } = new.unwrap_or(old);
        distance.set(&Tensor::new(&[d, greatest, numerator], &Device::Cpu)?)?;
        if new.is_none() {
            return if step.t == 1 { start.set(&theta.as_detached_tensor()) } else { Ok(()) };
        }
        let rate = self.rate(old.d, step);
        Tensors::new(theta, grad, factor, &slots[..4]).each(ProdigyUpdate {
            moments: self.moments.at(step),
            first: step.t == 1,
            d: old.d,
            sum_kept: self.config.beta2.sqrt(),
            entering: self.entering(old.d, rate),
            eps: d * self.config.eps,
            kept: 1.0 - rate * step.weight_decay,
            rate,
        })
    }
}

/// One update.
#[derive(Clone, Copy)]
struct ProdigyUpdate {
    moments: Moments,
    /// Whether the start is here.
    first: bool,
    /// *d* before.
    d: f64,
    /// √*β₂*.
    sum_kept: f64,
    /// What a gradient is multiplied by in *s*.
    entering: f64,
    /// *d'ε*.
    eps: f64,
    /// 1 - *dηλ*.
    kept: f64,
    /// *dη*.
    rate: f64,
}

impl Formula<4> for ProdigyUpdate {
    #[inline]
    fn apply<T: Number>(self, theta: T, grad: T, [m, v, sum, start]: [T; 4]) -> (T, [T; 4]) {
        // A product is a value of its own, whose tensor no slot shares.
        let start = if self.first { theta.clone() } else { start } * 1.0;
        let sum = sum * self.sum_kept + grad.clone() * self.entering;
        let [m, v] = self.moments.next(grad * self.d, [m, v]);
        let theta = theta * self.kept - m.clone() / (v.clone().sqrt() + self.eps) * self.rate;
        (theta, [m, v, sum, start])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::twins;

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let config = ProdigyConfig::default();
        for (field, config) in [
            ("beta1", ProdigyConfig { beta1: 1.0, ..config }),
            ("beta2", ProdigyConfig { beta2: -0.1, ..config }),
            ("eps", ProdigyConfig { eps: 0.0, ..config }),
            ("d0", ProdigyConfig { d0: 0.0, ..config }),
            ("d_coef", ProdigyConfig { d_coef: f64::INFINITY, ..config }),
            ("growth_rate", ProdigyConfig { growth_rate: 0.9, ..config }),
        ] {
            let said = Prodigy::new(config).unwrap_err().to_string();
            assert!(said.starts_with(field), "{said}");
        }
    }

    #[test]
    fn nothing_moves_without_a_gradient_or_at_the_rate_zero() -> Result<()> {
        let rule = Prodigy::new(ProdigyConfig::default()).unwrap();
        for (grad, lr) in [(0f64, 1.0), (1.0, 0.0)] {
            let theta = Var::new(&[3f64], &Device::Cpu)?;
            let slots = rule.slots().iter().map(|slot| rule.new_slot(slot, &theta)).collect::<Result<Vec<_>>>()?;
            let step = Step { lr, weight_decay: 0.1, ..Step::default() };
            rule.update(&theta, &Tensor::new(&[grad], &Device::Cpu)?, &slots, step)?;
            assert_eq!(theta.to_vec1::<f64>()?, [3.0]);
            assert_eq!(slots[4].to_vec1::<f64>()?, [1e-6, 1e-6, 0.0]);
        }
        Ok(())
    }

    #[test]
    fn one_pass_and_candles_operations_agree() -> Result<()> {
        twins::agree(&Prodigy::new(ProdigyConfig::default()).unwrap())
    }
}
