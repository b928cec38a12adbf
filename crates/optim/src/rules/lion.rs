use candle_core::{Result, Tensor, Var};
use serde::{Deserialize, Serialize};

use crate::engine::elementwise::{Elementwise, Tensors, elementwise};
use crate::engine::number::Number;
use crate::engine::part::Formula;
use crate::error::{OptimError, require_fraction};
use crate::rule::Step;

/// The settings of [`Lion`]; the defaults are the paper's.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LionConfig {
    /// *β₁*: the weight of the momentum against the new gradient in the step, in [0, 1). Default
    /// 0.9.
    pub beta1: f64,
    /// *β₂*: the fraction of the momentum that survives an update, in [0, 1). Default 0.99.
    pub beta2: f64,
}

impl Default for LionConfig {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.99 }
    }
}

/// Lion: every coordinate steps by exactly the learning rate, in the direction that momentum and
/// gradient agree on.
///
/// ```text
/// θ ← (1 - ηλ)θ
/// θ ← θ - η sign(β₁m + (1 - β₁)g)
/// m ← β₂m + (1 - β₂)g
/// ```
///
/// with *β₁* = `beta1`, *β₂* = `beta2`, *η* = [`Step::lr`], *λ* = [`Step::weight_decay`]. The
/// momentum *m* is the slot `momentum`, half of what Adam remembers. The sign of 0 is 0.
///
/// **Weight decay is decoupled**: it never enters the momentum, and *η* scales it. As all steps
/// have full length, *η* is usually 3 to 10 times smaller than for [`AdamW`](crate::AdamW), 1e-4
/// from scratch, and *λ* as many times larger. Weights end up between -1/*λ* and 1/*λ*.
///
/// # Differs from PyTorch
/// PyTorch has no Lion.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor, Var};
/// use taper_optim::{Lion, LionConfig, Step, UpdateRule};
///
/// let lion = Lion::new(LionConfig::default())?;
/// let theta = Var::new(&[1f64, 1.0, 1.0], &Device::Cpu)?;
/// let slots = [Var::zeros(3, DType::F64, &Device::Cpu)?];
/// let grad = Tensor::new(&[1000f64, -0.001, 0.0], &Device::Cpu)?;
/// lion.update(&theta, &grad, &slots, Step { t: 1, lr: 0.125, weight_decay: 0.0, ..Step::default() })?;
/// assert_eq!(theta.to_vec1::<f64>()?, [0.875, 1.125, 1.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// X. Chen et al., *Symbolic Discovery of Optimization Algorithms*, 2023.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lion {
    config: LionConfig,
}

impl Lion {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when `beta1` or `beta2` is outside [0, 1).
    pub fn new(config: LionConfig) -> std::result::Result<Self, OptimError> {
        require_fraction("beta1", config.beta1)?;
        require_fraction("beta2", config.beta2)?;
        Ok(Self { config })
    }
}

elementwise!(Lion);

impl Elementwise for Lion {
    fn names(&self) -> &'static [&'static str] {
        &["momentum"]
    }

    fn follows_momentum(&self) -> bool {
        true
    }

    fn run(&self, tensors: &Tensors<'_>, step: Step) -> Result<()> {
        let beta1 = step.momentum.unwrap_or(self.config.beta1);
        tensors.each(LionUpdate { config: LionConfig { beta1, ..self.config }, step })
    }
}

/// One update.
#[derive(Clone, Copy)]
struct LionUpdate {
    config: LionConfig,
    step: Step,
}

impl Formula<1> for LionUpdate {
    #[inline]
    fn apply<T: Number>(self, theta: T, grad: T, [m]: [T; 1]) -> (T, [T; 1]) {
        let LionConfig { beta1, beta2 } = self.config;
        let Step { lr, weight_decay, .. } = self.step;
        let direction = (m.clone() * beta1 + grad.clone() * (1.0 - beta1)).sign();
        let m = m * beta2 + grad * (1.0 - beta2);
        (theta * (1.0 - lr * weight_decay) - direction * lr, [m])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::twins;

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let config = LionConfig::default();
        for (field, config) in
            [("beta1", LionConfig { beta1: 1.0, ..config }), ("beta2", LionConfig { beta2: -0.1, ..config })]
        {
            let said = Lion::new(config).unwrap_err().to_string();
            assert!(said.starts_with(field), "{said}");
        }
    }

    #[test]
    fn one_pass_and_candles_operations_agree() -> Result<()> {
        twins::agree(&Lion::new(LionConfig::default()).unwrap())
    }
}
