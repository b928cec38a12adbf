use candle_core::{Result, Tensor, Var};
use serde::{Deserialize, Serialize};

use crate::engine::elementwise::{Elementwise, Tensors, elementwise};
use crate::engine::number::Number;
use crate::engine::part::Formula;
use crate::error::{OptimError, require_fraction, require_positive};
use crate::rule::Step;

/// The settings of [`AdaDelta`]; the defaults are PyTorch's.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdaDeltaConfig {
    /// *ρ*: the fraction of both means that survives an update, in [0, 1). Default 0.9; the paper
    /// has 0.95.
    pub rho: f64,
    /// *ε*: added to both means under the root; above 0. It sets the length of the first steps.
    /// Default 1e-6, the paper's.
    pub eps: f64,
}

impl Default for AdaDeltaConfig {
    fn default() -> Self {
        Self { rho: 0.9, eps: 1e-6 }
    }
}

/// AdaDelta: steps as long as the recent steps, in the proportion of the gradient to the recent
/// gradients, so that the units of parameter and loss cancel.
///
/// ```text
/// g ← g + λθ
/// v ← ρv + (1 - ρ)g²
/// δ = √(u + ε) / √(v + ε) · g
/// u ← ρu + (1 - ρ)δ²
/// θ ← θ - ηδ
/// ```
///
/// with *ρ* = `rho`, *ε* = `eps`, *η* = [`Step::lr`], *λ* = [`Step::weight_decay`]. The mean *v* of
/// the squared gradients is the slot `second_moment`, the mean *u* of the squared steps is the slot
/// `squared_steps`.
///
/// The paper has no learning rate: that is *η* = 1. As *u* starts from 0, the first steps are about
/// √*ε*/√(1 - *ρ*), 0.003 by default, and grow from there.
///
/// **Weight decay is coupled**: it is divided by √(*v* + *ε*) like the rest of the gradient.
///
/// # Differs from PyTorch
/// `eps` = 0, with which no step is ever taken, and `rho` = 1 are refused.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor, Var};
/// use taper_optim::{AdaDelta, AdaDeltaConfig, Step, UpdateRule};
///
/// let rule = AdaDelta::new(AdaDeltaConfig { rho: 0.75, eps: 1e-6 })?;
/// let theta = Var::new(&[1f64, 1.0], &Device::Cpu)?;
/// let slots = [Var::zeros(2, DType::F64, &Device::Cpu)?, Var::zeros(2, DType::F64, &Device::Cpu)?];
/// let grad = Tensor::new(&[10f64, -1000.0], &Device::Cpu)?;
/// rule.update(&theta, &grad, &slots, Step { t: 1, lr: 1.0, weight_decay: 0.0, ..Step::default() })?;
/// let theta = theta.to_vec1::<f64>()?; // 1 ∓ √1e-6 / √0.25
/// assert!((theta[0] - 0.998).abs() < 1e-9 && (theta[1] - 1.002).abs() < 1e-9);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// M. D. Zeiler, *ADADELTA: An Adaptive Learning Rate Method*, 2012.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdaDelta {
    config: AdaDeltaConfig,
}

impl AdaDelta {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when `rho` is outside [0, 1), or `eps` is not a finite number
    /// above 0.
    pub fn new(config: AdaDeltaConfig) -> std::result::Result<Self, OptimError> {
        require_fraction("rho", config.rho)?;
        require_positive("eps", config.eps)?;
        Ok(Self { config })
    }
}

elementwise!(AdaDelta);

impl Elementwise for AdaDelta {
    fn names(&self) -> &'static [&'static str] {
        &["second_moment", "squared_steps"]
    }

    fn run(&self, tensors: &Tensors<'_>, step: Step) -> Result<()> {
        tensors.each(AdaDeltaUpdate { config: self.config, step })
    }
}

/// One update.
#[derive(Clone, Copy)]
struct AdaDeltaUpdate {
    config: AdaDeltaConfig,
    step: Step,
}

impl Formula<2> for AdaDeltaUpdate {
    #[inline]
    fn apply<T: Number>(self, theta: T, grad: T, [v, u]: [T; 2]) -> (T, [T; 2]) {
        let AdaDeltaConfig { rho, eps } = self.config;
        let grad = grad.plus(self.step.weight_decay, &theta);
        let v = v * rho + grad.clone().square() * (1.0 - rho);
        let delta = (u.clone() + eps).sqrt() / (v.clone() + eps).sqrt() * grad;
        let u = u * rho + delta.clone().square() * (1.0 - rho);
        (theta - delta * self.step.lr, [v, u])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::twins;

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let config = AdaDeltaConfig::default();
        for (field, config) in
            [("rho", AdaDeltaConfig { rho: 1.0, ..config }), ("eps", AdaDeltaConfig { eps: -1e-6, ..config })]
        {
            let said = AdaDelta::new(config).unwrap_err().to_string();
            assert!(said.starts_with(field), "{said}");
        }
    }

    #[test]
    fn one_pass_and_candles_operations_agree() -> Result<()> {
        twins::agree(&AdaDelta::new(AdaDeltaConfig::default()).unwrap())
    }
}
