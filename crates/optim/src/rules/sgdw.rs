use candle_core::{Result, Tensor, Var};

use crate::engine::elementwise::{Elementwise, Tensors, elementwise};
use crate::error::OptimError;
use crate::rule::Step;
use crate::rules::decay::Decay;
use crate::rules::sgd::{Sgd, SgdConfig};

/// The settings of [`SgdW`], which are those of [`Sgd`](crate::Sgd).
pub type SgdWConfig = SgdConfig;

/// Stochastic gradient descent with momentum and decoupled weight decay.
///
/// ```text
/// θ ← (1 - ηλ)θ
/// v ← g                   at the first update
/// v ← μv + (1 - τ)g       at every later one
/// d = g                   without momentum
/// d = v                   with momentum
/// d = g + μv              with Nesterov momentum
/// θ ← θ - ηd
/// ```
///
/// with *μ* = `momentum`, *τ* = `dampening`, *η* = [`Step::lr`], *λ* = [`Step::weight_decay`]. The
/// velocity *v* is the slot `momentum`; without momentum there is no slot.
///
/// **Weight decay is decoupled**: it never enters the velocity. Without momentum this is
/// [`Sgd`](crate::Sgd); with it, a decay that suits `Sgd` is divided by 1 - *μ*, as `Sgd` gathers
/// it in the velocity.
///
/// # Differs from PyTorch
/// PyTorch has coupled decay only.
///
/// # Differs from the paper
/// The paper scales decay by the schedule's factor alone; here, as in [`AdamW`](crate::AdamW), by
/// the whole rate.
///
/// # Examples
/// ```
/// use candle_core::{Device, Tensor, Var};
/// use taper_optim::{SgdW, SgdWConfig, Step, UpdateRule};
///
/// let rule = SgdW::new(SgdWConfig { momentum: 0.5, ..SgdWConfig::default() })?;
/// let (theta, v) = (Var::new(&[2f64], &Device::Cpu)?, Var::new(&[0f64], &Device::Cpu)?);
/// let grad = Tensor::new(&[0f64], &Device::Cpu)?;
/// for t in 1..=2 {
///     let step = Step { t, lr: 0.5, weight_decay: 0.5, ..Step::default() };
///     rule.update(&theta, &grad, &[v.clone()], step)?;
/// }
/// assert_eq!(v.to_vec1::<f64>()?, [0.0]);
/// assert_eq!(theta.to_vec1::<f64>()?, [1.125]); // 2 · (1 - 0.25)²
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// I. Loshchilov, F. Hutter, *Decoupled Weight Decay Regularization*, 2019.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SgdW {
    sgd: Sgd,
}

impl SgdW {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when `momentum` or `dampening` is outside [0, 1), or `nesterov`
    /// is asked for without momentum or with dampening.
    pub fn new(config: SgdWConfig) -> std::result::Result<Self, OptimError> {
        Ok(Self { sgd: Sgd::new(config)? })
    }
}

elementwise!(SgdW);

impl Elementwise for SgdW {
    fn names(&self) -> &'static [&'static str] {
        self.sgd.names()
    }

    fn follows_momentum(&self) -> bool {
        self.sgd.follows_momentum()
    }

    fn run(&self, tensors: &Tensors<'_>, step: Step) -> Result<()> {
        self.sgd.descend(tensors, step, Decay::decoupled(step))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::twins;

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let said = SgdW::new(SgdWConfig { momentum: 1.0, ..SgdWConfig::default() }).unwrap_err().to_string();
        assert_eq!(said, "momentum must be in [0, 1), got 1");
    }

    #[test]
    fn one_pass_and_candles_operations_agree() -> Result<()> {
        for momentum in [0.0, 0.9] {
            twins::agree(&SgdW::new(SgdWConfig { momentum, ..SgdWConfig::default() }).unwrap())?;
        }
        Ok(())
    }
}
