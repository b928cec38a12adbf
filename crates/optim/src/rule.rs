use std::fmt;

use candle_core::{Result, Tensor, Var};

use crate::engine::squares::sum_of_squares;

/// What a rule is told about the update at hand, beside the gradient. By default it is the first,
/// at the rate 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// *t*: which update of this parameter it is, counted from 1.
    pub t: u64,
    /// *η*: the learning rate of this parameter in this update, schedule and group factor included.
    pub lr: f64,
    /// *λ*: the strength of weight decay; the rule says whether it is coupled or decoupled.
    pub weight_decay: f64,
    /// What takes the place of the rule's momentum or *β₁* in this update, in [0, 1). Without it
    /// the rule has its own.
    pub momentum: Option<f64>,
    /// The [sums](UpdateRule::sums) over all parameters of the rule, for a rule that
    /// [needs them](UpdateRule::needs_sums). Without them the parameter at hand is the only one.
    pub sums: Option<[f64; 2]>,
}

impl Default for Step {
    fn default() -> Self {
        Self { t: 1, lr: 1.0, weight_decay: 0.0, momentum: None, sums: None }
    }
}

/// One formula that turns a gradient into a new parameter, for one tensor.
///
/// A rule holds settings and nothing that changes: whatever it must remember of a parameter lives
/// in the slots that its caller keeps for it. So one rule serves every parameter, and the state is
/// saved without the rule's help.
///
/// Weight decay comes in two kinds, and a rule's documentation says which one it has:
///
/// - *coupled* (L2 penalty): `g + λθ` takes the place of the gradient *g* throughout the formula,
///   so that whatever rescales gradients rescales the decay too;
/// - *decoupled*: *θ* shrinks by the factor `1 - ηλ` beside the formula.
///
/// # Examples
/// Gradient descent that sees only the sign:
/// ```
/// use candle_core::{Device, Result, Tensor, Var};
/// use taper_optim::{Step, UpdateRule};
///
/// struct SignDescent;
/// impl UpdateRule for SignDescent {
///     fn slots(&self) -> &'static [&'static str] { &[] }
///     fn update(&self, theta: &Var, grad: &Tensor, _: &[Var], step: Step) -> Result<()> {
///         theta.set(&(theta.as_detached_tensor() - (grad.sign()? * step.lr)?)?)
///     }
/// }
/// let theta = Var::new(&[1f32, 2.0], &Device::Cpu)?;
/// let grad = Tensor::new(&[7f32, -3.0], &Device::Cpu)?;
/// SignDescent.update(&theta, &grad, &[], Step { t: 1, lr: 0.5, weight_decay: 0.0, ..Step::default() })?;
/// assert_eq!(theta.to_vec1::<f32>()?, [0.5, 2.5]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub trait UpdateRule: Send + Sync {
    /// The names of the tensors to remember for a parameter, such as `momentum`.
    ///
    /// Each is what [`UpdateRule::new_slot`] makes of it, and not changed before the first update.
    /// The names are keys of the saved state: distinct, without `/`, and never `step`.
    fn slots(&self) -> &[&'static str];

    /// Makes the slot of that name for a parameter.
    ///
    /// The form given here makes zeros of the parameter's shape, type and device.
    ///
    /// # Errors
    /// When there is no room.
    fn new_slot(&self, _slot: &str, theta: &Var) -> Result<Var> {
        Var::zeros(theta.shape(), theta.dtype(), theta.device())
    }

    /// Whether the rule follows [`Step::momentum`]. The form given here says no.
    fn has_momentum(&self) -> bool {
        false
    }

    /// Whether the rule must know sums over all its parameters before it updates the first. The
    /// form given here says no.
    fn needs_sums(&self) -> bool {
        false
    }

    /// What a parameter with the gradient `factor · g` adds to the sums of a rule that
    /// [needs them](UpdateRule::needs_sums). Nothing changes.
    ///
    /// # Errors
    /// When a tensor operation fails.
    fn sums(&self, _theta: &Var, _grad: &Tensor, _factor: f64, _slots: &[Var], _step: Step) -> Result<[f64; 2]> {
        Ok([0.0; 2])
    }

    /// Updates a parameter and its slots in place.
    ///
    /// `theta` is *θ*, `grad` is *g* with the same shape, type and device, and `slots` are in the
    /// order of [`UpdateRule::slots`], made by [`UpdateRule::new_slot`]. Nothing of this may be
    /// recorded for differentiation: read variables through [`Var::as_detached_tensor`].
    ///
    /// # Errors
    /// When a tensor operation fails.
    fn update(&self, theta: &Var, grad: &Tensor, slots: &[Var], step: Step) -> Result<()>;

    /// [`UpdateRule::update`] by the gradient `factor · g`.
    ///
    /// This is how clipping reaches a rule. The form given here makes a scaled copy of the
    /// gradient; a rule may take in the factor on its way instead.
    ///
    /// # Errors
    /// When a tensor operation fails.
    fn update_scaled(&self, theta: &Var, grad: &Tensor, factor: f64, slots: &[Var], step: Step) -> Result<()> {
        self.update(theta, &scaled(grad, factor)?, slots, step)
    }

    /// [`UpdateRule::update`] where the gradient is finite; returns the sum of the squares of all
    /// its elements, in float64.
    ///
    /// This is how a gradient reaches a rule when it need not be clipped. The form given here
    /// reads it twice, and leaves *θ* and slots alone when the sum is not finite; a rule may sum on
    /// its way instead, and then leaves alone at least the elements whose gradient is not finite.
    ///
    /// # Errors
    /// When a tensor operation fails; a sum that is not finite is no error here.
    fn update_finite(&self, theta: &Var, grad: &Tensor, slots: &[Var], step: Step) -> Result<f64> {
        if_finite(grad, || self.update(theta, grad, slots, step))
    }

    /// The weights to evaluate when these are not *θ* itself, after at least one update.
    ///
    /// # Errors
    /// When a tensor operation fails.
    fn evaluated(&self, _theta: &Var, _slots: &[Var]) -> Result<Option<Tensor>> {
        Ok(None)
    }
}

impl fmt::Debug for dyn UpdateRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpdateRule").field("slots", &self.slots()).finish()
    }
}

/// The sum of the squares of a gradient, which is updated by when it is finite.
pub(crate) fn if_finite(grad: &Tensor, update: impl FnOnce() -> Result<()>) -> Result<f64> {
    let squares = sum_of_squares(grad)?;
    if squares.is_finite() {
        update()?;
    }
    Ok(squares)
}

/// `factor · g`, which is no copy when the factor is 1.
pub(crate) fn scaled(grad: &Tensor, factor: f64) -> Result<Tensor> {
    if factor == 1.0 { Ok(grad.detach()) } else { grad.detach() * factor }
}
