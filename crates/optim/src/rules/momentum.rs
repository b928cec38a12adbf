use candle_core::{Result, Tensor, Var};
use serde::{Deserialize, Serialize};

use crate::engine::elementwise::{Elementwise, Tensors, elementwise};
use crate::engine::number::Number;
use crate::engine::part::Formula;
use crate::error::{OptimError, require_fraction};
use crate::rule::Step;

/// The settings of [`Momentum`].
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct MomentumConfig {
    /// *ρ*: the fraction of the velocity that survives an update, in [0, 1). Default 0.9.
    pub momentum: f64,
    /// Whether to evaluate gradients where the velocity is about to lead. Default no.
    pub nesterov: bool,
}

impl Default for MomentumConfig {
    fn default() -> Self {
        Self { momentum: 0.9, nesterov: false }
    }
}

/// Momentum with the learning rate inside the velocity: the classical form, and Nesterov's
/// accelerated gradient after a change of variables.
///
/// ```text
/// g ← g + λθ
/// v' = ρv - ηg
/// θ ← θ + v'                      classical
/// θ ← θ - ρv + (1 + ρ)v'          Nesterov
/// v ← v'
/// ```
///
/// with *ρ* = `momentum`, *η* = [`Step::lr`], *λ* = [`Step::weight_decay`]. The velocity *v* is the
/// slot `velocity`, 0 before the first update.
///
/// Nesterov's method takes the gradient at the point *θ* + *ρv*, ahead of the parameters. Here that
/// point is what is stored as *θ*, so that the gradient is taken where the parameters are: the
/// formula is the method written for that point.
///
/// **Weight decay is coupled** (an L2 penalty of *λ*‖*θ*‖²/2).
///
/// While the rate stays the same this is [`Sgd`](crate::Sgd) with *μ* = *ρ*: the velocity is -*η*
/// times that of `Sgd`, and so both forms take the same steps. When the rate falls, `Sgd` shortens
/// at once the steps that come of old gradients, while here they keep their length and fade by *ρ*
/// an update. The state of one does not fit the other.
///
/// # Differs from PyTorch
/// PyTorch has the form of [`Sgd`](crate::Sgd) only.
///
/// # Examples
/// ```
/// use candle_core::{Device, Tensor, Var};
/// use taper_optim::{Momentum, MomentumConfig, Step, UpdateRule};
///
/// let rule = Momentum::new(MomentumConfig { momentum: 0.5, nesterov: false })?;
/// let (theta, v) = (Var::new(&[1f64], &Device::Cpu)?, Var::new(&[0f64], &Device::Cpu)?);
/// let grad = Tensor::new(&[2f64], &Device::Cpu)?;
/// for (t, lr) in [(1, 0.125), (2, 0.0)] {
///     rule.update(&theta, &grad, &[v.clone()], Step { t, lr, weight_decay: 0.0, ..Step::default() })?;
/// }
/// assert_eq!(theta.to_vec1::<f64>()?, [0.625]); // 1 - 0.25 - 0.125: at the rate 0 it rolls on
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// - Y. Nesterov, *A method of solving a convex programming problem with convergence rate O(1/k²)*,
///   1983.
/// - I. Sutskever, J. Martens, G. Dahl, G. Hinton, *On the importance of initialization and
///   momentum in deep learning*, 2013.
/// - Y. Bengio, N. Boulanger-Lewandowski, R. Pascanu, *Advances in Optimizing Recurrent Networks*,
///   2013 (the change of variables).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Momentum {
    config: MomentumConfig,
}

impl Momentum {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when `momentum` is outside [0, 1).
    pub fn new(config: MomentumConfig) -> std::result::Result<Self, OptimError> {
        require_fraction("momentum", config.momentum)?;
        Ok(Self { config })
    }
}

elementwise!(Momentum);

impl Elementwise for Momentum {
    fn names(&self) -> &'static [&'static str] {
        &["velocity"]
    }

    fn follows_momentum(&self) -> bool {
        true
    }

    fn run(&self, tensors: &Tensors<'_>, step: Step) -> Result<()> {
        let momentum = step.momentum.unwrap_or(self.config.momentum);
        tensors.each(MomentumUpdate { config: MomentumConfig { momentum, ..self.config }, step })
    }
}

/// One update.
#[derive(Clone, Copy)]
struct MomentumUpdate {
    config: MomentumConfig,
    step: Step,
}

impl Formula<1> for MomentumUpdate {
    #[inline]
    fn apply<T: Number>(self, theta: T, grad: T, [v]: [T; 1]) -> (T, [T; 1]) {
        let MomentumConfig { momentum, nesterov } = self.config;
        let kept = v * momentum;
        let v = kept.clone() - grad.plus(self.step.weight_decay, &theta) * self.step.lr;
        let theta = if nesterov { theta - kept + v.clone() * (1.0 + momentum) } else { theta + v.clone() };
        (theta, [v])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::twins;
    use crate::{Sgd, SgdConfig, UpdateRule};
    use candle_core::Device;

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        for momentum in [1.0, -0.1, f64::NAN] {
            let said = Momentum::new(MomentumConfig { momentum, nesterov: false }).unwrap_err().to_string();
            assert_eq!(said, format!("momentum must be in [0, 1), got {momentum}"));
        }
    }

    #[test]
    fn one_pass_and_candles_operations_agree() -> Result<()> {
        for nesterov in [false, true] {
            twins::agree(&Momentum::new(MomentumConfig { nesterov, ..MomentumConfig::default() }).unwrap())?;
        }
        Ok(())
    }

    /// Where three gradients lead at these rates, decay included.
    fn path(rule: &dyn UpdateRule, rates: [f64; 3]) -> Result<f64> {
        let (theta, slots) = (Var::new(&[1f64], &Device::Cpu)?, [Var::new(&[0f64], &Device::Cpu)?]);
        for (i, (lr, grad)) in rates.into_iter().zip([3f64, -1.0, 0.5]).enumerate() {
            let step = Step { t: 1 + i as u64, lr, weight_decay: 0.1, ..Step::default() };
            rule.update(&theta, &Tensor::new(&[grad], &Device::Cpu)?, &slots, step)?;
        }
        Ok(theta.to_vec1::<f64>()?[0])
    }

    #[test]
    fn both_forms_are_those_of_sgd_until_the_rate_changes() -> Result<()> {
        for nesterov in [false, true] {
            let inside = Momentum::new(MomentumConfig { momentum: 0.9, nesterov }).unwrap();
            let outside = Sgd::new(SgdConfig { momentum: 0.9, dampening: 0.0, nesterov }).unwrap();
            let apart = |rates| Ok::<_, candle_core::Error>((path(&inside, rates)? - path(&outside, rates)?).abs());
            assert!(apart([0.1; 3])? < 1e-15, "nesterov {nesterov}");
            assert!(apart([0.1, 0.1, 0.01])? > 1e-2, "nesterov {nesterov}");
        }
        Ok(())
    }
}
