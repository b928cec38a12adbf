use candle_core::{Result, Tensor, Var};

use crate::error::{OptimError, require};
use crate::fused;
use crate::part::Formula;
use crate::real::Real;
use crate::rule::{Step, UpdateRule, if_finite, scaled};

/// The settings of [`AdamW`]; the defaults are the paper's and PyTorch's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWConfig {
    /// *β₁*: the fraction of the first moment that survives an update, in [0, 1). Default 0.9.
    pub beta1: f64,
    /// *β₂*: the fraction of the second moment that survives an update, in [0, 1). Default 0.999.
    pub beta2: f64,
    /// *ε*: added to the root of the second moment; above 0. Default 1e-8.
    pub eps: f64,
}

impl Default for AdamWConfig {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-8 }
    }
}

/// Adam with decoupled weight decay: each coordinate steps by about the learning rate, whatever
/// the scale of its gradient.
///
/// ```text
/// θ ← (1 - ηλ)θ
/// m ← β₁m + (1 - β₁)g
/// v ← β₂v + (1 - β₂)g²
/// m̂ = m / (1 - β₁ᵗ)        v̂ = v / (1 - β₂ᵗ)
/// θ ← θ - η m̂ / (√v̂ + ε)
/// ```
///
/// with *β₁* = `beta1`, *β₂* = `beta2`, *ε* = `eps`, *t* = [`Step::t`], *η* = [`Step::lr`],
/// *λ* = [`Step::weight_decay`]. The moments *m* and *v* are the slots `first_moment` and
/// `second_moment`.
///
/// **Weight decay is decoupled**: it never enters the moments, and *η* scales it. It is set per
/// group, where the default is none: PyTorch's default is 0.01, and 0.05 is common for training
/// and fine-tuning image classifiers. The usual *η* is 1e-3 from scratch, 1e-5 to 1e-4 for
/// pretrained layers.
///
/// # Differs from PyTorch
/// `eps` = 0, which divides 0 by 0 where a gradient has always been 0, is refused.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor, Var};
/// use taper_optim::{AdamW, AdamWConfig, Step, UpdateRule};
///
/// let adamw = AdamW::new(AdamWConfig::default())?;
/// let theta = Var::new(&[1f64, 1.0], &Device::Cpu)?;
/// let slots = [Var::zeros(2, DType::F64, &Device::Cpu)?, Var::zeros(2, DType::F64, &Device::Cpu)?];
/// let grad = Tensor::new(&[1000f64, -0.001], &Device::Cpu)?;
/// adamw.update(&theta, &grad, &slots, Step { t: 1, lr: 0.1, weight_decay: 0.0 })?;
/// let theta = theta.to_vec1::<f64>()?;
/// assert!((theta[0] - 0.9).abs() < 1e-5 && (theta[1] - 1.1).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// - D. P. Kingma, J. Ba, *Adam: A Method for Stochastic Optimization*, 2015.
/// - I. Loshchilov, F. Hutter, *Decoupled Weight Decay Regularization*, 2019.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    config: AdamWConfig,
}

impl AdamW {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when `beta1` or `beta2` is outside [0, 1), or `eps` is not a
    /// finite number above 0.
    pub fn new(config: AdamWConfig) -> std::result::Result<Self, OptimError> {
        let AdamWConfig { beta1, beta2, eps } = config;
        let fraction = 0.0..1.0;
        require(fraction.contains(&beta1), "beta1", "in [0, 1)", beta1)?;
        require(fraction.contains(&beta2), "beta2", "in [0, 1)", beta2)?;
        require(eps.is_finite() && eps > 0.0, "eps", "finite and above 0", eps)?;
        Ok(Self { config })
    }
}

impl UpdateRule for AdamW {
    fn slots(&self) -> &'static [&'static str] {
        &["first_moment", "second_moment"]
    }

    fn update(&self, theta: &Var, grad: &Tensor, slots: &[Var], step: Step) -> Result<()> {
        self.update_scaled(theta, grad, 1.0, slots, step)
    }

    fn update_scaled(&self, theta: &Var, grad: &Tensor, factor: f64, slots: &[Var], step: Step) -> Result<()> {
        let update = AdamWUpdate::new(self.config, factor, step);
        if fused::update(update, theta, grad, slots)? { Ok(()) } else { update.composed(theta, grad, slots) }
    }

    fn update_finite(&self, theta: &Var, grad: &Tensor, slots: &[Var], step: Step) -> Result<f64> {
        let update = AdamWUpdate::new(self.config, 1.0, step);
        let squares = fused::update_finite(update, theta, grad, slots)?;
        squares.map_or_else(|| if_finite(grad, || update.composed(theta, grad, slots)), Ok)
    }
}

/// One update; the gradient counts `factor` times.
#[derive(Clone, Copy)]
struct AdamWUpdate {
    config: AdamWConfig,
    factor: f64,
    /// 1 - *ηλ*.
    decay: f64,
    /// 1 / √(1 - *β₂ᵗ*), which makes √*v* that of the corrected moment.
    root_correction: f64,
    /// *η* / (1 - *β₁ᵗ*), the rate for the uncorrected first moment.
    rate: f64,
}

impl AdamWUpdate {
    fn new(config: AdamWConfig, factor: f64, step: Step) -> Self {
        let t = step.t as f64;
        let (correction1, correction2) = (1.0 - config.beta1.powf(t), 1.0 - config.beta2.powf(t));
        Self {
            config,
            factor,
            decay: 1.0 - step.lr * step.weight_decay,
            root_correction: 1.0 / correction2.sqrt(),
            rate: step.lr / correction1,
        }
    }

    /// The same of candle's operations, for every device.
    fn composed(self, theta: &Var, grad: &Tensor, slots: &[Var]) -> Result<()> {
        let AdamWConfig { beta1, beta2, eps } = self.config;
        let [first, second] = slots else {
            candle_core::bail!("AdamW keeps 2 slots, got {}", slots.len());
        };
        let grad = scaled(grad, self.factor)?;
        let m = ((first.as_detached_tensor() * beta1)? + (&grad * (1.0 - beta1))?)?;
        let v = ((second.as_detached_tensor() * beta2)? + (grad.sqr()? * (1.0 - beta2))?)?;
        first.set(&m)?;
        second.set(&v)?;

        let root = ((v.sqrt()? * self.root_correction)? + eps)?;
        let direction = ((m / root)? * self.rate)?;
        theta.set(&((theta.as_detached_tensor() * self.decay)? - direction)?)
    }
}

impl Formula<2> for AdamWUpdate {
    #[inline]
    fn apply<T: Real>(self, theta: T, grad: T, [m, v]: [T; 2]) -> (T, [T; 2]) {
        let AdamWConfig { beta1, beta2, eps } = self.config;
        let grad = grad * T::of(self.factor);
        let m = m * T::of(beta1) + grad * T::of(1.0 - beta1);
        let v = v * T::of(beta2) + grad * grad * T::of(1.0 - beta2);
        let direction = m / (v.root() * T::of(self.root_correction) + T::of(eps)) * T::of(self.rate);
        (theta * T::of(self.decay) - direction, [m, v])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twins;

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let config = AdamWConfig::default();
        for (field, config) in [
            ("beta1", AdamWConfig { beta1: 1.0, ..config }),
            ("beta2", AdamWConfig { beta2: -0.5, ..config }),
            ("eps", AdamWConfig { eps: 0.0, ..config }),
            ("eps", AdamWConfig { eps: f64::INFINITY, ..config }),
        ] {
            let said = AdamW::new(config).unwrap_err().to_string();
            assert!(said.starts_with(field), "{said}");
        }
    }

    #[test]
    fn one_pass_and_candles_operations_agree() -> Result<()> {
        let adamw = AdamW::new(AdamWConfig::default()).unwrap();
        twins::agree(&adamw, |theta, grad, factor, slots, step| {
            AdamWUpdate::new(adamw.config, factor, step).composed(theta, grad, slots)
        })
    }
}
