use std::collections::BTreeMap;
use std::iter;
use std::sync::Arc;

use candle_core::{Result as TensorResult, Tensor, backprop::GradStore};

use crate::adaptive;
use crate::clip::{Clip, clip_factor};
use crate::engine::squares::sum_of_squares;
use crate::error::{OptimError, require_fraction, require_not_negative, tensor_error};
use crate::gradient::gradient;
use crate::optimizer::{NonFinite, Optimizer, Trained};
use crate::plan::Plan;
use crate::rule::Step;

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
    /// be 0, where a schedule ends. [`Optimizer::step_at`] takes it, and more, from a [`Plan`].
    ///
    /// With clipping, or when steps may be skipped, all gradients are read before the first
    /// parameter changes. Otherwise a gradient is read as its parameter is updated, once for both.
    ///
    /// # Errors
    /// Without any change to parameters or state:
    /// - [`OptimError::BadConfig`] when `lr` is negative or not finite;
    /// - [`OptimError::MissingGradient`] when a parameter has no gradient, unless that [counts as
    ///   0](crate::Missing::Zero);
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
        require_not_negative("lr", lr)?;
        if let Some(param) = self.trained.iter().find(|param| param.schedule.is_some()) {
            return Err(OptimError::StepWithoutNumber { name: param.name.clone() });
        }
        self.update(grads, Rates { lr, number: 0, common: 1.0, momentum: None })
    }

    /// Updates every parameter once, as [`Optimizer::step`] does, with the rates of update
    /// `number`, counted from 0: the plan's, and for a group with a schedule of its own that one's.
    ///
    /// # Errors
    /// As [`Optimizer::step`], where `lr` is what the plan and each schedule make of it; and
    /// without any change:
    /// - [`OptimError::BadConfig`] when the plan's momentum is outside [0, 1);
    /// - [`OptimError::NoMomentum`] when the plan has a momentum and a rule has none.
    pub fn step_at(&mut self, grads: &GradStore, number: u64, plan: &Plan) -> Result<StepStats, OptimError> {
        let momentum = plan.momentum.as_ref().map(|momentum| momentum.at(number));
        if let Some(momentum) = momentum {
            require_fraction("momentum", momentum)?;
            if let Some(param) = self.trained.iter().find(|param| !param.rule.has_momentum()) {
                return Err(OptimError::NoMomentum { name: param.name.clone() });
            }
        }
        let rates = Rates { lr: plan.lr, number, common: plan.schedule.at(number), momentum };
        for param in &self.trained {
            require_not_negative("lr", param.next(rates).lr)?;
        }
        self.update(grads, rates)
    }

    fn update(&mut self, grads: &GradStore, rates: Rates) -> Result<StepStats, OptimError> {
        let own = |param: &Trained| gradient(&param.name, &param.var, grads, self.config.missing);
        let grads = self.trained.iter().map(own).collect::<Result<Vec<_>, _>>()?;
        let one_pass = self.config.clip == Clip::None && self.config.non_finite == NonFinite::Error;
        if one_pass && !self.trained.iter().any(|param| param.rule.needs_sums()) {
            return self.step_in_one_pass(grads, rates);
        }
        match self.norm(&grads) {
            Err(OptimError::NonFiniteGradient { .. }) if self.config.non_finite == NonFinite::Skip => {
                self.skipped += 1;
                Ok(StepStats { gradient_norm: f64::NAN, clip_factor: 0.0, skipped: self.skipped })
            }
            norm => self.step_in_two_passes(grads, rates, norm?),
        }
    }

    /// Nothing but the error waits for the last gradient.
    fn step_in_one_pass(&mut self, grads: Vec<Tensor>, rates: Rates) -> Result<StepStats, OptimError> {
        let mut squares = Ok(0.0);
        for (param, grad) in iter::zip(&mut self.trained, grads) {
            let square = param.rule.update_finite(&param.var, &grad, &param.slots, param.next(rates));
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
    fn step_in_two_passes(
        &mut self,
        grads: Vec<Tensor>,
        rates: Rates,
        gradient_norm: f64,
    ) -> Result<StepStats, OptimError> {
        let clip = self.config.clip;
        // One factor for all, unless each gradient is clipped alone.
        let factor = match clip {
            Clip::None => Some(1.0),
            Clip::GlobalNorm(limit) => Some(clip_factor(gradient_norm, limit)),
            Clip::Value(_) | Clip::Adaptive { .. } => None,
        };
        let sums = self.sums(&grads, factor.unwrap_or(1.0), rates)?;
        let mut squares = 0.0;
        for (param, grad) in iter::zip(&mut self.trained, grads) {
            let step = Step { sums: sums.get(&param.rule_id()).copied(), ..param.next(rates) };
            let update = || {
                let grad = param.clipped(grad, clip)?;
                if factor.is_none() {
                    squares += sum_of_squares(&grad)?;
                }
                let factor = factor.unwrap_or(1.0);
                param.rule.update_scaled(&param.var, &grad, factor, &param.slots, step)
            };
            update().map_err(|source| tensor_error(&param.name, source))?;
            param.updates += 1;
        }
        let left = || if gradient_norm > 0.0 { squares.sqrt() / gradient_norm } else { 1.0 };
        let clip_factor = factor.unwrap_or_else(left);
        Ok(StepStats { gradient_norm, clip_factor, skipped: self.skipped })
    }

    /// What each rule that needs sums has over all its parameters, in the order of their names.
    fn sums(&self, grads: &[Tensor], factor: f64, rates: Rates) -> Result<BTreeMap<usize, [f64; 2]>, OptimError> {
        let mut sums: BTreeMap<usize, [f64; 2]> = BTreeMap::new();
        for (param, grad) in iter::zip(&self.trained, grads).filter(|(param, _)| param.rule.needs_sums()) {
            let own = || {
                let grad = param.clipped(grad.clone(), self.config.clip)?;
                param.rule.sums(&param.var, &grad, factor, &param.slots, param.next(rates))
            };
            let own = own().map_err(|source| tensor_error(&param.name, source))?;
            for (sum, own) in iter::zip(sums.entry(param.rule_id()).or_default(), own) {
                *sum += own;
            }
        }
        Ok(sums)
    }
}

/// The rates of one step.
#[derive(Clone, Copy)]
struct Rates {
    lr: f64,
    /// Which update of the schedules it is, from 0.
    number: u64,
    /// The factor of those without a schedule of their own.
    common: f64,
    momentum: Option<f64>,
}

impl Trained {
    /// The update at hand.
    fn next(&self, rates: Rates) -> Step {
        let factor = self.schedule.as_ref().map_or(rates.common, |schedule| schedule.at(rates.number));
        Step {
            t: self.updates + 1,
            lr: rates.lr * factor * self.lr_scale,
            weight_decay: self.weight_decay,
            momentum: rates.momentum,
            sums: None,
        }
    }

    /// What the parameters of one rule have in common.
    fn rule_id(&self) -> usize {
        Arc::as_ptr(&self.rule).addr()
    }

    /// Refuses a sum of the gradient's squares that could not be taken or is not finite.
    pub(crate) fn finite(&self, squares: TensorResult<f64>) -> Result<f64, OptimError> {
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
