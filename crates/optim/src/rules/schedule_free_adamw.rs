use candle_core::{DType, Device, Result, Tensor, Var, bail};
use serde::{Deserialize, Serialize};

use crate::engine::elementwise::Tensors;
use crate::engine::number::Number;
use crate::engine::part::Formula;
use crate::error::{OptimError, require, require_fraction, require_not_negative, require_positive};
use crate::rule::{Step, UpdateRule};

/// Where the greatest rate and the sum of the weights are kept.
const WEIGHTS: &str = "weights";

/// The settings of [`ScheduleFreeAdamW`]; the defaults are those of the authors' implementation.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleFreeAdamWConfig {
    /// *β₁*: how far gradients are taken from *z* toward the average *x*, in (0, 1). Default 0.9.
    pub beta1: f64,
    /// *β₂*: the fraction of the second moment that survives an update, in [0, 1). Default 0.999.
    pub beta2: f64,
    /// *ε*: added to the root of the second moment; above 0. Default 1e-8.
    pub eps: f64,
    /// *r*: later iterates count *tʳ* times in the average; 0 or more. Default 0.
    pub r: f64,
    /// *p*: iterates count in proportion to this power of the greatest rate so far, so that those
    /// of a warm-up count little; 0 or more. Default 2.
    pub weight_lr_power: f64,
}

impl Default for ScheduleFreeAdamWConfig {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-8, r: 0.0, weight_lr_power: 2.0 }
    }
}

/// Schedule-free AdamW: an average of iterates in the place of a rate that falls.
///
/// ```text
/// v ← β₂v + (1 - β₂)g²            g: the gradient at y
/// d = g / (√(v / (1 - β₂ᵗ)) + ε) + λy
/// z ← z - ηd
/// w = tʳ·max(η₁, ..., ηₜ)ᵖ         c = w / (sum of all w)
/// x ← (1 - c)x + cz
/// y = (1 - β₁)z + β₁x
/// ```
///
/// with *β₁* = `beta1`, *β₂* = `beta2`, *ε* = `eps`, *r* = `r`, *p* = `weight_lr_power`,
/// *t* = [`Step::t`], *η* = [`Step::lr`], *λ* = [`Step::weight_decay`]. The parameter *θ* is *y*,
/// where gradients are taken; *z* is the slot `base_iterate` and *v* the slot `second_moment`. The
/// slot `weights` holds max *η* and the sum of all *w* in float64. *x* is not stored:
/// [`Optimizer::evaluation`](crate::Optimizer::evaluation) puts it into the model, where validation
/// and the final weights want it. Running statistics of batch norm belong to *y*; compute them anew
/// for *x*.
///
/// The rate stays constant, after a warm-up at most ([`Warmup`](crate::Warmup) in front of
/// [`Constant`](crate::Constant)), and is 1 to 10 times that of AdamW with a schedule.
///
/// **Weight decay is decoupled** from the moment and taken at *y*.
///
/// # Differs from PyTorch
/// PyTorch has none; the values are those of the authors' package `schedulefree`, whose
/// `warmup_steps` is here the schedule's part.
///
/// # Differs from the paper
/// The paper weights an iterate by the square of its own *η*; the package, and so this, by that of
/// the greatest *η* so far.
///
/// # Examples
/// ```
/// use candle_core::{Device, Tensor, Var};
/// use taper_optim::{ScheduleFreeAdamW, ScheduleFreeAdamWConfig, Step, UpdateRule};
///
/// let rule = ScheduleFreeAdamW::new(ScheduleFreeAdamWConfig::default())?;
/// let theta = Var::new(&[1f64], &Device::Cpu)?;
/// let slots: Vec<Var> = rule.slots().iter().map(|slot| rule.new_slot(slot, &theta)).collect::<Result<_, _>>()?;
/// let grad = Tensor::new(&[1000f64], &Device::Cpu)?;
/// for t in 1..=3 {
///     rule.update(&theta, &grad, &slots, Step { t, lr: 0.1, ..Step::default() })?;
/// }
/// let x = rule.evaluated(&theta, &slots)?.map(|x| x.to_vec1::<f64>()).transpose()?;
/// assert!((x.unwrap_or_default()[0] - 0.8).abs() < 1e-9); // the mean of 0.9, 0.8 and 0.7
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// A. Defazio et al., *The Road Less Scheduled*, 2024.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScheduleFreeAdamW {
    config: ScheduleFreeAdamWConfig,
}

impl ScheduleFreeAdamW {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when `beta1` is outside (0, 1), `beta2` outside [0, 1), `eps` is not
    /// a finite number above 0, or `r` or `weight_lr_power` is negative or not finite.
    pub fn new(config: ScheduleFreeAdamWConfig) -> std::result::Result<Self, OptimError> {
        let ScheduleFreeAdamWConfig { beta1, beta2, eps, r, weight_lr_power } = config;
        require(beta1 > 0.0 && beta1 < 1.0, "beta1", "in (0, 1)", beta1)?;
        require_fraction("beta2", beta2)?;
        require_positive("eps", eps)?;
        require_not_negative("r", r)?;
        require_not_negative("weight_lr_power", weight_lr_power)?;
        Ok(Self { config })
    }

    /// *c*: how much the iterate of this update counts in the average; the sum goes on in
    /// `weights`.
    fn share(&self, weights: &Var, step: Step) -> Result<f64> {
        let [greatest, sum] = weights.to_vec1::<f64>()?[..] else {
            bail!("the slot {WEIGHTS} holds two numbers");
        };
        let greatest = step.lr.max(greatest);
        let weight = (step.t as f64).powf(self.config.r) * greatest.powf(self.config.weight_lr_power);
        let sum = sum + weight;
        weights.set(&Tensor::new(&[greatest, sum], &Device::Cpu)?)?;
        Ok(if sum > 0.0 { weight / sum } else { 0.0 })
    }
}

impl UpdateRule for ScheduleFreeAdamW {
    fn slots(&self) -> &[&'static str] {
        &["second_moment", "base_iterate", WEIGHTS]
    }

    fn new_slot(&self, slot: &str, theta: &Var) -> Result<Var> {
        if slot == WEIGHTS {
            return Var::zeros(2, DType::F64, &Device::Cpu);
        }
        Var::zeros(theta.shape(), theta.dtype(), theta.device())
    }

    fn update(&self, theta: &Var, grad: &Tensor, slots: &[Var], step: Step) -> Result<()> {
        self.update_scaled(theta, grad, 1.0, slots, step)
    }

    fn update_scaled(&self, theta: &Var, grad: &Tensor, factor: f64, slots: &[Var], step: Step) -> Result<()> {
        let [moments @ .., weights] = slots else {
            bail!("schedule-free AdamW keeps {} slots, got none", self.slots().len());
        };
        let share = self.share(weights, step)?;
        let second = 1.0 - self.config.beta2.powf(step.t as f64);
        Tensors::new(theta, grad, factor, moments).each(ScheduleFreeUpdate {
            beta2: self.config.beta2,
            root_correction: 1.0 / second.sqrt(),
            eps: self.config.eps,
            step,
            share,
            rate: step.lr * (self.config.beta1 * (1.0 - share) - 1.0),
        })
    }

    fn evaluated(&self, theta: &Var, slots: &[Var]) -> Result<Option<Tensor>> {
        let [_, base, _] = slots else {
            bail!("schedule-free AdamW keeps {} slots, got {}", self.slots().len(), slots.len());
        };
        let y = theta.as_detached_tensor();
        let toward = ((base.as_detached_tensor() - &y)? * (1.0 - 1.0 / self.config.beta1))?;
        Ok(Some((y + toward)?))
    }
}

/// One update.
#[derive(Clone, Copy)]
struct ScheduleFreeUpdate {
    beta2: f64,
    /// 1 / √(1 - *β₂ᵗ*).
    root_correction: f64,
    eps: f64,
    step: Step,
    /// *c*.
    share: f64,
    /// *η*(*β₁*(1 - *c*) - 1): how far the direction itself moves *y*.
    rate: f64,
}

impl Formula<2> for ScheduleFreeUpdate {
    #[inline]
    fn apply<T: Number>(self, y: T, grad: T, [v, z]: [T; 2]) -> (T, [T; 2]) {
        let z = if self.step.t == 1 { y.clone() } else { z };
        let v = v * self.beta2 + grad.clone().square() * (1.0 - self.beta2);
        let adam = grad / (v.clone().sqrt() * self.root_correction + self.eps);
        let direction = adam.plus(self.step.weight_decay, &y);
        let averaged = y.clone() + (z.clone() - y) * self.share;
        (averaged + direction.clone() * self.rate, [v, z - direction * self.step.lr])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::twins;

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let config = ScheduleFreeAdamWConfig::default();
        for (field, config) in [
            ("beta1", ScheduleFreeAdamWConfig { beta1: 0.0, ..config }),
            ("beta2", ScheduleFreeAdamWConfig { beta2: 1.0, ..config }),
            ("eps", ScheduleFreeAdamWConfig { eps: 0.0, ..config }),
            ("r", ScheduleFreeAdamWConfig { r: -1.0, ..config }),
            ("weight_lr_power", ScheduleFreeAdamWConfig { weight_lr_power: f64::NAN, ..config }),
        ] {
            let said = ScheduleFreeAdamW::new(config).unwrap_err().to_string();
            assert!(said.starts_with(field), "{said}");
        }
    }

    #[test]
    fn the_rate_zero_counts_nothing() -> Result<()> {
        let rule = ScheduleFreeAdamW::new(ScheduleFreeAdamWConfig::default()).unwrap();
        let weights = Var::zeros(2, DType::F64, &Device::Cpu)?;
        let share = |lr| rule.share(&weights, Step { lr, ..Step::default() });
        assert_eq!([share(0.0)?, share(0.5)?, share(0.5)?, share(0.0)?], [0.0, 1.0, 0.5, 1.0 / 3.0]);
        Ok(())
    }

    #[test]
    fn one_pass_and_candles_operations_agree() -> Result<()> {
        twins::agree(&ScheduleFreeAdamW::new(ScheduleFreeAdamWConfig::default()).unwrap())
    }
}
