use candle_core::{Result, Tensor, Var, bail};
use serde::{Deserialize, Serialize};

use crate::engine::elementwise::Tensors;
use crate::engine::number::Number;
use crate::engine::part::Formula;
use crate::error::{OptimError, require};
use crate::rule::{Step, UpdateRule};

/// Where the slow weights are kept.
const SLOW: &str = "slow_weights";

/// The settings of [`Lookahead`]; the defaults are the paper's.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LookaheadConfig {
    /// *k*: how many updates of the rule there are to one of the slow weights, at least 1. Default
    /// 5.
    pub k: u64,
    /// *α*: how far the slow weights go toward the fast ones, as a fraction in (0, 1]. Default 0.5.
    pub alpha: f64,
}

impl Default for LookaheadConfig {
    fn default() -> Self {
        Self { k: 5, alpha: 0.5 }
    }
}

/// Lookahead: any rule explores with fast weights, and slow weights follow a part of the way.
///
/// ```text
/// θ ← rule(θ, g)
/// φ ← φ + α(θ - φ),  θ ← φ          after every k updates
/// ```
///
/// with *k* = `k` and *α* = `alpha`. The slow weights *φ* are the slot `slow_weights`, beside those
/// of the rule; they begin where the parameters are. What the rule remembers stays as it is when
/// *θ* goes back. The paper evaluates *φ*, and so does
/// [`Optimizer::evaluation`](crate::Optimizer::evaluation).
///
/// **Weight decay** is the rule's.
///
/// # Differs from PyTorch
/// PyTorch has no Lookahead.
///
/// # Examples
/// ```
/// use candle_core::{Device, Tensor, Var};
/// use taper_optim::{Lookahead, LookaheadConfig, Sgd, SgdConfig, Step, UpdateRule};
///
/// let sgd = Box::new(Sgd::new(SgdConfig::default())?);
/// let rule = Lookahead::new(sgd, LookaheadConfig { k: 2, alpha: 0.5 })?;
/// let (theta, slow) = (Var::new(&[8f64], &Device::Cpu)?, Var::new(&[0f64], &Device::Cpu)?);
/// let grad = Tensor::new(&[1f64], &Device::Cpu)?;
/// for t in 1..=2 {
///     rule.update(&theta, &grad, &[slow.clone()], Step { t, ..Step::default() })?;
/// }
/// assert_eq!(theta.to_vec1::<f64>()?, [7.0]); // 8, fast to 6, half of the way back
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// M. R. Zhang, J. Lucas, G. Hinton, J. Ba, *Lookahead Optimizer: k steps forward, 1 step back*,
/// 2019.
#[derive(Debug)]
pub struct Lookahead {
    rule: Box<dyn UpdateRule>,
    /// Those of the rule, and then that of the slow weights.
    slots: Vec<&'static str>,
    config: LookaheadConfig,
}

impl Lookahead {
    /// Checks the settings; `rule` is that of the fast weights.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when `k` is 0 or `alpha` is outside (0, 1].
    pub fn new(rule: Box<dyn UpdateRule>, config: LookaheadConfig) -> std::result::Result<Self, OptimError> {
        require(config.k > 0, "k", "at least 1", config.k as f64)?;
        require(config.alpha > 0.0 && config.alpha <= 1.0, "alpha", "in (0, 1]", config.alpha)?;
        let slots = rule.slots().iter().copied().chain([SLOW]).collect();
        Ok(Self { rule, slots, config })
    }
}

/// The slow weights and the slots of the rule.
fn split(slots: &[Var]) -> Result<(&Var, &[Var])> {
    match slots.split_last() {
        Some(split) => Ok(split),
        None => bail!("Lookahead keeps slow weights, got no slot"),
    }
}

impl UpdateRule for Lookahead {
    fn slots(&self) -> &[&'static str] {
        &self.slots
    }

    fn new_slot(&self, slot: &str, theta: &Var) -> Result<Var> {
        self.rule.new_slot(slot, theta)
    }

    fn has_momentum(&self) -> bool {
        self.rule.has_momentum()
    }

    fn needs_sums(&self) -> bool {
        self.rule.needs_sums()
    }

    fn sums(&self, theta: &Var, grad: &Tensor, factor: f64, slots: &[Var], step: Step) -> Result<[f64; 2]> {
        self.rule.sums(theta, grad, factor, split(slots)?.1, step)
    }

    fn update(&self, theta: &Var, grad: &Tensor, slots: &[Var], step: Step) -> Result<()> {
        self.update_scaled(theta, grad, 1.0, slots, step)
    }

    fn update_scaled(&self, theta: &Var, grad: &Tensor, factor: f64, slots: &[Var], step: Step) -> Result<()> {
        let (slow, slots) = split(slots)?;
        if step.t == 1 {
            slow.set(&theta.as_detached_tensor())?;
        }
        self.rule.update_scaled(theta, grad, factor, slots, step)?;
        if step.t.is_multiple_of(self.config.k) {
            let follow = Follow { alpha: self.config.alpha };
            Tensors::new(theta, &slow.as_detached_tensor(), 1.0, &[]).each(follow)?;
            slow.set(&theta.as_detached_tensor())?;
        }
        Ok(())
    }

    fn evaluated(&self, _: &Var, slots: &[Var]) -> Result<Option<Tensor>> {
        Ok(Some(split(slots)?.0.as_detached_tensor()))
    }
}

/// *φ* + *α*(*θ* - *φ*) in the place of *θ*, with *φ* in that of the gradient.
#[derive(Clone, Copy)]
struct Follow {
    alpha: f64,
}

impl Formula<0> for Follow {
    #[inline]
    fn apply<T: Number>(self, theta: T, slow: T, []: [T; 0]) -> (T, [T; 0]) {
        (slow.clone() + (theta - slow) * self.alpha, [])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::twins;
    use crate::rules::{AdamW, AdamWConfig, Sgd, SgdConfig};

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let said = |k, alpha| {
            let sgd = Box::new(Sgd::new(SgdConfig::default()).unwrap());
            Lookahead::new(sgd, LookaheadConfig { k, alpha }).unwrap_err().to_string()
        };
        assert_eq!(said(0, 0.5), "k must be at least 1, got 0");
        assert_eq!(said(5, 0.0), "alpha must be in (0, 1], got 0");
        assert_eq!(said(5, 1.1), "alpha must be in (0, 1], got 1.1");
    }

    #[test]
    fn one_pass_and_candles_operations_agree() -> Result<()> {
        let adamw = Box::new(AdamW::new(AdamWConfig::default()).unwrap());
        twins::agree(&Lookahead::new(adamw, LookaheadConfig { k: 2, alpha: 0.3 }).unwrap())
    }
}
