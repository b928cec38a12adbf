use candle_core::{Result, Tensor, Var};

use crate::engine::elementwise::{Elementwise, Tensors, elementwise};
use crate::error::OptimError;
use crate::rule::Step;
use crate::rules::decay::Decay;
use crate::rules::nadam::{NAdam, NAdamConfig};

/// The settings of [`NAdamW`], which are those of [`NAdam`](crate::NAdam).
pub type NAdamWConfig = NAdamConfig;

/// NAdam with decoupled weight decay: Adam with Nesterov's look-ahead in a momentum that grows.
///
/// ```text
/// θ ← (1 - ηλ)θ
/// μₜ = β₁(1 - 0.96^(ψt) / 2)        Πₜ = μ₁μ₂...μₜ
/// m ← β₁m + (1 - β₁)g
/// v ← β₂v + (1 - β₂)g²
/// m̄ = (1 - μₜ)/(1 - Πₜ) g + μₜ₊₁/(1 - Πₜ₊₁) m
/// θ ← θ - η m̄ / (√(v / (1 - β₂ᵗ)) + ε)
/// ```
///
/// with *β₁* = `beta1`, *β₂* = `beta2`, *ε* = `eps`, *ψ* = `momentum_decay`, *t* = [`Step::t`],
/// *η* = [`Step::lr`], *λ* = [`Step::weight_decay`], and all but the decay as in
/// [`NAdam`](crate::NAdam). The usual *η* is 2e-3.
///
/// **Weight decay is decoupled**: it never enters the moments, and *η* scales it. This is PyTorch's
/// `NAdam` with `decoupled_weight_decay`.
///
/// # Differs from PyTorch
/// `eps` = 0 is refused.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor, Var};
/// use taper_optim::{NAdamW, NAdamWConfig, Step, UpdateRule};
///
/// let rule = NAdamW::new(NAdamWConfig::default())?;
/// let theta = Var::new(&[1f64], &Device::Cpu)?;
/// let slots = [Var::zeros(1, DType::F64, &Device::Cpu)?, Var::zeros(1, DType::F64, &Device::Cpu)?];
/// let grad = Tensor::new(&[1000f64], &Device::Cpu)?;
/// rule.update(&theta, &grad, &slots, Step { lr: 0.1, weight_decay: 0.5, ..Step::default() })?;
/// assert!((theta.to_vec1::<f64>()?[0] - 0.844).abs() < 1e-3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// - T. Dozat, *Incorporating Nesterov Momentum into Adam*, 2016.
/// - I. Loshchilov, F. Hutter, *Decoupled Weight Decay Regularization*, 2019.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NAdamW {
    rule: NAdam,
}

impl NAdamW {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when `beta1` or `beta2` is outside [0, 1), `eps` is not a finite
    /// number above 0, or `momentum_decay` is negative or not finite.
    pub fn new(config: NAdamWConfig) -> std::result::Result<Self, OptimError> {
        Ok(Self { rule: NAdam::new(config)? })
    }
}

elementwise!(NAdamW);

impl Elementwise for NAdamW {
    fn names(&self) -> &'static [&'static str] {
        self.rule.names()
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
        let said = NAdamW::new(NAdamWConfig { eps: 0.0, ..NAdamWConfig::default() }).unwrap_err().to_string();
        assert_eq!(said, "eps must be finite and above 0, got 0");
    }

    #[test]
    fn one_pass_and_candles_operations_agree() -> Result<()> {
        twins::agree(&NAdamW::new(NAdamWConfig { beta2: 0.9, ..NAdamWConfig::default() }).unwrap())
    }
}
