use candle_core::{Result, Tensor, Var};
use serde::{Deserialize, Serialize};

use crate::engine::elementwise::{Elementwise, Tensors, elementwise};
use crate::engine::number::Number;
use crate::engine::part::Formula;
use crate::error::{OptimError, require_fraction, require_positive};
use crate::rule::Step;

/// The settings of [`AdaMax`]; the defaults are the paper's and PyTorch's.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdaMaxConfig {
    /// *β₁*: the fraction of the first moment that survives an update, in [0, 1). Default 0.9.
    pub beta1: f64,
    /// *β₂*: the fraction of the greatest gradient that survives an update, in [0, 1). Default
    /// 0.999.
    pub beta2: f64,
    /// *ε*: added to the size of a gradient; above 0. Default 1e-8, PyTorch's.
    pub eps: f64,
}

impl Default for AdaMaxConfig {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-8 }
    }
}

/// AdaMax: Adam with the greatest recent gradient in place of the root mean square.
///
/// ```text
/// g ← g + λθ
/// m ← β₁m + (1 - β₁)g
/// u ← max(β₂u, |g| + ε)
/// θ ← θ - η / (1 - β₁ᵗ) · m / u
/// ```
///
/// with *β₁* = `beta1`, *β₂* = `beta2`, *ε* = `eps`, *t* = [`Step::t`], *η* = [`Step::lr`],
/// *λ* = [`Step::weight_decay`]. The slots are `first_moment` for *m* and `infinity_norm` for *u*,
/// which needs no correction, as a maximum forgets the zero that it began with.
///
/// **Weight decay is coupled**: it is divided by *u* like the rest of the gradient. The usual *η*
/// is 2e-3.
///
/// # Differs from PyTorch
/// `eps` = 0, which divides 0 by 0 where a gradient has always been 0, is refused.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor, Var};
/// use taper_optim::{AdaMax, AdaMaxConfig, Step, UpdateRule};
///
/// let rule = AdaMax::new(AdaMaxConfig::default())?;
/// let theta = Var::new(&[1f64, 1.0], &Device::Cpu)?;
/// let slots = [Var::zeros(2, DType::F64, &Device::Cpu)?, Var::zeros(2, DType::F64, &Device::Cpu)?];
/// let grad = Tensor::new(&[1000f64, -0.001], &Device::Cpu)?;
/// rule.update(&theta, &grad, &slots, Step { t: 1, lr: 0.1, weight_decay: 0.0, ..Step::default() })?;
/// let theta = theta.to_vec1::<f64>()?;
/// assert!((theta[0] - 0.9).abs() < 1e-5 && (theta[1] - 1.1).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// D. P. Kingma, J. Ba, *Adam: A Method for Stochastic Optimization*, 2015, section 7.1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdaMax {
    config: AdaMaxConfig,
}

impl AdaMax {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when `beta1` or `beta2` is outside [0, 1), or `eps` is not a
    /// finite number above 0.
    pub fn new(config: AdaMaxConfig) -> std::result::Result<Self, OptimError> {
        require_fraction("beta1", config.beta1)?;
        require_fraction("beta2", config.beta2)?;
        require_positive("eps", config.eps)?;
        Ok(Self { config })
    }
}

elementwise!(AdaMax);

impl Elementwise for AdaMax {
    fn names(&self) -> &'static [&'static str] {
        &["first_moment", "infinity_norm"]
    }

    fn follows_momentum(&self) -> bool {
        true
    }

    fn run(&self, tensors: &Tensors<'_>, step: Step) -> Result<()> {
        let beta1 = step.momentum.unwrap_or(self.config.beta1);
        let rate = step.lr / (1.0 - beta1.powf(step.t as f64));
        let config = AdaMaxConfig { beta1, ..self.config };
        tensors.each(AdaMaxUpdate { config, weight_decay: step.weight_decay, rate })
    }
}

/// One update.
#[derive(Clone, Copy)]
struct AdaMaxUpdate {
    config: AdaMaxConfig,
    weight_decay: f64,
    /// *η* / (1 - *β₁ᵗ*).
    rate: f64,
}

impl Formula<2> for AdaMaxUpdate {
    #[inline]
    fn apply<T: Number>(self, theta: T, grad: T, [m, u]: [T; 2]) -> (T, [T; 2]) {
        let AdaMaxConfig { beta1, beta2, eps } = self.config;
        let grad = grad.plus(self.weight_decay, &theta);
        let m = m * beta1 + grad.clone() * (1.0 - beta1);
        let u = (u * beta2).max(grad.abs() + eps);
        (theta - m.clone() / u.clone() * self.rate, [m, u])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::twins;

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let config = AdaMaxConfig::default();
        for (field, config) in [
            ("beta1", AdaMaxConfig { beta1: 1.0, ..config }),
            ("beta2", AdaMaxConfig { beta2: -0.1, ..config }),
            ("eps", AdaMaxConfig { eps: 0.0, ..config }),
        ] {
            let said = AdaMax::new(config).unwrap_err().to_string();
            assert!(said.starts_with(field), "{said}");
        }
    }

    #[test]
    fn one_pass_and_candles_operations_agree() -> Result<()> {
        twins::agree(&AdaMax::new(AdaMaxConfig::default()).unwrap())
    }
}
