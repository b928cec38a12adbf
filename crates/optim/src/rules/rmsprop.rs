use candle_core::{Result, Tensor, Var};
use serde::{Deserialize, Serialize};

use crate::engine::elementwise::{Elementwise, Tensors, elementwise};
use crate::engine::number::Number;
use crate::engine::part::Formula;
use crate::error::{OptimError, require_fraction, require_positive};
use crate::rule::Step;

/// The settings of [`RmsProp`]; the defaults are PyTorch's.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RmsPropConfig {
    /// *α*: the fraction of the mean of squares that survives an update, in [0, 1). Default 0.99;
    /// the lecture has 0.9.
    pub alpha: f64,
    /// *μ*: the fraction of the velocity that survives an update, in [0, 1). Default 0.
    pub momentum: f64,
    /// Whether to divide by the standard deviation of the gradient in place of its root mean
    /// square. Default no.
    pub centered: bool,
    /// *ε*: added to the root; above 0. Default 1e-8.
    pub eps: f64,
}

impl Default for RmsPropConfig {
    fn default() -> Self {
        Self { alpha: 0.99, momentum: 0.0, centered: false, eps: 1e-8 }
    }
}

/// RMSProp: the gradient divided by a running root mean square of itself.
///
/// ```text
/// g ← g + λθ
/// v ← αv + (1 - α)g²
/// m ← αm + (1 - α)g                 centered only
/// s = v                             or max(v - m², 0) when centered
/// d = g / (√s + ε)
/// b ← μb + d,  d = b                with momentum only
/// θ ← θ - ηd
/// ```
///
/// with *α* = `alpha`, *μ* = `momentum`, *ε* = `eps`, *η* = [`Step::lr`],
/// *λ* = [`Step::weight_decay`]. The means *v* and *m* are the slots `second_moment` and
/// `first_moment`, and the velocity *b* is the slot `momentum`; those not in use do not exist.
///
/// *v* starts from 0 and nothing corrects that: the first step is 1/√(1 - *α*) times *η*, 10 times
/// by default. The usual *η* is 1e-3 to 1e-2.
///
/// **Weight decay is coupled**: it is divided by √*s* like the rest of the gradient.
///
/// # Differs from PyTorch
/// A variance *v* - *m*² that rounding has made negative counts as 0, where PyTorch goes on with a
/// NaN. A momentum of 1 or more and `eps` = 0 are refused.
///
/// # Examples
/// ```
/// use candle_core::{Device, Tensor, Var};
/// use taper_optim::{RmsProp, RmsPropConfig, Step, UpdateRule};
///
/// let rule = RmsProp::new(RmsPropConfig { alpha: 0.75, ..RmsPropConfig::default() })?;
/// let (theta, v) = (Var::new(&[1f64], &Device::Cpu)?, Var::new(&[0f64], &Device::Cpu)?);
/// let grad = Tensor::new(&[100f64], &Device::Cpu)?;
/// rule.update(&theta, &grad, &[v.clone()], Step { t: 1, lr: 0.1, weight_decay: 0.0, ..Step::default() })?;
/// assert_eq!(v.to_vec1::<f64>()?, [2500.0]); // 0.25 · 100²
/// assert!((theta.to_vec1::<f64>()?[0] - 0.8).abs() < 1e-9); // 1 - 0.1 · 100/50
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// - T. Tieleman, G. Hinton, *Lecture 6.5: RMSProp*, Neural Networks for Machine Learning, 2012.
/// - A. Graves, *Generating Sequences With Recurrent Neural Networks*, 2013 (centered).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsProp {
    config: RmsPropConfig,
}

impl RmsProp {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when `alpha` or `momentum` is outside [0, 1), or `eps` is not a
    /// finite number above 0.
    pub fn new(config: RmsPropConfig) -> std::result::Result<Self, OptimError> {
        require_fraction("alpha", config.alpha)?;
        require_fraction("momentum", config.momentum)?;
        require_positive("eps", config.eps)?;
        Ok(Self { config })
    }
}

elementwise!(RmsProp);

impl Elementwise for RmsProp {
    fn names(&self) -> &'static [&'static str] {
        match (self.config.centered, self.config.momentum > 0.0) {
            (false, false) => &["second_moment"],
            (false, true) => &["second_moment", "momentum"],
            (true, false) => &["second_moment", "first_moment"],
            (true, true) => &["second_moment", "first_moment", "momentum"],
        }
    }

    fn follows_momentum(&self) -> bool {
        self.config.momentum > 0.0
    }

    fn run(&self, tensors: &Tensors<'_>, step: Step) -> Result<()> {
        let momentum = step.momentum.unwrap_or(self.config.momentum);
        let update = RmsPropUpdate { config: RmsPropConfig { momentum, ..self.config }, step };
        match self.names().len() {
            1 => tensors.each::<1>(update),
            2 => tensors.each::<2>(update),
            _ => tensors.each::<3>(update),
        }
    }
}

/// One update.
#[derive(Clone, Copy)]
struct RmsPropUpdate {
    config: RmsPropConfig,
    step: Step,
}

impl RmsPropUpdate {
    /// The next of a running mean.
    #[inline]
    fn mean<T: Number>(self, mean: T, value: T) -> T {
        mean * self.config.alpha + value * (1.0 - self.config.alpha)
    }

    /// The next *v*, the next *m* and the direction when centered.
    #[inline]
    fn centered<T: Number>(self, grad: T, v: T, m: T) -> (T, T, T) {
        let v = self.mean(v, grad.clone().square());
        let m = self.mean(m, grad.clone());
        let variance = v.clone() - m.clone().square();
        let zero = variance.clone() * 0.0;
        let direction = self.direction(grad, variance.max(zero));
        (v, m, direction)
    }

    #[inline]
    fn direction<T: Number>(self, grad: T, s: T) -> T {
        grad / (s.sqrt() + self.config.eps)
    }

    #[inline]
    fn velocity<T: Number>(self, b: T, direction: T) -> T {
        b * self.config.momentum + direction
    }

    #[inline]
    fn descend<T: Number>(self, theta: T, direction: T) -> T {
        theta - direction * self.step.lr
    }
}

/// Neither centered nor with momentum.
impl Formula<1> for RmsPropUpdate {
    #[inline]
    fn apply<T: Number>(self, theta: T, grad: T, [v]: [T; 1]) -> (T, [T; 1]) {
        let grad = grad.plus(self.step.weight_decay, &theta);
        let v = self.mean(v, grad.clone().square());
        (self.descend(theta, self.direction(grad, v.clone())), [v])
    }
}

/// One of the two.
impl Formula<2> for RmsPropUpdate {
    #[inline]
    fn apply<T: Number>(self, theta: T, grad: T, [v, other]: [T; 2]) -> (T, [T; 2]) {
        let grad = grad.plus(self.step.weight_decay, &theta);
        if self.config.centered {
            let (v, m, direction) = self.centered(grad, v, other);
            (self.descend(theta, direction), [v, m])
        } else {
            let v = self.mean(v, grad.clone().square());
            let b = self.velocity(other, self.direction(grad, v.clone()));
            (self.descend(theta, b.clone()), [v, b])
        }
    }
}

/// Both.
impl Formula<3> for RmsPropUpdate {
    #[inline]
    fn apply<T: Number>(self, theta: T, grad: T, [v, m, b]: [T; 3]) -> (T, [T; 3]) {
        let (v, m, direction) = self.centered(grad.plus(self.step.weight_decay, &theta), v, m);
        let b = self.velocity(b, direction);
        (self.descend(theta, b.clone()), [v, m, b])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UpdateRule;
    use crate::engine::twins;
    use candle_core::{DType, Device};

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let config = RmsPropConfig::default();
        for (field, config) in [
            ("alpha", RmsPropConfig { alpha: 1.0, ..config }),
            ("momentum", RmsPropConfig { momentum: -0.5, ..config }),
            ("eps", RmsPropConfig { eps: f64::NAN, ..config }),
        ] {
            let said = RmsProp::new(config).unwrap_err().to_string();
            assert!(said.starts_with(field), "{said}");
        }
    }

    #[test]
    fn one_pass_and_candles_operations_agree() -> Result<()> {
        for (centered, momentum) in [(false, 0.0), (false, 0.9), (true, 0.0), (true, 0.9)] {
            twins::agree(&RmsProp::new(RmsPropConfig { centered, momentum, ..RmsPropConfig::default() }).unwrap())?;
        }
        Ok(())
    }

    #[test]
    fn a_variance_below_zero_makes_no_nan() -> Result<()> {
        let rule = RmsProp::new(RmsPropConfig { alpha: 0.5, centered: true, ..RmsPropConfig::default() }).unwrap();
        let theta = Var::zeros(64, DType::F32, &Device::Cpu)?;
        let slots = [(); 2].map(|()| Var::zeros(64, DType::F32, &Device::Cpu).unwrap());
        let values: Vec<f32> = (0..64).map(|i| 0.1 + 0.37 * i as f32).collect();
        let grad = Tensor::new(values, &Device::Cpu)?;
        for t in 1..=60 {
            rule.update(&theta, &grad, &slots, Step { t, lr: 1e-6, weight_decay: 0.0, ..Step::default() })?;
        }
        let [v, m] = slots.map(|slot| slot.to_vec1::<f32>().unwrap());
        assert!(v.iter().zip(&m).any(|(v, m)| v - m * m < 0.0), "no variance is below 0");
        assert!(theta.to_vec1::<f32>()?.iter().all(|theta| theta.is_finite()));
        Ok(())
    }
}
