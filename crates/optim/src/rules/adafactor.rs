use candle_core::{D, DType, Result, Tensor, Var, bail};
use serde::{Deserialize, Serialize};

use crate::error::{OptimError, require, require_not_negative};
use crate::rule::{Step, UpdateRule};
use crate::rules::direction::{descend, norm};

/// The settings of [`Adafactor`]; the defaults are PyTorch's.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdafactorConfig {
    /// *τ*: the second moment takes in *t^τ* of a new square, at most 0. Default -0.8.
    pub beta2_decay: f64,
    /// *ε₁*: the least root of the second moment, 0 or more. Default none: the distance from 1 to
    /// the next number of the parameter's type.
    pub eps1: Option<f64>,
    /// *ε₂*: the root mean square that a tensor has at least when its step is measured, 0 or more.
    /// Default 1e-3.
    pub eps2: f64,
    /// *d*: the greatest root mean square of the direction, at least 1. Default 1.
    pub d: f64,
}

impl Default for AdafactorConfig {
    fn default() -> Self {
        Self { beta2_decay: -0.8, eps1: None, eps2: 1e-3, d: 1.0 }
    }
}

/// Adafactor: steps in proportion to each tensor's size, by a second moment that is kept as its
/// row and column means.
///
/// ```text
/// α = max(ε₂, rms(θ))·min(η, 1/√t)
/// θ ← (1 - ηλ)θ
/// r ← r + t^τ(mean of g² over columns - r)
/// c ← c + t^τ(mean of g² over rows - c)
/// v = rc / max(mean(r), ε₁)                      of matrices
/// v ← v + t^τ(g² - v)                            of vectors and scalars
/// u = g / max(√v, ε₁)
/// θ ← θ - αu / max(1, rms(u)/d)
/// ```
///
/// with *τ* = `beta2_decay`, *ε₁* = `eps1`, *ε₂* = `eps2`, *d* = `d`, *t* = [`Step::t`],
/// *η* = [`Step::lr`], *λ* = [`Step::weight_decay`], and rms the root mean square of a tensor. *r*
/// and *c* are the slots `row_moment` and `column_moment`, *v* the slot `second_moment`; those that
/// a tensor has no use for are empty. The usual *η* is 1e-2.
///
/// A tensor of more than two axes is a stack of matrices over its last two, as in PyTorch: the
/// weights of a convolution (*O*, *I*, *K*, *K*) are factored over the *K* by *K* positions, which
/// for *K* = 3 keeps 6 numbers for 9. There is no first moment, and so no momentum.
///
/// **Weight decay is decoupled**; *η* scales it.
///
/// # Differs from PyTorch
/// In nothing but rounding.
///
/// # Differs from the paper
/// The greatest relative step is *η*, where the paper has 0.01; *ε₁* is applied to the second
/// moment, where the paper adds it to *g*²; the paper has no weight decay.
///
/// # Examples
/// ```
/// use candle_core::{Device, Tensor, Var};
/// use taper_optim::{Adafactor, AdafactorConfig, Step, UpdateRule};
///
/// let rule = Adafactor::new(AdafactorConfig::default())?;
/// let theta = Var::new(&[[2f64, 2.0], [2.0, 2.0]], &Device::Cpu)?;
/// let slots: Vec<Var> = rule.slots().iter().map(|slot| rule.new_slot(slot, &theta)).collect::<Result<_, _>>()?;
/// let grad = Tensor::new(&[[9f64, 90.0], [-9.0, 90.0]], &Device::Cpu)?;
/// rule.update(&theta, &grad, &slots, Step { lr: 0.25, ..Step::default() })?;
/// let expected = [[1.5, 1.5], [2.5, 1.5]]; // a quarter of the root mean square 2
/// for (row, expected) in theta.to_vec2::<f64>()?.iter().zip(expected) {
///     assert!((row[0] - expected[0]).abs() + (row[1] - expected[1]).abs() < 1e-9);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// N. Shazeer, M. Stern, *Adafactor: Adaptive Learning Rates with Sublinear Memory Cost*, 2018.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adafactor {
    config: AdafactorConfig,
}

impl Adafactor {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when `beta2_decay` is above 0, `eps1` or `eps2` is negative or not
    /// finite, or `d` is below 1.
    pub fn new(config: AdafactorConfig) -> std::result::Result<Self, OptimError> {
        let AdafactorConfig { beta2_decay, eps1, eps2, d } = config;
        require(beta2_decay.is_finite() && beta2_decay <= 0.0, "beta2_decay", "finite and at most 0", beta2_decay)?;
        require_not_negative("eps1", eps1.unwrap_or(0.0))?;
        require_not_negative("eps2", eps2)?;
        require(d.is_finite() && d >= 1.0, "d", "finite and at least 1", d)?;
        Ok(Self { config })
    }

    fn eps1(&self, dtype: DType) -> f64 {
        let epsilon = if dtype == DType::F32 { f64::from(f32::EPSILON) } else { f64::EPSILON };
        self.config.eps1.unwrap_or(epsilon)
    }

    /// *v* after this update.
    fn second_moment(&self, grad: &Tensor, slots: &[Var], share: f64) -> Result<Tensor> {
        let [row, column, second] = slots else {
            bail!("Adafactor keeps {} slots, got {}", self.slots().len(), slots.len());
        };
        let squares = grad.sqr()?;
        if grad.rank() < 2 {
            return approach(second, &squares, share);
        }
        let row = approach(row, &squares.mean_keepdim(D::Minus1)?, share)?;
        let column = approach(column, &squares.mean_keepdim(D::Minus2)?, share)?;
        let mean = row.mean_keepdim(D::Minus2)?.maximum(self.eps1(grad.dtype()))?;
        row.broadcast_mul(&column)?.broadcast_div(&mean)
    }
}

/// Moves the running mean a part of the way to the value.
fn approach(mean: &Var, value: &Tensor, share: f64) -> Result<Tensor> {
    let old = mean.as_detached_tensor();
    let new = (&old + ((value - &old)? * share)?)?;
    mean.set(&new)?;
    Ok(new)
}

/// The root mean square of all elements.
fn root_mean_square(tensor: &Tensor) -> Result<f64> {
    Ok(norm(tensor)? / (tensor.elem_count() as f64).sqrt())
}

impl UpdateRule for Adafactor {
    fn slots(&self) -> &[&'static str] {
        &["row_moment", "column_moment", "second_moment"]
    }

    fn new_slot(&self, slot: &str, theta: &Var) -> Result<Var> {
        let (mut shape, rank) = (theta.dims().to_vec(), theta.rank());
        match slot {
            "row_moment" if rank > 1 => shape[rank - 1] = 1,
            "column_moment" if rank > 1 => shape[rank - 2] = 1,
            "second_moment" if rank < 2 => {}
            _ => shape = vec![0],
        }
        Var::zeros(shape, theta.dtype(), theta.device())
    }

    fn update(&self, theta: &Var, grad: &Tensor, slots: &[Var], step: Step) -> Result<()> {
        if theta.elem_count() == 0 {
            return Ok(());
        }
        let AdafactorConfig { beta2_decay, eps2, d, .. } = self.config;
        let (t, grad) = (step.t as f64, grad.detach());
        let length = root_mean_square(theta)?.max(eps2) * step.lr.min(1.0 / t.sqrt());
        let second = self.second_moment(&grad, slots, t.powf(beta2_decay))?;
        let direction = (grad / second.sqrt()?.maximum(self.eps1(theta.dtype()))?)?;
        let too_long = (root_mean_square(&direction)? / d).max(1.0);
        descend(theta, &direction, 1.0 - step.lr * step.weight_decay, length / too_long)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let config = AdafactorConfig::default();
        for (field, config) in [
            ("beta2_decay", AdafactorConfig { beta2_decay: 0.1, ..config }),
            ("eps1", AdafactorConfig { eps1: Some(-1.0), ..config }),
            ("eps2", AdafactorConfig { eps2: f64::NAN, ..config }),
            ("d", AdafactorConfig { d: 0.5, ..config }),
        ] {
            let said = Adafactor::new(config).unwrap_err().to_string();
            assert!(said.starts_with(field), "{said}");
        }
    }

    #[test]
    fn a_tensor_keeps_what_it_has_a_use_for() -> Result<()> {
        let rule = Adafactor::new(AdafactorConfig::default()).unwrap();
        for (shape, expected) in [
            (vec![], [vec![0], vec![0], vec![]]),
            (vec![5], [vec![0], vec![0], vec![5]]),
            (vec![4, 3], [vec![4, 1], vec![1, 3], vec![0]]),
            (vec![8, 4, 3, 3], [vec![8, 4, 3, 1], vec![8, 4, 1, 3], vec![0]]),
        ] {
            let theta = Var::zeros(shape, DType::F32, &Device::Cpu)?;
            for (slot, expected) in rule.slots().iter().zip(expected) {
                assert_eq!(rule.new_slot(slot, &theta)?.dims(), expected, "{slot}");
            }
        }
        Ok(())
    }

    #[test]
    fn no_gradient_is_no_step() -> Result<()> {
        let rule = Adafactor::new(AdafactorConfig::default()).unwrap();
        let theta = Var::new(&[[1f32, 2.0], [0.0, 4.0]], &Device::Cpu)?;
        let slots = rule.slots().iter().map(|slot| rule.new_slot(slot, &theta)).collect::<Result<Vec<_>>>()?;
        rule.update(&theta, &theta.zeros_like()?, &slots, Step::default())?;
        assert_eq!(theta.to_vec2::<f32>()?, [[1.0, 2.0], [0.0, 4.0]]);
        Ok(())
    }
}
