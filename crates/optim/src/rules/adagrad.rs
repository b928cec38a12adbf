use candle_core::{Result, Tensor, Var};
use serde::{Deserialize, Serialize};

use crate::engine::elementwise::{Elementwise, Tensors, elementwise};
use crate::engine::number::Number;
use crate::engine::part::Formula;
use crate::error::{OptimError, require_not_negative, require_positive};
use crate::rule::Step;

/// The settings of [`AdaGrad`]; the defaults are PyTorch's.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdaGradConfig {
    /// *κ*: how fast the rate falls with the number of updates, 0 or more. Default 0.
    pub lr_decay: f64,
    /// *s₀*: the sum of squares before the first update, 0 or more. Default 0.
    pub initial_accumulator: f64,
    /// *ε*: added to the root of the sum; above 0. Default 1e-10.
    pub eps: f64,
}

impl Default for AdaGradConfig {
    fn default() -> Self {
        Self { lr_decay: 0.0, initial_accumulator: 0.0, eps: 1e-10 }
    }
}

/// AdaGrad: the rate of a coordinate falls with the sum of the squares of all its gradients.
///
/// ```text
/// g ← g + λθ
/// s ← s + g²
/// θ ← θ - η / (1 + κ(t - 1)) · g / (√s + ε)
/// ```
///
/// with *κ* = `lr_decay`, *ε* = `eps`, *t* = [`Step::t`], *η* = [`Step::lr`],
/// *λ* = [`Step::weight_decay`]. The sum *s* is the slot `sum`, which starts from
/// *s₀* = `initial_accumulator`.
///
/// A coordinate whose gradient is rarely other than 0 keeps a high rate for when it is. As the sum
/// never shrinks, steps fall like 1/√*t* by themselves and training may come to rest early;
/// [`RmsProp`](crate::RmsProp) forgets instead. The usual *η* is 1e-2.
///
/// **Weight decay is coupled**: it is divided by √*s* like the rest of the gradient.
///
/// # Differs from PyTorch
/// `eps` = 0, which divides 0 by 0 where a gradient has always been 0, is refused.
///
/// # Examples
/// ```
/// use candle_core::{Device, Tensor, Var};
/// use taper_optim::{AdaGrad, AdaGradConfig, Step, UpdateRule};
///
/// let rule = AdaGrad::new(AdaGradConfig::default())?;
/// let (theta, sum) = (Var::new(&[1f64], &Device::Cpu)?, Var::new(&[0f64], &Device::Cpu)?);
/// for (t, grad) in [(1, 3f64), (2, 4.0)] {
///     let grad = Tensor::new(&[grad], &Device::Cpu)?;
///     rule.update(&theta, &grad, &[sum.clone()], Step { t, lr: 0.1, weight_decay: 0.0, ..Step::default() })?;
/// }
/// assert_eq!(sum.to_vec1::<f64>()?, [25.0]);
/// assert!((theta.to_vec1::<f64>()?[0] - (1.0 - 0.1 * 3.0 / 3.0 - 0.1 * 4.0 / 5.0)).abs() < 1e-9);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// J. Duchi, E. Hazan, Y. Singer, *Adaptive Subgradient Methods for Online Learning and Stochastic
/// Optimization*, 2011.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdaGrad {
    config: AdaGradConfig,
}

impl AdaGrad {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when `lr_decay` or `initial_accumulator` is negative or not
    /// finite, or `eps` is not a finite number above 0.
    pub fn new(config: AdaGradConfig) -> std::result::Result<Self, OptimError> {
        require_not_negative("lr_decay", config.lr_decay)?;
        require_not_negative("initial_accumulator", config.initial_accumulator)?;
        require_positive("eps", config.eps)?;
        Ok(Self { config })
    }
}

elementwise!(AdaGrad);

impl Elementwise for AdaGrad {
    fn names(&self) -> &'static [&'static str] {
        &["sum"]
    }

    fn run(&self, tensors: &Tensors<'_>, step: Step) -> Result<()> {
        let AdaGradConfig { lr_decay, initial_accumulator, eps } = self.config;
        tensors.each(AdaGradUpdate {
            weight_decay: step.weight_decay,
            start: if step.t == 1 { initial_accumulator } else { 0.0 },
            eps,
            rate: step.lr / (1.0 + lr_decay * (step.t as f64 - 1.0)),
        })
    }
}

/// One update.
#[derive(Clone, Copy)]
struct AdaGradUpdate {
    weight_decay: f64,
    /// *s₀* at the first update, as the slot holds 0 then; 0 later.
    start: f64,
    eps: f64,
    rate: f64,
}

impl Formula<1> for AdaGradUpdate {
    #[inline]
    fn apply<T: Number>(self, theta: T, grad: T, [s]: [T; 1]) -> (T, [T; 1]) {
        let grad = grad.plus(self.weight_decay, &theta);
        let s = s + self.start + grad.clone().square();
        (theta - grad / (s.clone().sqrt() + self.eps) * self.rate, [s])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::twins;

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let config = AdaGradConfig::default();
        for (field, config) in [
            ("lr_decay", AdaGradConfig { lr_decay: -0.1, ..config }),
            ("initial_accumulator", AdaGradConfig { initial_accumulator: f64::INFINITY, ..config }),
            ("eps", AdaGradConfig { eps: 0.0, ..config }),
        ] {
            let said = AdaGrad::new(config).unwrap_err().to_string();
            assert!(said.starts_with(field), "{said}");
        }
    }

    #[test]
    fn one_pass_and_candles_operations_agree() -> Result<()> {
        twins::agree(&AdaGrad::new(AdaGradConfig::default()).unwrap())?;
        let config = AdaGradConfig { lr_decay: 0.05, initial_accumulator: 0.1, ..AdaGradConfig::default() };
        twins::agree(&AdaGrad::new(config).unwrap())
    }
}
