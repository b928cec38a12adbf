use candle_core::{Result, Tensor, Var};

use crate::engine::elementwise::{Elementwise, Tensors, elementwise};
use crate::error::OptimError;
use crate::rule::Step;
use crate::rules::decay::Decay;
use crate::rules::radam::{RAdam, RAdamConfig};

/// The settings of [`RAdamW`], which are those of [`RAdam`](crate::RAdam).
pub type RAdamWConfig = RAdamConfig;

/// RAdam with decoupled weight decay: Adam that trusts its second moment only as far as it has seen
/// enough gradients.
///
/// ```text
/// θ ← (1 - ηλ)θ
/// m ← β₁m + (1 - β₁)g
/// v ← β₂v + (1 - β₂)g²
/// m̂ = m / (1 - β₁ᵗ)
/// θ ← θ - η m̂                                   for ρ ≤ 5
/// θ ← θ - η r m̂ √(1 - β₂ᵗ) / (√v + ε)           for ρ > 5
/// ```
///
/// with *β₁* = `beta1`, *β₂* = `beta2`, *ε* = `eps`, *t* = [`Step::t`], *η* = [`Step::lr`],
/// *λ* = [`Step::weight_decay`], and *ρ* and *r* as in [`RAdam`](crate::RAdam). The usual *η* is
/// 1e-3.
///
/// **Weight decay is decoupled**: it never enters the moments, and *η* scales it. This is PyTorch's
/// `RAdam` with `decoupled_weight_decay`.
///
/// # Differs from PyTorch
/// `eps` = 0 is refused.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor, Var};
/// use taper_optim::{RAdamW, RAdamWConfig, Step, UpdateRule};
///
/// let rule = RAdamW::new(RAdamWConfig::default())?;
/// let theta = Var::new(&[1f64], &Device::Cpu)?;
/// let slots = [Var::zeros(1, DType::F64, &Device::Cpu)?, Var::zeros(1, DType::F64, &Device::Cpu)?];
/// let grad = Tensor::new(&[3f64], &Device::Cpu)?;
/// rule.update(&theta, &grad, &slots, Step { lr: 0.1, weight_decay: 0.5, ..Step::default() })?;
/// assert!((theta.to_vec1::<f64>()?[0] - 0.65).abs() < 1e-9);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// - L. Liu et al., *On the Variance of the Adaptive Learning Rate and Beyond*, 2020.
/// - I. Loshchilov, F. Hutter, *Decoupled Weight Decay Regularization*, 2019.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RAdamW {
    rule: RAdam,
}

impl RAdamW {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when `beta1` or `beta2` is outside [0, 1), or `eps` is not a
    /// finite number above 0.
    pub fn new(config: RAdamWConfig) -> std::result::Result<Self, OptimError> {
        Ok(Self { rule: RAdam::new(config)? })
    }
}

elementwise!(RAdamW);

impl Elementwise for RAdamW {
    fn names(&self) -> &'static [&'static str] {
        self.rule.names()
    }

    fn follows_momentum(&self) -> bool {
        self.rule.follows_momentum()
    }

    fn run(&self, tensors: &Tensors<'_>, step: Step) -> Result<()> {
        self.rule.descend(tensors, step, Decay::decoupled(step))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::twins;

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let said = RAdamW::new(RAdamWConfig { eps: 0.0, ..RAdamWConfig::default() }).unwrap_err().to_string();
        assert_eq!(said, "eps must be finite and above 0, got 0");
    }

    #[test]
    fn one_pass_and_candles_operations_agree() -> Result<()> {
        twins::agree(&RAdamW::new(RAdamWConfig { beta2: 0.9, ..RAdamWConfig::default() }).unwrap())
    }
}
