use candle_core::{Result, Tensor, Var};

use crate::error::{OptimError, require};
use crate::fused;
use crate::part::Formula;
use crate::real::Real;
use crate::rule::{Step, UpdateRule, if_finite, scaled};

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
/// **Weight decay is coupled** (an L2 penalty of *λ*‖*θ*‖²/2). Common values: 5e-4 and 1e-4 when a
/// network is trained from scratch with *η* = 0.1, less when it is fine-tuned.
///
/// The rate stands outside the velocity, so a change of rate acts at once on all that *v* has
/// gathered; Sutskever et al. keep it inside. For a constant rate the two are the same.
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
///     sgd.update(&theta, &grad, &[v.clone()], Step { t, lr: 0.125, weight_decay: 0.0 })?;
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
        let fraction = 0.0..1.0;
        require(fraction.contains(&momentum), "momentum", "in [0, 1)", momentum)?;
        require(fraction.contains(&dampening), "dampening", "in [0, 1)", dampening)?;
        if nesterov {
            require(momentum > 0.0, "momentum", "above 0 with nesterov", momentum)?;
            require(dampening == 0.0, "dampening", "0 with nesterov", dampening)?;
        }
        Ok(Self { config })
    }
}

impl UpdateRule for Sgd {
    fn slots(&self) -> &'static [&'static str] {
        if self.config.momentum > 0.0 { &["momentum"] } else { &[] }
    }

    fn update(&self, theta: &Var, grad: &Tensor, slots: &[Var], step: Step) -> Result<()> {
        self.update_scaled(theta, grad, 1.0, slots, step)
    }

    fn update_scaled(&self, theta: &Var, grad: &Tensor, factor: f64, slots: &[Var], step: Step) -> Result<()> {
        let update = SgdUpdate { config: self.config, factor, step };
        let done = match self.slots() {
            [] => fused::update::<0>(update, theta, grad, slots)?,
            _ => fused::update::<1>(update, theta, grad, slots)?,
        };
        if done { Ok(()) } else { update.composed(theta, grad, slots) }
    }

    fn update_finite(&self, theta: &Var, grad: &Tensor, slots: &[Var], step: Step) -> Result<f64> {
        let update = SgdUpdate { config: self.config, factor: 1.0, step };
        let squares = match self.slots() {
            [] => fused::update_finite::<0>(update, theta, grad, slots)?,
            _ => fused::update_finite::<1>(update, theta, grad, slots)?,
        };
        squares.map_or_else(|| if_finite(grad, || update.composed(theta, grad, slots)), Ok)
    }
}

/// One update; the gradient counts `factor` times.
#[derive(Clone, Copy)]
struct SgdUpdate {
    config: SgdConfig,
    factor: f64,
    step: Step,
}

impl Formula<0> for SgdUpdate {
    #[inline]
    fn apply<T: Real>(self, theta: T, grad: T, []: [T; 0]) -> (T, [T; 0]) {
        let direction = grad * T::of(self.factor) + theta * T::of(self.step.weight_decay);
        (theta - direction * T::of(self.step.lr), [])
    }
}

impl Formula<1> for SgdUpdate {
    #[inline]
    fn apply<T: Real>(self, theta: T, grad: T, [velocity]: [T; 1]) -> (T, [T; 1]) {
        let SgdConfig { momentum, dampening, nesterov } = self.config;
        let grad = grad * T::of(self.factor) + theta * T::of(self.step.weight_decay);
        let first = self.step.t == 1;
        let velocity = if first { grad } else { velocity * T::of(momentum) + grad * T::of(1.0 - dampening) };
        let direction = if nesterov { grad + velocity * T::of(momentum) } else { velocity };
        (theta - direction * T::of(self.step.lr), [velocity])
    }
}

impl SgdUpdate {
    /// The same of candle's operations, for every device.
    fn composed(self, theta: &Var, grad: &Tensor, slots: &[Var]) -> Result<()> {
        let SgdConfig { momentum, dampening, nesterov } = self.config;
        let value = theta.as_detached_tensor();
        let mut direction = scaled(grad, self.factor)?;
        if self.step.weight_decay != 0.0 {
            direction = (direction + (&value * self.step.weight_decay)?)?;
        }
        if momentum > 0.0 {
            let [slot] = slots else {
                candle_core::bail!("SGD with momentum keeps 1 slot, got {}", slots.len());
            };
            let velocity = if self.step.t == 1 {
                direction.clone()
            } else {
                ((slot.as_detached_tensor() * momentum)? + (&direction * (1.0 - dampening))?)?
            };
            slot.set(&velocity)?;
            direction = if nesterov { (direction + (velocity * momentum)?)? } else { velocity };
        }
        theta.set(&(value - (direction * self.step.lr)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twins;

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
            twins::agree(&sgd, |theta, grad, factor, slots, step| {
                SgdUpdate { config: sgd.config, factor, step }.composed(theta, grad, slots)
            })?;
        }
        Ok(())
    }
}
