use std::iter;

use candle_core::{Tensor, Var, backprop::GradStore};

use crate::clip::{clip_factor, sum_of_squares};
use crate::error::{OptimError, require};
use crate::group::{Group, by_name};
use crate::rule::{Step, UpdateRule};
use crate::state::STEP;

/// What a step found in the gradients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepStats {
    /// The length of all gradients taken as one vector, before clipping.
    pub gradient_norm: f64,
    /// What the gradients were multiplied by: 1 unless they were clipped.
    pub clip_factor: f64,
}

/// Updates named parameters from their gradients by one [`UpdateRule`].
///
/// Every pass over the parameters goes in the order of their names, so that a run repeats to the
/// bit. The state (the slots of the rule and a count of updates for each parameter) is read and
/// written by name: [`Optimizer::state`], [`Optimizer::load_state`], [`Optimizer::take_over`].
///
/// # Examples
/// The head learns ten times as fast as the layers below, which alone decay:
/// ```
/// use candle_core::{DType, Device, Var};
/// use taper_optim::{Group, Optimizer, Sgd, SgdConfig};
///
/// let conv = Var::ones((3, 3), DType::F32, &Device::Cpu)?;
/// let head = Var::ones((3, 1), DType::F32, &Device::Cpu)?;
/// let body = Group { params: vec![("conv".into(), conv.clone())], weight_decay: 1e-4, ..Group::default() };
/// let top = Group { params: vec![("head".into(), head.clone())], rate: 10.0, ..Group::default() };
/// let sgd = Sgd::new(SgdConfig { momentum: 0.9, ..SgdConfig::default() })?;
/// let mut optimizer = Optimizer::new(Box::new(sgd), vec![body, top], Some(1.0))?;
///
/// let loss = conv.matmul(&head)?.sqr()?.sum_all()?;
/// let stats = optimizer.step(&loss.backward()?, 0.01)?;
/// assert!(stats.gradient_norm > 1.0 && stats.clip_factor < 1.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Optimizer {
    rule: Box<dyn UpdateRule>,
    clip: Option<f64>,
    /// In the order of their names.
    pub(crate) trained: Vec<Trained>,
}

/// A parameter, its settings and what is remembered of it.
pub(crate) struct Trained {
    pub(crate) name: String,
    pub(crate) var: Var,
    rate: f64,
    weight_decay: f64,
    /// In the order of the rule's slot names.
    pub(crate) slots: Vec<Var>,
    /// How many updates it has had.
    pub(crate) updates: u64,
}

impl Optimizer {
    /// Checks the groups and makes room for the state.
    ///
    /// `clip` is the greatest length that the gradients of all parameters, taken as one vector,
    /// may have; longer ones are scaled down to it before the rule or weight decay sees them.
    ///
    /// # Errors
    /// - [`OptimError::BadGroup`] when a group's `rate` or `weight_decay` is negative or not finite;
    /// - [`OptimError::BadConfig`] when `clip` is not a finite number above 0;
    /// - [`OptimError::ListedTwice`], [`OptimError::SameVariable`] when a parameter would be
    ///   updated twice a step;
    /// - [`OptimError::NothingToTrain`] when the groups are empty;
    /// - [`OptimError::NotTrainable`] when a parameter is neither float32 nor float64;
    /// - [`OptimError::BadSlot`] when the rule's slot names are not distinct or one is `step`.
    pub fn new(rule: Box<dyn UpdateRule>, groups: Vec<Group>, clip: Option<f64>) -> Result<Self, OptimError> {
        if let Some(clip) = clip {
            let positive = clip.is_finite() && clip > 0.0;
            require(positive, "clip", "finite and above 0", clip)?;
        }
        for (i, &slot) in rule.slots().iter().enumerate() {
            if slot == STEP || slot.contains('/') || rule.slots()[..i].contains(&slot) {
                return Err(OptimError::BadSlot { slot });
            }
        }
        let trained = by_name(groups)?
            .into_iter()
            .map(|(name, listed)| {
                let (var, rate, weight_decay) = (listed.var, listed.rate, listed.weight_decay);
                let zeros = |_| Var::zeros(var.shape(), var.dtype(), var.device());
                let slots = rule.slots().iter().map(zeros).collect::<Result<_, _>>();
                Ok(Trained {
                    slots: slots.map_err(|source| tensor_error(&name, source))?,
                    updates: 0,
                    name,
                    var,
                    rate,
                    weight_decay,
                })
            })
            .collect::<Result<_, OptimError>>()?;
        Ok(Self { rule, clip, trained })
    }

    /// Updates every parameter once; `lr` is the learning rate before the groups' factors.
    ///
    /// With clipping all gradients are read before the first parameter changes. Without it a
    /// gradient is read as its parameter is updated, once for both.
    ///
    /// # Errors
    /// Without any change to parameters or state:
    /// - [`OptimError::BadConfig`] when `lr` is negative or not finite;
    /// - [`OptimError::MissingGradient`] when a parameter has no gradient;
    /// - [`OptimError::Mismatch`] when a gradient has another shape or type than its parameter.
    ///
    /// [`OptimError::NonFiniteGradient`] when a gradient holds a NaN or an infinity; the first one
    /// in the order of names is named. With clipping nothing has changed. Without it every other
    /// parameter has been updated, and of those with such a gradient the stretches where it is
    /// finite may have been, which does not count as an update; no NaN or infinity of a gradient
    /// gets into a parameter or slot.
    ///
    /// [`OptimError::Tensor`] when a tensor operation fails; parameters before the named one have
    /// then been updated.
    pub fn step(&mut self, grads: &GradStore, lr: f64) -> Result<StepStats, OptimError> {
        require(lr.is_finite() && lr >= 0.0, "lr", "finite and not negative", lr)?;
        let grads = self.trained.iter().map(|param| param.gradient(grads)).collect::<Result<Vec<_>, _>>()?;
        match self.clip {
            Some(max_norm) => self.step_clipped(grads, lr, max_norm),
            None => self.step_unclipped(grads, lr),
        }
    }

    /// Two passes over the gradients: one for their norm, one for the updates.
    fn step_clipped(&mut self, grads: Vec<Tensor>, lr: f64, max_norm: f64) -> Result<StepStats, OptimError> {
        let mut squares = 0.0;
        for (param, grad) in iter::zip(&self.trained, &grads) {
            squares += param.finite(sum_of_squares(grad))?;
        }
        let gradient_norm = f64::sqrt(squares);
        let clip_factor = clip_factor(gradient_norm, max_norm);
        for (param, grad) in iter::zip(&mut self.trained, grads) {
            let done = self.rule.update_scaled(&param.var, &grad, clip_factor, &param.slots, param.next(lr));
            done.map_err(|source| tensor_error(&param.name, source))?;
            param.updates += 1;
        }
        Ok(StepStats { gradient_norm, clip_factor })
    }

    /// One pass: nothing but the error waits for the last gradient.
    fn step_unclipped(&mut self, grads: Vec<Tensor>, lr: f64) -> Result<StepStats, OptimError> {
        let mut squares = Ok(0.0);
        for (param, grad) in iter::zip(&mut self.trained, grads) {
            let square = self.rule.update_finite(&param.var, &grad, &param.slots, param.next(lr));
            match param.finite(square) {
                Ok(square) => {
                    param.updates += 1;
                    squares = squares.map(|sum| sum + square);
                }
                Err(error @ OptimError::NonFiniteGradient { .. }) => squares = squares.and(Err(error)),
                Err(error) => return Err(error),
            }
        }
        Ok(StepStats { gradient_norm: f64::sqrt(squares?), clip_factor: 1.0 })
    }

    pub(crate) fn slot_names(&self) -> &'static [&'static str] {
        self.rule.slots()
    }
}

impl Trained {
    /// The gradient, fit for use.
    fn gradient(&self, grads: &GradStore) -> Result<Tensor, OptimError> {
        let grad = grads.get(&self.var).ok_or_else(|| OptimError::MissingGradient { name: self.name.clone() })?;
        require_like(&self.name, grad, &self.var)?;
        grad.detach().contiguous().map_err(|source| tensor_error(&self.name, source))
    }

    /// Refuses a sum of the gradient's squares that could not be taken or is not finite.
    fn finite(&self, squares: candle_core::Result<f64>) -> Result<f64, OptimError> {
        let squares = squares.map_err(|source| tensor_error(&self.name, source))?;
        if squares.is_finite() { Ok(squares) } else { Err(OptimError::NonFiniteGradient { name: self.name.clone() }) }
    }

    /// The update at hand.
    fn next(&self, lr: f64) -> Step {
        Step { t: self.updates + 1, lr: lr * self.rate, weight_decay: self.weight_decay }
    }
}

/// Refuses a tensor that has another shape or type than the variable it is for.
pub(crate) fn require_like(name: &str, tensor: &Tensor, var: &Var) -> Result<(), OptimError> {
    if tensor.shape() == var.shape() && tensor.dtype() == var.dtype() {
        return Ok(());
    }
    Err(OptimError::Mismatch {
        name: name.to_owned(),
        wanted: var.shape().clone(),
        wanted_dtype: var.dtype(),
        got: tensor.shape().clone(),
        got_dtype: tensor.dtype(),
    })
}

pub(crate) fn tensor_error(name: &str, source: candle_core::Error) -> OptimError {
    OptimError::Tensor { name: name.to_owned(), source }
}
