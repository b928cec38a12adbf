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
    /// All gradients are checked before the first parameter changes.
    ///
    /// # Errors
    /// Without any change to parameters or state:
    /// - [`OptimError::BadConfig`] when `lr` is negative or not finite;
    /// - [`OptimError::MissingGradient`] when a parameter has no gradient;
    /// - [`OptimError::NonFiniteGradient`] when a gradient holds a NaN or an infinity;
    /// - [`OptimError::Mismatch`] when a gradient has another shape or type than its parameter.
    ///
    /// [`OptimError::Tensor`] when a tensor operation fails; parameters before the named one have
    /// then been updated.
    pub fn step(&mut self, grads: &GradStore, lr: f64) -> Result<StepStats, OptimError> {
        require(lr.is_finite() && lr >= 0.0, "lr", "finite and not negative", lr)?;
        let mut checked = Vec::with_capacity(self.trained.len());
        let mut squares = 0.0;
        for param in &self.trained {
            let (grad, square) = param.gradient(grads)?;
            checked.push(grad);
            squares += square;
        }
        let gradient_norm = f64::sqrt(squares);
        let clip_factor = self.clip.map_or(1.0, |max_norm| clip_factor(gradient_norm, max_norm));

        for (param, grad) in self.trained.iter_mut().zip(checked) {
            param.update(&*self.rule, &grad, lr, clip_factor).map_err(|source| tensor_error(&param.name, source))?;
        }
        Ok(StepStats { gradient_norm, clip_factor })
    }

    pub(crate) fn slot_names(&self) -> &'static [&'static str] {
        self.rule.slots()
    }
}

impl Trained {
    /// The gradient, fit for use, and the sum of its squares.
    fn gradient(&self, grads: &GradStore) -> Result<(Tensor, f64), OptimError> {
        let name = || self.name.clone();
        let grad = grads.get(&self.var).ok_or_else(|| OptimError::MissingGradient { name: name() })?;
        require_like(&self.name, grad, &self.var)?;
        let squares = || {
            let grad = grad.detach().contiguous()?;
            let squares = sum_of_squares(&grad)?;
            Ok((grad, squares))
        };
        let (grad, squares) = squares().map_err(|source| tensor_error(&self.name, source))?;
        if !squares.is_finite() {
            return Err(OptimError::NonFiniteGradient { name: name() });
        }
        Ok((grad, squares))
    }

    fn update(&mut self, rule: &dyn UpdateRule, grad: &Tensor, lr: f64, clip_factor: f64) -> candle_core::Result<()> {
        let step = Step { t: self.updates + 1, lr: lr * self.rate, weight_decay: self.weight_decay };
        rule.update_scaled(&self.var, grad, clip_factor, &self.slots, step)?;
        self.updates += 1;
        Ok(())
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
