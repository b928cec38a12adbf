use candle_core::{Result, Tensor, Var};
use serde::{Deserialize, Serialize};

use crate::engine::elementwise::Tensors;
use crate::engine::number::Number;
use crate::engine::part::Formula;
use crate::engine::squares::sum_of_squares;
use crate::error::{OptimError, require_fraction, require_positive};
use crate::rule::{Step, UpdateRule};
use crate::rules::direction::norm;

/// The settings of [`Lars`]; the defaults are the paper's.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LarsConfig {
    /// *μ*: the fraction of the velocity that survives an update, in [0, 1). Default 0.9.
    pub momentum: f64,
    /// *τ*: the length of a step at the rate 1, as a fraction of the length of the tensor; above 0.
    /// Default 0.001.
    pub trust: f64,
}

impl Default for LarsConfig {
    fn default() -> Self {
        Self { momentum: 0.9, trust: 0.001 }
    }
}

/// LARS: momentum whose steps are in proportion to the length of each tensor, for large batches.
///
/// ```text
/// r = τ‖θ‖ / (‖g‖ + λ‖θ‖)       or 1 where a norm makes it 0 or 0/0
/// v ← μv + ηr(g + λθ)
/// θ ← θ - v
/// ```
///
/// with *μ* = `momentum`, *τ* = `trust`, *η* = [`Step::lr`], *λ* = [`Step::weight_decay`], and
/// Euclidean norms of the tensor. The velocity *v*, which has the rate inside, is the slot
/// `velocity`.
///
/// The scale of a tensor's gradient does not matter, so one *η* suits layers whose gradients differ
/// by orders of magnitude. It is large: 1 to 30, with a warm-up. A tensor of zeros, as a bias may
/// be at first, takes a plain step of that rate; biases and the scales of normalization are better
/// off with [`Sgd`](crate::Sgd).
///
/// **Weight decay is coupled**, and part of what the trust ratio *r* weighs.
///
/// An update takes two passes over memory, one for the norms and one for the formula.
///
/// # Differs from PyTorch
/// PyTorch has no LARS.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor, Var};
/// use taper_optim::{Lars, LarsConfig, Step, UpdateRule};
///
/// let lars = Lars::new(LarsConfig { trust: 0.125, ..LarsConfig::default() })?;
/// for scale in [1f64, 1000.0] {
///     let theta = Var::new(&[3f64, 4.0], &Device::Cpu)?;
///     let slots = [Var::zeros(2, DType::F64, &Device::Cpu)?];
///     let grad = Tensor::new(&[scale, 0.0], &Device::Cpu)?;
///     lars.update(&theta, &grad, &slots, Step { t: 1, lr: 1.0, weight_decay: 0.0, ..Step::default() })?;
///     assert_eq!(theta.to_vec1::<f64>()?, [3.0 - 0.125 * 5.0, 4.0]); // an eighth of ‖θ‖ = 5
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// Y. You, I. Gitman, B. Ginsburg, *Large Batch Training of Convolutional Networks*, 2017.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lars {
    config: LarsConfig,
}

impl Lars {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when `momentum` is outside [0, 1), or `trust` is not a finite
    /// number above 0.
    pub fn new(config: LarsConfig) -> std::result::Result<Self, OptimError> {
        require_fraction("momentum", config.momentum)?;
        require_positive("trust", config.trust)?;
        Ok(Self { config })
    }

    /// The update by `factor`·`grad`, whose norm is known.
    fn descend(
        &self,
        theta: &Var,
        (grad, factor, length): (&Tensor, f64, f64),
        slots: &[Var],
        step: Step,
    ) -> Result<()> {
        let Step { lr, weight_decay, .. } = step;
        let own = norm(theta)?;
        let ratio = self.config.trust * own / (length + weight_decay * own);
        let ratio = if ratio.is_finite() && ratio > 0.0 { ratio } else { 1.0 };
        let momentum = step.momentum.unwrap_or(self.config.momentum);
        let update = LarsUpdate { momentum, weight_decay, rate: lr * ratio };
        Tensors::new(theta, grad, factor, slots).each(update)
    }
}

impl UpdateRule for Lars {
    fn slots(&self) -> &'static [&'static str] {
        &["velocity"]
    }

    fn has_momentum(&self) -> bool {
        true
    }

    fn update(&self, theta: &Var, grad: &Tensor, slots: &[Var], step: Step) -> Result<()> {
        self.descend(theta, (grad, 1.0, norm(grad)?), slots, step)
    }

    fn update_scaled(&self, theta: &Var, grad: &Tensor, factor: f64, slots: &[Var], step: Step) -> Result<()> {
        self.descend(theta, (grad, factor, factor * norm(grad)?), slots, step)
    }

    fn update_finite(&self, theta: &Var, grad: &Tensor, slots: &[Var], step: Step) -> Result<f64> {
        let squares = sum_of_squares(grad)?;
        if squares.is_finite() {
            self.descend(theta, (grad, 1.0, squares.sqrt()), slots, step)?;
        }
        Ok(squares)
    }
}

/// One update of an element.
#[derive(Clone, Copy)]
struct LarsUpdate {
    momentum: f64,
    weight_decay: f64,
    /// *ηr*.
    rate: f64,
}

impl Formula<1> for LarsUpdate {
    #[inline]
    fn apply<T: Number>(self, theta: T, grad: T, [v]: [T; 1]) -> (T, [T; 1]) {
        let v = v * self.momentum + grad.plus(self.weight_decay, &theta) * self.rate;
        (theta - v.clone(), [v])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device};

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let config = LarsConfig::default();
        for (field, config) in
            [("momentum", LarsConfig { momentum: 1.0, ..config }), ("trust", LarsConfig { trust: 0.0, ..config })]
        {
            let said = Lars::new(config).unwrap_err().to_string();
            assert!(said.starts_with(field), "{said}");
        }
    }

    #[test]
    fn zeros_take_a_plain_step_and_no_gradient_none() -> Result<()> {
        let lars = Lars::new(LarsConfig::default()).unwrap();
        let step = Step { t: 1, lr: 0.5, weight_decay: 0.0, ..Step::default() };
        for (theta, grad, expected) in [(0f64, 2f64, -1f64), (3.0, 0.0, 3.0), (0.0, 0.0, 0.0)] {
            let (theta, slot) = (Var::new(&[theta], &Device::Cpu)?, Var::zeros(1, DType::F64, &Device::Cpu)?);
            lars.update(&theta, &Tensor::new(&[grad], &Device::Cpu)?, &[slot], step)?;
            assert_eq!(theta.to_vec1::<f64>()?, [expected]);
        }
        Ok(())
    }
}
