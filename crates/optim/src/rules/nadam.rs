use candle_core::{Result, Tensor, Var};
use serde::{Deserialize, Serialize};

use crate::engine::elementwise::{Elementwise, Tensors, elementwise};
use crate::engine::number::Number;
use crate::engine::part::Formula;
use crate::error::{OptimError, require_not_negative, require_positive};
use crate::rule::Step;
use crate::rules::decay::Decay;
use crate::rules::moments::Moments;

/// The settings of [`NAdam`]; the defaults are PyTorch's.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct NAdamConfig {
    /// *β₁*: the fraction of the first moment that survives an update, in [0, 1). Default 0.9.
    pub beta1: f64,
    /// *β₂*: the fraction of the second moment that survives an update, in [0, 1). Default 0.999.
    pub beta2: f64,
    /// *ε*: added to the root of the second moment; above 0. Default 1e-8.
    pub eps: f64,
    /// *ψ*: how fast the momentum grows from *β₁*/2 to *β₁*, 0 or more. Default 0.004.
    pub momentum_decay: f64,
}

impl Default for NAdamConfig {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-8, momentum_decay: 0.004 }
    }
}

/// NAdam: Adam with Nesterov's look-ahead in its momentum, which grows over the run.
///
/// ```text
/// g ← g + λθ
/// μₜ = β₁(1 - 0.96^(ψt) / 2)        Πₜ = μ₁μ₂...μₜ
/// m ← β₁m + (1 - β₁)g
/// v ← β₂v + (1 - β₂)g²
/// m̄ = (1 - μₜ)/(1 - Πₜ) g + μₜ₊₁/(1 - Πₜ₊₁) m
/// θ ← θ - η m̄ / (√(v / (1 - β₂ᵗ)) + ε)
/// ```
///
/// with *β₁* = `beta1`, *β₂* = `beta2`, *ε* = `eps`, *ψ* = `momentum_decay`, *t* = [`Step::t`], *η*
/// = [`Step::lr`], *λ* = [`Step::weight_decay`]. The moments *m* and *v* are the slots
/// `first_moment` and `second_moment`. *Πₜ* is a function of *t* alone and no part of the state; it
/// is rounded to float32 after each factor, as PyTorch does for parameters of any type.
///
/// **Weight decay is coupled**: it is divided by √*v* like the rest of the gradient. The usual *η*
/// is 2e-3.
///
/// # Differs from PyTorch
/// `eps` = 0 is refused. Decoupled decay is [`NAdamW`](crate::NAdamW).
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor, Var};
/// use taper_optim::{NAdam, NAdamConfig, Step, UpdateRule};
///
/// let rule = NAdam::new(NAdamConfig::default())?;
/// let theta = Var::new(&[1f64, 1.0], &Device::Cpu)?;
/// let slots = [Var::zeros(2, DType::F64, &Device::Cpu)?, Var::zeros(2, DType::F64, &Device::Cpu)?];
/// let grad = Tensor::new(&[1000f64, -0.001], &Device::Cpu)?;
/// rule.update(&theta, &grad, &slots, Step { t: 1, lr: 0.1, weight_decay: 0.0, ..Step::default() })?;
/// let theta = theta.to_vec1::<f64>()?; // a little more than a whole step, whatever the scale
/// assert!((theta[0] - 0.894).abs() < 1e-3 && (theta[1] - 1.106).abs() < 1e-3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// T. Dozat, *Incorporating Nesterov Momentum into Adam*, 2016.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NAdam {
    config: NAdamConfig,
    moments: Moments,
}

impl NAdam {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when `beta1` or `beta2` is outside [0, 1), `eps` is not a finite
    /// number above 0, or `momentum_decay` is negative or not finite.
    pub fn new(config: NAdamConfig) -> std::result::Result<Self, OptimError> {
        let moments = Moments::new(config.beta1, config.beta2)?;
        require_positive("eps", config.eps)?;
        require_not_negative("momentum_decay", config.momentum_decay)?;
        Ok(Self { config, moments })
    }

    /// One update of every element.
    pub(crate) fn descend(&self, tensors: &Tensors<'_>, step: Step, decay: Decay) -> Result<()> {
        let [_, second] = self.moments.corrections(step.t);
        let (product, next) = (self.product(step.t), self.momentum(step.t + 1));
        tensors.each(NAdamUpdate {
            moments: self.moments,
            decay,
            root_correction: 1.0 / second.sqrt(),
            eps: self.config.eps,
            grad_rate: step.lr * (1.0 - self.momentum(step.t)) / (1.0 - product),
            moment_rate: step.lr * next / (1.0 - product * next),
        })
    }

    /// *μₜ*.
    fn momentum(&self, t: u64) -> f64 {
        self.config.beta1 * (1.0 - 0.5 * 0.96f64.powf(t as f64 * self.config.momentum_decay))
    }

    /// *Πₜ*, or 0 once 1 - *Πₜ* is 1: after 48 factors with the default settings, after 37/(1 -
    /// *β₁*) at most.
    fn product(&self, t: u64) -> f64 {
        let mut product = 1f32;
        for i in 1..=t {
            product *= self.momentum(i) as f32;
            if 1.0 - f64::from(product) == 1.0 {
                return 0.0;
            }
        }
        f64::from(product)
    }
}

elementwise!(NAdam);

impl Elementwise for NAdam {
    fn names(&self) -> &'static [&'static str] {
        Moments::SLOTS
    }

    fn run(&self, tensors: &Tensors<'_>, step: Step) -> Result<()> {
        self.descend(tensors, step, Decay::coupled(step))
    }
}

/// One update.
#[derive(Clone, Copy)]
struct NAdamUpdate {
    moments: Moments,
    decay: Decay,
    /// 1 / √(1 - *β₂ᵗ*).
    root_correction: f64,
    eps: f64,
    /// *η*(1 - *μₜ*)/(1 - *Πₜ*).
    grad_rate: f64,
    /// *ημₜ₊₁*/(1 - *Πₜ₊₁*).
    moment_rate: f64,
}

impl Formula<2> for NAdamUpdate {
    #[inline]
    fn apply<T: Number>(self, theta: T, grad: T, moments: [T; 2]) -> (T, [T; 2]) {
        let grad = grad.plus(self.decay.coupled, &theta);
        let [m, v] = self.moments.next(grad.clone(), moments);
        let ahead = grad * self.grad_rate + m.clone() * self.moment_rate;
        (theta * self.decay.kept - ahead / (v.clone().sqrt() * self.root_correction + self.eps), [m, v])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::twins;

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let config = NAdamConfig::default();
        for (field, config) in [
            ("beta1", NAdamConfig { beta1: 1.0, ..config }),
            ("beta2", NAdamConfig { beta2: f64::NAN, ..config }),
            ("eps", NAdamConfig { eps: 0.0, ..config }),
            ("momentum_decay", NAdamConfig { momentum_decay: -1.0, ..config }),
        ] {
            let said = NAdam::new(config).unwrap_err().to_string();
            assert!(said.starts_with(field), "{said}");
        }
    }

    #[test]
    fn the_product_is_cut_off_where_it_no_longer_counts() {
        for (beta1, momentum_decay) in [(0.9, 0.004), (0.99, 1.0), (0.0, 0.004)] {
            let rule = NAdam::new(NAdamConfig { beta1, momentum_decay, ..NAdamConfig::default() }).unwrap();
            let mut product = 1f32;
            for t in 1..10_000 {
                product *= rule.momentum(t) as f32;
                assert_eq!(1.0 - rule.product(t), 1.0 - f64::from(product), "{beta1} at {t}");
            }
        }
    }

    #[test]
    fn one_pass_and_candles_operations_agree() -> Result<()> {
        twins::agree(&NAdam::new(NAdamConfig::default()).unwrap())
    }
}
