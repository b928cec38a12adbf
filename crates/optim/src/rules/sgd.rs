use candle_core::{Result, Tensor, Var};

use crate::engine::elementwise::{Elementwise, Tensors, elementwise};
use crate::engine::number::Number;
use crate::engine::part::Formula;
use crate::error::{OptimError, require, require_fraction};
use crate::rule::Step;
use crate::rules::decay::Decay;

/// The settings of [`Sgd`]; the defaults are PyTorch's: plain gradient descent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SgdConfig {
    /// *μ*: the fraction of the velocity that survives an update, in [0, 1). Default 0; 0.9 is the
    /// usual choice with momentum.
    pub momentum: f64,
    /// *τ*: the fraction of a new gradient that does not enter the velocity, in [0, 1). Default 0.
    pub dampening: f64,
    /// Whether to step along the velocity as it will be after the next update. Needs momentum and
    /// no dampening. Default no.
    pub nesterov: bool,
}

impl Default for SgdConfig {
    fn default() -> Self {
        Self { momentum: 0.0, dampening: 0.0, nesterov: false }
    }
}

/// Stochastic gradient descent, with momentum and Nesterov's look-ahead, in PyTorch's form.
///
/// ```text
/// g ← g + λθ
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
/// **Weight decay is coupled** (an L2 penalty of *λ*‖*θ*‖²/2); [`SgdW`](crate::SgdW) has it
/// decoupled. Common values: 5e-4 and 1e-4 when a network is trained from scratch with *η* = 0.1,
/// less when it is fine-tuned.
///
/// The rate stands outside the velocity, so a change of rate acts at once on all that *v* has
/// gathered; Sutskever et al. keep it inside, as [`Momentum`](crate::Momentum) does. For a constant
/// rate the two are the same.
///
/// # Differs from PyTorch
/// A momentum of 1 or more, which never forgets, and a dampening outside [0, 1) are refused.
///
/// # Examples
/// ```
/// use candle_core::{Device, Tensor, Var};
/// use taper_optim::{Sgd, SgdConfig, Step, UpdateRule};
///
/// let sgd = Sgd::new(SgdConfig { momentum: 0.5, ..SgdConfig::default() })?;
/// let (theta, v) = (Var::new(&[1f64], &Device::Cpu)?, Var::new(&[0f64], &Device::Cpu)?);
/// let grad = Tensor::new(&[2f64], &Device::Cpu)?;
/// for t in 1..=2 {
///     sgd.update(&theta, &grad, &[v.clone()], Step { t, lr: 0.125, weight_decay: 0.0, ..Step::default() })?;
/// }
/// assert_eq!(v.to_vec1::<f64>()?, [3.0]); // 2, then 0.5 · 2 + 2
/// assert_eq!(theta.to_vec1::<f64>()?, [0.375]); // 1 - 0.125 · (2 + 3)
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// - B. T. Polyak, *Some methods of speeding up the convergence of iteration methods*, 1964.
/// - I. Sutskever, J. Martens, G. Dahl, G. Hinton, *On the importance of initialization and
///   momentum in deep learning*, 2013.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    config: SgdConfig,
}

impl Sgd {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when `momentum` or `dampening` is outside [0, 1), or `nesterov`
    /// is asked for without momentum or with dampening.
    pub fn new(config: SgdConfig) -> std::result::Result<Self, OptimError> {
        let SgdConfig { momentum, dampening, nesterov } = config;
        require_fraction("momentum", momentum)?;
        require_fraction("dampening", dampening)?;
        if nesterov {
            require(momentum > 0.0, "momentum", "above 0 with nesterov", momentum)?;
            require(dampening == 0.0, "dampening", "0 with nesterov", dampening)?;
        }
        Ok(Self { config })
    }

    /// One update of every element.
    pub(crate) fn descend(&self, tensors: &Tensors<'_>, step: Step, decay: Decay) -> Result<()> {
        let momentum = step.momentum.unwrap_or(self.config.momentum);
        let update = SgdUpdate { config: SgdConfig { momentum, ..self.config }, step, decay };
        if self.config.momentum > 0.0 { tensors.each::<1>(update) } else { tensors.each::<0>(update) }
    }
}

elementwise!(Sgd);

impl Elementwise for Sgd {
    fn names(&self) -> &'static [&'static str] {
        if self.config.momentum > 0.0 { &["momentum"] } else { &[] }
    }

    fn follows_momentum(&self) -> bool {
        self.config.momentum > 0.0
    }

    fn run(&self, tensors: &Tensors<'_>, step: Step) -> Result<()> {
        self.descend(tensors, step, Decay::coupled(step))
    }
}

/// One update.
#[derive(Clone, Copy)]
struct SgdUpdate {
    config: SgdConfig,
    step: Step,
    decay: Decay,
}

impl Formula<0> for SgdUpdate {
    #[inline]
    fn apply<T: Number>(self, theta: T, grad: T, []: [T; 0]) -> (T, [T; 0]) {
        let grad = grad.plus(self.decay.coupled, &theta);
        (theta * self.decay.kept - grad * self.step.lr, [])
    }
}

impl Formula<1> for SgdUpdate {
    #[inline]
    fn apply<T: Number>(self, theta: T, grad: T, [v]: [T; 1]) -> (T, [T; 1]) {
        let SgdConfig { momentum, dampening, nesterov } = self.config;
        let grad = grad.plus(self.decay.coupled, &theta);
        let first = self.step.t == 1;
        let v = if first { grad.clone() } else { v * momentum + grad.clone() * (1.0 - dampening) };
        let direction = if nesterov { grad + v.clone() * momentum } else { v.clone() };
        (theta * self.decay.kept - direction * self.step.lr, [v])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::twins;

    fn refusal(config: SgdConfig) -> String {
        Sgd::new(config).unwrap_err().to_string()
    }

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let config = SgdConfig::default();
        for momentum in [1.5, 1.0, -0.1, f64::NAN] {
            let said = refusal(SgdConfig { momentum, ..config });
            assert_eq!(said, format!("momentum must be in [0, 1), got {momentum}"));
        }
        let said = refusal(SgdConfig { dampening: 2.0, ..config });
        assert_eq!(said, "dampening must be in [0, 1), got 2");
    }

    #[test]
    fn nesterov_needs_momentum_and_no_dampening() {
        let config = SgdConfig { nesterov: true, ..SgdConfig::default() };
        assert_eq!(refusal(config), "momentum must be above 0 with nesterov, got 0");
        let config = SgdConfig { momentum: 0.9, dampening: 0.5, ..config };
        assert_eq!(refusal(config), "dampening must be 0 with nesterov, got 0.5");
    }

    #[test]
    fn one_pass_and_candles_operations_agree() -> Result<()> {
        for (momentum, dampening, nesterov) in
            [(0.0, 0.0, false), (0.9, 0.0, false), (0.9, 0.5, false), (0.9, 0.0, true)]
        {
            let sgd = Sgd::new(SgdConfig { momentum, dampening, nesterov }).unwrap();
            twins::agree(&sgd)?;
        }
        Ok(())
    }
}
