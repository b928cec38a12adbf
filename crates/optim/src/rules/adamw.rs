use candle_core::{Result, Tensor, Var};

use crate::engine::elementwise::{Elementwise, Tensors, elementwise};
use crate::error::OptimError;
use crate::rule::Step;
use crate::rules::adam::{AdamConfig, AdamFormula};
use crate::rules::decay::Decay;

/// The settings of [`AdamW`], which are those of [`Adam`](crate::Adam).
pub type AdamWConfig = AdamConfig;

/// Adam with decoupled weight decay: each coordinate steps by about the learning rate, whatever
/// the scale of its gradient.
///
/// ```text
/// θ ← (1 - ηλ)θ
/// m ← β₁m + (1 - β₁)g
/// v ← β₂v + (1 - β₂)g²
/// s ← v                                       or max(s, v) with AMSGrad
/// m̂ = m / (1 - β₁ᵗ)        ŝ = s / (1 - β₂ᵗ)
/// θ ← θ - η m̂ / (√ŝ + ε)
/// ```
///
/// with *β₁* = `beta1`, *β₂* = `beta2`, *ε* = `eps`, *t* = [`Step::t`], *η* = [`Step::lr`],
/// *λ* = [`Step::weight_decay`]. The moments *m* and *v* are the slots `first_moment` and
/// `second_moment`; with `amsgrad` *s* is the slot `greatest_second_moment`. Without
/// `bias_correction` *m̂* = *m* and *ŝ* = *s*.
///
/// **Weight decay is decoupled**: it never enters the moments, and *η* scales it. It is set per
/// group, where the default is none: PyTorch's default is 0.01, and 0.05 is common for training
/// and fine-tuning image classifiers. The usual *η* is 1e-3 from scratch, 1e-5 to 1e-4 for
/// pretrained layers.
///
/// # Differs from PyTorch
/// `eps` = 0, which divides 0 by 0 where a gradient has always been 0, is refused. PyTorch always
/// corrects the bias.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor, Var};
/// use taper_optim::{AdamW, AdamWConfig, Step, UpdateRule};
///
/// let adamw = AdamW::new(AdamWConfig::default())?;
/// let theta = Var::new(&[1f64, 1.0], &Device::Cpu)?;
/// let slots = [Var::zeros(2, DType::F64, &Device::Cpu)?, Var::zeros(2, DType::F64, &Device::Cpu)?];
/// let grad = Tensor::new(&[1000f64, 0.0], &Device::Cpu)?;
/// adamw.update(&theta, &grad, &slots, Step { t: 1, lr: 0.1, weight_decay: 0.5, ..Step::default() })?;
/// let theta = theta.to_vec1::<f64>()?;
/// assert!((theta[0] - 0.85).abs() < 1e-9 && (theta[1] - 0.95).abs() < 1e-9);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// - D. P. Kingma, J. Ba, *Adam: A Method for Stochastic Optimization*, 2015.
/// - I. Loshchilov, F. Hutter, *Decoupled Weight Decay Regularization*, 2019.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    formula: AdamFormula,
}

impl AdamW {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when `beta1` or `beta2` is outside [0, 1), or `eps` is not a
    /// finite number above 0.
    pub fn new(config: AdamWConfig) -> std::result::Result<Self, OptimError> {
        Ok(Self { formula: AdamFormula::new(config)? })
    }
}

elementwise!(AdamW);

impl Elementwise for AdamW {
    fn names(&self) -> &'static [&'static str] {
        self.formula.slots()
    }

    fn follows_momentum(&self) -> bool {
        true
    }

    fn run(&self, tensors: &Tensors<'_>, step: Step) -> Result<()> {
        self.formula.run(tensors, step, Decay::decoupled(step))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::twins;

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let said = AdamW::new(AdamWConfig { beta2: 1.0, ..AdamWConfig::default() }).unwrap_err().to_string();
        assert_eq!(said, "beta2 must be in [0, 1), got 1");
    }

    #[test]
    fn one_pass_and_candles_operations_agree() -> Result<()> {
        for amsgrad in [false, true] {
            twins::agree(&AdamW::new(AdamWConfig { amsgrad, ..AdamWConfig::default() }).unwrap())?;
        }
        Ok(())
    }
}
