use std::iter;

use candle_core::{Result as TensorResult, backprop::GradStore};

use crate::displaced::Displaced;
use crate::engine::elementwise::Tensors;
use crate::engine::number::Number;
use crate::engine::part::Formula;
use crate::engine::squares::sum_of_squares;
use crate::error::{OptimError, require_positive, tensor_error};
use crate::gradient::gradient;
use crate::optimizer::Optimizer;

/// The settings of [`Sam`]; the default is the paper's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SamConfig {
    /// *ρ*: how far the point lies at which the gradient is taken; above 0. Default 0.05.
    pub rho: f64,
}

impl Default for SamConfig {
    fn default() -> Self {
        Self { rho: 0.05 }
    }
}

/// Sharpness-aware minimization: a step by the gradient at the worst point near by, with any rule.
///
/// ```text
/// e = ρ g(θ) / (‖g(θ)‖ + 1e-12)
/// θ ← rule(θ, g(θ + e))
/// ```
///
/// with *ρ* = `rho` and ‖*g*‖ over all parameters of the optimizer. A minimum is left when the loss
/// rises steeply around it; a flat one generalizes better. Every step takes two gradients and so
/// twice the time. Nothing is remembered between steps: the state is the optimizer's.
///
/// Clipping, weight decay, and skipping concern the second gradient alone. Layers that draw random
/// numbers should draw the same for both; batch norm should keep its running statistics in the
/// second pass, as it has seen the batch already.
///
/// # Differs from the paper
/// The norm is that of *p* = 2, and 1e-12 is added to it, as implementations do.
///
/// # Examples
/// ```
/// use candle_core::{Device, Var};
/// use taper_optim::{Group, Optimizer, OptimizerConfig, Sam, SamConfig, Sgd, SgdConfig};
///
/// let x = Var::new(&[3f64, 4.0], &Device::Cpu)?;
/// let group = Group { params: vec![("x".into(), x.clone())], ..Group::default() };
/// let rule = Box::new(Sgd::new(SgdConfig::default())?);
/// let mut optimizer = Optimizer::new(rule, vec![group], OptimizerConfig::default())?;
/// let sam = Sam::new(SamConfig { rho: 0.5 })?;
/// let gradients = || (x.sqr()?.sum_all()? / 2.0)?.backward();
///
/// let perturbed = sam.perturb(&optimizer, &gradients()?)?;
/// let x_perturbed = x.to_vec1::<f64>()?; // 0.5 along (3, 4)/5
/// assert!((x_perturbed[0] - 3.3).abs() < 1e-9 && (x_perturbed[1] - 4.4).abs() < 1e-9);
/// let second = gradients()?;
/// perturbed.restore()?;
/// optimizer.step(&second, 1.0)?;
/// assert!((x.to_vec1::<f64>()?[0] + 0.3).abs() < 1e-9);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// P. Foret, A. Kleiner, H. Mobahi, B. Neyshabur, *Sharpness-Aware Minimization for Efficiently
/// Improving Generalization*, 2021.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sam {
    config: SamConfig,
}

impl Sam {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when `rho` is not a finite number above 0.
    pub fn new(config: SamConfig) -> Result<Self, OptimError> {
        require_positive("rho", config.rho)?;
        Ok(Self { config })
    }

    /// Moves the optimizer's parameters along their gradients to *θ* + *e*, where the gradient for
    /// the step is to be taken. Call [`Displaced::restore`] between that and the step.
    ///
    /// # Errors
    /// Without any change:
    /// - [`OptimError::MissingGradient`], [`OptimError::Mismatch`] for gradients that
    ///   [`Optimizer::step`] refuses as well;
    /// - [`OptimError::NonFiniteGradient`] when a gradient holds a NaN or an infinity;
    /// - [`OptimError::Tensor`] when a tensor operation fails.
    pub fn perturb(&self, optimizer: &Optimizer, grads: &GradStore) -> Result<Displaced, OptimError> {
        let (trained, missing) = (&optimizer.trained, optimizer.config.missing);
        let own = trained.iter().map(|param| gradient(&param.name, &param.var, grads, missing));
        let grads = own.collect::<Result<Vec<_>, _>>()?;
        let mut squares = 0.0;
        for (param, grad) in iter::zip(trained, &grads) {
            squares += param.finite(sum_of_squares(grad))?;
        }
        let ascent = Ascent { rate: self.config.rho / (f64::sqrt(squares) + 1e-12) };
        let mut displaced = Displaced::default();
        for (param, grad) in iter::zip(trained, &grads) {
            displaced.keep(&param.name, &param.var)?;
            let moved: TensorResult<()> = Tensors::new(&param.var, grad, 1.0, &[]).each(ascent);
            moved.map_err(|source| tensor_error(&param.name, source))?;
        }
        Ok(displaced)
    }
}

/// *θ* ← *θ* + `rate`·*g*.
#[derive(Clone, Copy)]
struct Ascent {
    rate: f64,
}

impl Formula<0> for Ascent {
    #[inline]
    fn apply<T: Number>(self, theta: T, grad: T, []: [T; 0]) -> (T, [T; 0]) {
        (theta + grad * self.rate, [])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_radius_out_of_range_is_refused_by_name() {
        for rho in [0.0, -0.1, f64::NAN, f64::INFINITY] {
            let said = Sam::new(SamConfig { rho }).unwrap_err().to_string();
            assert_eq!(said, format!("rho must be finite and above 0, got {rho}"));
        }
    }
}
