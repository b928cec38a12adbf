use candle_core::{DType, Shape, Tensor, Var};

/// What can go wrong when an optimizer or a schedule is built, stepped or restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OptimError {
    /// A setting of a rule, a schedule or the optimizer lies outside its range.
    #[error("{field} must be {wanted}, got {got}")]
    BadConfig {
        /// The name of the field or argument.
        field: &'static str,
        /// The range it must lie in.
        wanted: &'static str,
        /// The value that was given.
        got: f64,
    },
    /// A setting of a parameter group lies outside its range.
    #[error("{field} of group {group} must be {wanted}, got {got}")]
    BadGroup {
        /// The position of the group in the list, from 0.
        group: usize,
        /// The name of the field.
        field: &'static str,
        /// The range it must lie in.
        wanted: &'static str,
        /// The value that was given.
        got: f64,
    },
    /// A rule keeps two slots of the same name, or one whose name is `step` or contains a slash.
    #[error("the slot name {slot:?} is used twice or reserved")]
    BadSlot {
        /// The name of the slot.
        slot: &'static str,
    },
    /// The groups hold no parameter at all.
    #[error("there is no parameter to train")]
    NothingToTrain,
    /// A parameter is neither float32 nor float64, the types in which the rules are exact enough.
    #[error("parameter {name} has the type {dtype:?}, which cannot be trained")]
    NotTrainable {
        /// The name of the parameter.
        name: String,
        /// Its type.
        dtype: DType,
    },
    /// A name occurs twice, in two groups or in one.
    #[error("parameter {name} is listed twice, in group {first} and in group {second}")]
    ListedTwice {
        /// The name of the parameter.
        name: String,
        /// The group that lists it first, from 0.
        first: usize,
        /// The group that lists it again, from 0.
        second: usize,
    },
    /// Two names stand for one variable, which would be updated twice a step.
    #[error("parameters {first} and {second} are the same variable")]
    SameVariable {
        /// The name that comes first in name order.
        first: String,
        /// The other name.
        second: String,
    },
    /// A step was made without its number, which the schedule of a group needs.
    #[error("parameter {name} has a schedule of its own, which needs the number of the step: call step_at")]
    StepWithoutNumber {
        /// The first parameter of such a group.
        name: String,
    },
    /// A plan moves the momentum of a rule that has none.
    #[error("the plan has a momentum, and the rule of parameter {name} has none")]
    NoMomentum {
        /// The first parameter with such a rule.
        name: String,
    },
    /// A mean of gradients was asked for before any had been added.
    #[error("no gradients have been added since the last mean")]
    NothingAccumulated,
    /// The loss does not depend on a parameter that should be trained.
    #[error("parameter {name} has no gradient: the loss does not depend on it")]
    MissingGradient {
        /// The name of the parameter.
        name: String,
    },
    /// A gradient holds a NaN or an infinity, or its squared length exceeds what float64 can hold.
    #[error("the gradient of parameter {name} is not finite")]
    NonFiniteGradient {
        /// The name of the parameter.
        name: String,
    },
    /// The loss is a NaN or an infinity where a minimization starts.
    #[error("the loss must be finite at the start, got {loss}")]
    NonFiniteLoss {
        /// The loss at the start.
        loss: f64,
    },
    /// The loss or a gradient has two values at one point, where a minimization starts.
    #[error(
        "{name} is not a function of the parameters: it was {first}, and {second} when it was computed again at the same \
         point; a minimizer needs the full batch, without dropout or augmentation"
    )]
    NotDeterministic {
        /// The loss, or the gradient of a parameter.
        name: String,
        /// The first value of the loss, or of the first element of the gradient that differs.
        first: f64,
        /// The second.
        second: f64,
    },
    /// A second derivative is a NaN or an infinity.
    #[error("the Hessian is not finite")]
    NonFiniteHessian,
    /// The loss to be minimized has no element, or several.
    #[error("the loss must be a scalar, got the shape {shape:?}")]
    NotScalar {
        /// The shape it has.
        shape: Shape,
    },
    /// A value was to enter or leave an average that is in the model at the moment.
    #[error("the average is in the model: swap it back before {what}")]
    Swapped {
        /// What was asked for.
        what: &'static str,
    },
    /// An average was asked for before a value had entered it.
    #[error("no parameters have entered the average yet")]
    NothingAveraged,
    /// A tensor that belongs to a parameter has another shape or type than it needs.
    #[error("{name} needs the shape {wanted:?} of {wanted_dtype:?}, got {got:?} of {got_dtype:?}")]
    Mismatch {
        /// The parameter whose gradient it is, the key in the saved state, or the Hessian.
        name: String,
        /// The shape it must have.
        wanted: Shape,
        /// The type it must have.
        wanted_dtype: DType,
        /// The shape it has.
        got: Shape,
        /// The type it has.
        got_dtype: DType,
    },
    /// A saved state lacks entries that the optimizer needs.
    #[error("the state lacks {}", keys.join(", "))]
    MissingState {
        /// The missing keys, in order.
        keys: Vec<String>,
    },
    /// A saved state holds entries that belong to no parameter or slot of the optimizer.
    #[error("the state holds {}, which belong to nothing here", keys.join(", "))]
    UnexpectedState {
        /// The superfluous keys, in order.
        keys: Vec<String>,
    },
    /// A saved count of updates is negative.
    #[error("{key} must be 0 or more, got {got}")]
    BadStepCount {
        /// The key in the saved state.
        key: String,
        /// The count that was saved.
        got: i64,
    },
    /// A tensor operation failed.
    #[error("a tensor operation on {name} failed")]
    Tensor {
        /// The parameter, the key in the saved state, the loss or the Hessian.
        name: String,
        /// What candle says.
        source: candle_core::Error,
    },
}

/// Refuses a setting outside its range; NaN fails every range.
pub(crate) fn require(within: bool, field: &'static str, wanted: &'static str, got: f64) -> Result<(), OptimError> {
    if within { Ok(()) } else { Err(OptimError::BadConfig { field, wanted, got }) }
}

/// Refuses what is no fraction in [0, 1).
pub(crate) fn require_fraction(field: &'static str, got: f64) -> Result<(), OptimError> {
    require((0.0..1.0).contains(&got), field, "in [0, 1)", got)
}

/// Refuses what is not finite and above 0.
pub(crate) fn require_positive(field: &'static str, got: f64) -> Result<(), OptimError> {
    require(got.is_finite() && got > 0.0, field, "finite and above 0", got)
}

/// Refuses what is not finite and 0 or more.
pub(crate) fn require_not_negative(field: &'static str, got: f64) -> Result<(), OptimError> {
    require(got.is_finite() && got >= 0.0, field, "finite and not negative", got)
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
