use std::iter;

use candle_core::{Result as TensorResult, Tensor, backprop::GradStore};

use crate::adaptive;
use crate::clip::{Clip, clip_factor};
use crate::engine::squares::sum_of_squares;
use crate::error::{OptimError, require, tensor_error};
use crate::gradient::gradient;
use crate::optimizer::{NonFinite, Optimizer, Trained};

/// What a step found in the gradients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepStats {
    /// The length of all gradients taken as one vector, before clipping; a NaN when the step was
    /// skipped.
    pub gradient_norm: f64,
    /// What clipping multiplied that length by: 1 unless something was clipped, 0 when the step was
    /// skipped.
    pub clip_factor: f64,
    /// How many steps have been [skipped](NonFinite::Skip) so far, this one included.
    pub skipped: u64,
}

impl Optimizer {
    /// Updates every parameter once; `lr` is the learning rate before the groups' factors. It may
    /// be 0, where a schedule ends.
    ///
    /// With clipping, or when steps may be skipped, all gradients are read before the first
    /// parameter changes. Otherwise a gradient is read as its parameter is updated, once for both.
    ///
    /// # Errors
    /// Without any change to parameters or state:
    /// - [`OptimError::BadConfig`] when `lr` is negative or not finite;
    /// - [`OptimError::MissingGradient`] when a parameter has no gradient, unless that [counts as 0](crate::Missing::Zero);
    /// - [`OptimError::Mismatch`] when a gradient has another shape or type than its parameter.
    ///
    /// [`OptimError::NonFiniteGradient`] when a gradient holds a NaN or an infinity, unless such
    /// steps are [skipped](NonFinite::Skip); the first one in the order of names is named. With
    /// clipping nothing has changed. Without it every other parameter has been updated, and of
    /// those with such a gradient the stretches where it is finite may have been, which does not
    /// count as an update; no NaN or infinity of a gradient gets into a parameter or slot.
    ///
    /// [`OptimError::Tensor`] when a tensor operation fails; parameters before the named one have
    /// then been updated.
    pub fn step(&mut self, grads: &GradStore, lr: f64) -> Result<StepStats, OptimError> {
        require(lr.is_finite() && lr >= 0.0, "lr", "finite and not negative", lr)?;
        let own = |param: &Trained| gradient(&param.name, &param.var, grads, self.config.missing);
        let grads = self.trained.iter().map(own).collect::<Result<Vec<_>, _>>()?;
        if self.config.clip == Clip::None && self.config.non_finite == NonFinite::Error {
            return self.step_in_one_pass(grads, lr);
        }
        match self.norm(&grads) {
            Err(OptimError::NonFiniteGradient { .. }) if self.config.non_finite == NonFinite::Skip => {
                self.skipped += 1;
                Ok(StepStats { gradient_norm: f64::NAN, clip_factor: 0.0, skipped: self.skipped })
            }
            norm => self.step_in_two_passes(grads, lr, norm?),
        }
    }

    /// Nothing but the error waits for the last gradient.
    fn step_in_one_pass(&mut self, grads: Vec<Tensor>, lr: f64) -> Result<StepStats, OptimError> {
        let mut squares = Ok(0.0);
        for (param, grad) in iter::zip(&mut self.trained, grads) {
            let square = param.rule.update_finite(&param.var, &grad, &param.slots, param.next(lr));
            match param.finite(square) {
                Ok(square) => {
                    param.updates += 1;
                    squares = squares.map(|sum| sum + square);
                }
                Err(error @ OptimError::NonFiniteGradient { .. }) => squares = squares.and(Err(error)),
                Err(error) => return Err(error),
            }
        }
        Ok(StepStats { gradient_norm: f64::sqrt(squares?), clip_factor: 1.0, skipped: self.skipped })
    }

    /// The length of all gradients, the first of the two passes.
    fn norm(&self, grads: &[Tensor]) -> Result<f64, OptimError> {
        let mut squares = 0.0;
        for (param, grad) in iter::zip(&self.trained, grads) {
            squares += param.finite(sum_of_squares(grad))?;
        }
        Ok(f64::sqrt(squares))
    }

    /// The second pass: clips and updates.
    fn step_in_two_passes(&mut self, grads: Vec<Tensor>, lr: f64, gradient_norm: f64) -> Result<StepStats, OptimError> {
        let clip = self.config.clip;
        // One factor for all, unless each gradient is clipped alone.
        let factor = match clip {
            Clip::None => Some(1.0),
            Clip::GlobalNorm(limit) => Some(clip_factor(gradient_norm, limit)),
            Clip::Value(_) | Clip::Adaptive { .. } => None,
        };
        let mut squares = 0.0;
        for (param, grad) in iter::zip(&mut self.trained, grads) {
            let update = || {
                let grad = param.clipped(grad, clip)?;
                if factor.is_none() {
                    squares += sum_of_squares(&grad)?;
                }
                let factor = factor.unwrap_or(1.0);
                param.rule.update_scaled(&param.var, &grad, factor, &param.slots, param.next(lr))
            };
            update().map_err(|source| tensor_error(&param.name, source))?;
            param.updates += 1;
        }
        let left = || if gradient_norm > 0.0 { squares.sqrt() / gradient_norm } else { 1.0 };
        let clip_factor = factor.unwrap_or_else(left);
        Ok(StepStats { gradient_norm, clip_factor, skipped: self.skipped })
    }
}

impl Trained {
    /// Refuses a sum of the gradient's squares that could not be taken or is not finite.
    fn finite(&self, squares: TensorResult<f64>) -> Result<f64, OptimError> {
        let squares = squares.map_err(|source| tensor_error(&self.name, source))?;
        if squares.is_finite() { Ok(squares) } else { Err(OptimError::NonFiniteGradient { name: self.name.clone() }) }
    }

    /// The gradient after what clipping does to each alone.
    fn clipped(&self, grad: Tensor, clip: Clip) -> TensorResult<Tensor> {
        match clip {
            Clip::None | Clip::GlobalNorm(_) => Ok(grad),
            Clip::Value(limit) => grad.clamp(-limit, limit),
            Clip::Adaptive { ratio, eps } => adaptive::clipped(&self.var, &grad, ratio, eps),
        }
    }
}
