use candle_core::{DType, Shape};

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
    /// A tensor that belongs to a parameter has another shape or type than it needs.
    #[error("{name} needs the shape {wanted:?} of {wanted_dtype:?}, got {got:?} of {got_dtype:?}")]
    Mismatch {
        /// The parameter whose gradient it is, or the key in the saved state.
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
        /// The parameter, or the key in the saved state.
        name: String,
        /// What candle says.
        source: candle_core::Error,
    },
}

/// Refuses a setting outside its range; NaN fails every range.
pub(crate) fn require(within: bool, field: &'static str, wanted: &'static str, got: f64) -> Result<(), OptimError> {
    if within { Ok(()) } else { Err(OptimError::BadConfig { field, wanted, got }) }
}
