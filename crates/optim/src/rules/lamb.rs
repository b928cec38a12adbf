use candle_core::{Result, Tensor, Var};
use serde::{Deserialize, Serialize};

use crate::engine::number::Number;
use crate::engine::part::Formula;
use crate::error::{OptimError, require_positive};
use crate::rule::{Step, UpdateRule};
use crate::rules::direction::{descend, direction, norm};
use crate::rules::moments::Moments;

/// The settings of [`Lamb`]; the defaults are the paper's.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LambConfig {
    /// *β₁*: the fraction of the first moment that survives an update, in [0, 1). Default 0.9.
    pub beta1: f64,
    /// *β₂*: the fraction of the second moment that survives an update, in [0, 1). Default 0.999.
    pub beta2: f64,
    /// *ε*: added to the root of the second moment; above 0. Default 1e-6.
    pub eps: f64,
}

impl Default for LambConfig {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-6 }
    }
}

/// LAMB: Adam whose steps are in proportion to the length of each tensor, for large batches.
///
/// ```text
/// m ← β₁m + (1 - β₁)g
/// v ← β₂v + (1 - β₂)g²
/// m̂ = m / (1 - β₁ᵗ)        v̂ = v / (1 - β₂ᵗ)
/// d = m̂ / (√v̂ + ε) + λθ
/// θ ← θ - η ‖θ‖/‖d‖ d        or θ - ηd where a norm is 0
/// ```
///
/// with *β₁* = `beta1`, *β₂* = `beta2`, *ε* = `eps`, *t* = [`Step::t`], *η* = [`Step::lr`],
/// *λ* = [`Step::weight_decay`], and Euclidean norms of the tensor. The moments *m* and *v* are the
/// slots `first_moment` and `second_moment`. The paper's function *φ* of ‖*θ*‖ is the identity.
///
/// *η* is the fraction of its length that a tensor moves. A tensor of zeros, as a bias may be at
/// first, takes a step of Adam; biases and the scales of normalization are better off with
/// [`AdamW`](crate::AdamW).
///
/// **Weight decay is decoupled** from the moments, but part of the direction whose length is set:
/// it decides how far the direction points to 0 and not how long the step is.
///
/// An update takes several passes over memory and one tensor for the direction.
///
/// # Differs from PyTorch
/// PyTorch has no LAMB.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor, Var};
/// use taper_optim::{Lamb, LambConfig, Step, UpdateRule};
///
/// let lamb = Lamb::new(LambConfig::default())?;
/// let theta = Var::new(&[3f64, 4.0], &Device::Cpu)?;
/// let slots = [Var::zeros(2, DType::F64, &Device::Cpu)?, Var::zeros(2, DType::F64, &Device::Cpu)?];
/// let grad = Tensor::new(&[1000f64, 0.0], &Device::Cpu)?;
/// lamb.update(&theta, &grad, &slots, Step { t: 1, lr: 0.125, weight_decay: 0.0, ..Step::default() })?;
/// assert_eq!(theta.to_vec1::<f64>()?, [3.0 - 0.125 * 5.0, 4.0]); // an eighth of ‖θ‖ = 5
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// Y. You et al., *Large Batch Optimization for Deep Learning: Training BERT in 76 Minutes*, 2020.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lamb {
    config: LambConfig,
    moments: Moments,
}

impl Lamb {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when `beta1` or `beta2` is outside [0, 1), or `eps` is not a
    /// finite number above 0.
    pub fn new(config: LambConfig) -> std::result::Result<Self, OptimError> {
        let moments = Moments::new(config.beta1, config.beta2)?;
        require_positive("eps", config.eps)?;
        Ok(Self { config, moments })
    }
}

impl UpdateRule for Lamb {
    fn slots(&self) -> &'static [&'static str] {
        Moments::SLOTS
    }

    fn has_momentum(&self) -> bool {
        true
    }

    fn update(&self, theta: &Var, grad: &Tensor, slots: &[Var], step: Step) -> Result<()> {
        self.update_scaled(theta, grad, 1.0, slots, step)
    }

    fn update_scaled(&self, theta: &Var, grad: &Tensor, factor: f64, slots: &[Var], step: Step) -> Result<()> {
        let moments = self.moments.at(step);
        let [first, second] = moments.corrections(step.t);
        let formula = LambDirection {
            moments,
            weight_decay: step.weight_decay,
            correction: 1.0 / first,
            root_correction: 1.0 / second.sqrt(),
            eps: self.config.eps,
        };
        let direction = direction(theta, grad, factor, slots, formula)?;
        let ratio = norm(theta)? / norm(&direction)?;
        let ratio = if ratio.is_finite() && ratio > 0.0 { ratio } else { 1.0 };
        descend(theta, &direction, 1.0, step.lr * ratio)
    }
}

/// *d* of an element, in the place of *θ*.
#[derive(Clone, Copy)]
struct LambDirection {
    moments: Moments,
    weight_decay: f64,
    /// 1 / (1 - *β₁ᵗ*).
    correction: f64,
    /// 1 / √(1 - *β₂ᵗ*).
    root_correction: f64,
    eps: f64,
}

impl Formula<2> for LambDirection {
    #[inline]
    fn apply<T: Number>(self, theta: T, grad: T, moments: [T; 2]) -> (T, [T; 2]) {
        let [m, v] = self.moments.next(grad, moments);
        let adam = m.clone() * self.correction / (v.clone().sqrt() * self.root_correction + self.eps);
        (adam.plus(self.weight_decay, &theta), [m, v])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device};

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let config = LambConfig::default();
        for (field, config) in [
            ("beta1", LambConfig { beta1: 1.0, ..config }),
            ("beta2", LambConfig { beta2: -0.1, ..config }),
            ("eps", LambConfig { eps: 0.0, ..config }),
        ] {
            let said = Lamb::new(config).unwrap_err().to_string();
            assert!(said.starts_with(field), "{said}");
        }
    }

    #[test]
    fn zeros_take_a_step_of_adam_and_no_gradient_none() -> Result<()> {
        let lamb = Lamb::new(LambConfig::default()).unwrap();
        let step = Step { t: 1, lr: 0.5, weight_decay: 0.0, ..Step::default() };
        for (theta, grad, expected) in [(0f64, 2f64, -0.5), (3.0, 0.0, 3.0), (0.0, 0.0, 0.0)] {
            let theta = Var::new(&[theta], &Device::Cpu)?;
            let slots = [(); 2].map(|()| Var::zeros(1, DType::F64, &Device::Cpu).unwrap());
            lamb.update(&theta, &Tensor::new(&[grad], &Device::Cpu)?, &slots, step)?;
            let got = theta.to_vec1::<f64>()?[0];
            assert!((got - expected).abs() < 1e-6, "{got} is not {expected}");
        }
        Ok(())
    }
}
