use candle_core::{Result, Tensor, Var};
use serde::{Deserialize, Serialize};

use crate::engine::elementwise::{Elementwise, Tensors, elementwise};
use crate::engine::number::Number;
use crate::engine::part::Formula;
use crate::error::{OptimError, require_positive};
use crate::rule::Step;
use crate::rules::decay::Decay;
use crate::rules::moments::Moments;

/// The settings of [`Adam`] and [`AdamW`](crate::AdamW); the defaults are the paper's and
/// PyTorch's.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamConfig {
    /// *β₁*: the fraction of the first moment that survives an update, in [0, 1). Default 0.9.
    pub beta1: f64,
    /// *β₂*: the fraction of the second moment that survives an update, in [0, 1). Default 0.999.
    pub beta2: f64,
    /// *ε*: added to the root of the second moment; above 0. Default 1e-8.
    pub eps: f64,
    /// Whether the greatest second moment so far takes the place of the present one, so that the
    /// rate of an element never grows again (AMSGrad). Default no.
    pub amsgrad: bool,
    /// Whether to divide the moments by what part of them is not the zeros that they began with.
    /// Default yes. Without it the first steps are (1 - *β₁*)/√(1 - *β₂*) times as long: 3.2 times
    /// by default.
    pub bias_correction: bool,
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-8, amsgrad: false, bias_correction: true }
    }
}

/// Adam: each coordinate steps by about the learning rate, whatever the scale of its gradient.
///
/// ```text
/// g ← g + λθ
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
/// **Weight decay is coupled**: it is divided by √*ŝ* like the rest of the gradient, so that
/// weights with large gradients decay less. [`AdamW`](crate::AdamW) is the same rule with decoupled
/// decay and the usual choice when weights decay at all. The usual *η* is 1e-3 to 5e-4 from
/// scratch.
///
/// # Differs from PyTorch
/// `eps` = 0, which divides 0 by 0 where a gradient has always been 0, is refused. PyTorch always
/// corrects the bias.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor, Var};
/// use taper_optim::{Adam, AdamConfig, Step, UpdateRule};
///
/// let adam = Adam::new(AdamConfig::default())?;
/// let theta = Var::new(&[1f64, 1.0], &Device::Cpu)?;
/// let slots = [Var::zeros(2, DType::F64, &Device::Cpu)?, Var::zeros(2, DType::F64, &Device::Cpu)?];
/// let grad = Tensor::new(&[1000f64, -0.001], &Device::Cpu)?;
/// adam.update(&theta, &grad, &slots, Step { t: 1, lr: 0.1, weight_decay: 0.0, ..Step::default() })?;
/// let theta = theta.to_vec1::<f64>()?;
/// assert!((theta[0] - 0.9).abs() < 1e-5 && (theta[1] - 1.1).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// - D. P. Kingma, J. Ba, *Adam: A Method for Stochastic Optimization*, 2015.
/// - S. J. Reddi, S. Kale, S. Kumar, *On the Convergence of Adam and Beyond*, 2018 (AMSGrad).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    formula: AdamFormula,
}

impl Adam {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when `beta1` or `beta2` is outside [0, 1), or `eps` is not a
    /// finite number above 0.
    pub fn new(config: AdamConfig) -> std::result::Result<Self, OptimError> {
        Ok(Self { formula: AdamFormula::new(config)? })
    }
}

elementwise!(Adam);

impl Elementwise for Adam {
    fn names(&self) -> &'static [&'static str] {
        self.formula.slots()
    }

    fn follows_momentum(&self) -> bool {
        true
    }

    fn run(&self, tensors: &Tensors<'_>, step: Step) -> Result<()> {
        self.formula.run(tensors, step, Decay::coupled(step))
    }
}

/// What [`Adam`] and [`AdamW`](crate::AdamW) have in common: everything but the kind of decay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct AdamFormula {
    config: AdamConfig,
    moments: Moments,
}

impl AdamFormula {
    pub(crate) fn new(config: AdamConfig) -> std::result::Result<Self, OptimError> {
        let moments = Moments::new(config.beta1, config.beta2)?;
        require_positive("eps", config.eps)?;
        Ok(Self { config, moments })
    }

    pub(crate) fn slots(&self) -> &'static [&'static str] {
        if self.config.amsgrad { &["first_moment", "second_moment", "greatest_second_moment"] } else { Moments::SLOTS }
    }

    pub(crate) fn run(&self, tensors: &Tensors<'_>, step: Step, decay: Decay) -> Result<()> {
        let (moments, eps) = (self.moments.at(step), self.config.eps);
        let [first, second] = if self.config.bias_correction { moments.corrections(step.t) } else { [1.0; 2] };
        let update = AdamUpdate { moments, decay, root_correction: 1.0 / second.sqrt(), eps, rate: step.lr / first };
        if self.config.amsgrad { tensors.each::<3>(update) } else { tensors.each::<2>(update) }
    }
}

/// One update.
#[derive(Clone, Copy)]
struct AdamUpdate {
    moments: Moments,
    decay: Decay,
    /// 1 / √(1 - *β₂ᵗ*), which makes √*s* that of the corrected moment.
    root_correction: f64,
    eps: f64,
    /// *η* / (1 - *β₁ᵗ*), the rate for the uncorrected first moment.
    rate: f64,
}

impl AdamUpdate {
    #[inline]
    fn moments<T: Number>(self, theta: &T, grad: T, moments: [T; 2]) -> [T; 2] {
        self.moments.next(grad.plus(self.decay.coupled, theta), moments)
    }

    #[inline]
    fn descend<T: Number>(self, theta: T, m: T, s: T) -> T {
        theta * self.decay.kept - m / (s.sqrt() * self.root_correction + self.eps) * self.rate
    }
}

impl Formula<2> for AdamUpdate {
    #[inline]
    fn apply<T: Number>(self, theta: T, grad: T, moments: [T; 2]) -> (T, [T; 2]) {
        let [m, v] = self.moments(&theta, grad, moments);
        (self.descend(theta, m.clone(), v.clone()), [m, v])
    }
}

impl Formula<3> for AdamUpdate {
    #[inline]
    fn apply<T: Number>(self, theta: T, grad: T, [m, v, s]: [T; 3]) -> (T, [T; 3]) {
        let [m, v] = self.moments(&theta, grad, [m, v]);
        let s = s.max(v.clone());
        (self.descend(theta, m.clone(), s.clone()), [m, v, s])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::twins;

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let config = AdamConfig::default();
        for (field, config) in [
            ("beta1", AdamConfig { beta1: 1.0, ..config }),
            ("beta2", AdamConfig { beta2: -0.5, ..config }),
            ("eps", AdamConfig { eps: 0.0, ..config }),
            ("eps", AdamConfig { eps: f64::INFINITY, ..config }),
        ] {
            let said = Adam::new(config).unwrap_err().to_string();
            assert!(said.starts_with(field), "{said}");
        }
    }

    #[test]
    fn one_pass_and_candles_operations_agree() -> Result<()> {
        for (amsgrad, bias_correction) in [(false, true), (true, true), (false, false)] {
            let config = AdamConfig { amsgrad, bias_correction, ..AdamConfig::default() };
            twins::agree(&Adam::new(config).unwrap())?;
        }
        Ok(())
    }
}
