//! What can go wrong between a name on the command line and a picture.

use taper_optim::OptimError;

use crate::draw::DrawError;

/// What can go wrong when a picture of optimizers is asked for or drawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LandscapeError {
    /// A setting lies outside its range.
    #[error("{field} must be {wanted}, got {got}")]
    Field {
        /// What was set.
        field: String,
        /// The range it must lie in.
        wanted: &'static str,
        /// What was given.
        got: String,
    },
    /// A name that nothing has.
    #[error("there is no {kind} {name:?}; there are {}", known.join(", "))]
    Unknown {
        /// What the name should be of.
        kind: &'static str,
        /// The name that was given.
        name: String,
        /// The names that would do.
        known: Vec<&'static str>,
    },
    /// A name that was given twice: two lines of one name could not be told apart.
    #[error("{name} is listed twice: once is enough")]
    Twice {
        /// The name.
        name: String,
    },
    /// An update rule, a method or a schedule refused its settings or failed.
    #[error("{name}")]
    Optim {
        /// Whose.
        name: &'static str,
        /// What it says.
        source: Box<OptimError>,
    },
    /// The picture could not be drawn.
    #[error(transparent)]
    Drawing(#[from] DrawError),
}

impl LandscapeError {
    /// Whether the one who asked is to blame.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Field { .. } | Self::Unknown { .. } | Self::Twice { .. } => true,
            Self::Optim { source, .. } => matches!(**source, OptimError::BadConfig { .. }),
            Self::Drawing(_) => false,
        }
    }
}

/// Refuses a number that is not finite and above 0.
pub(super) fn require_positive(field: &str, got: f64) -> Result<(), LandscapeError> {
    require(got.is_finite() && got > 0.0, field, "a finite number above 0", got)
}

/// Refuses a setting outside its range.
pub(super) fn require(
    within: bool,
    field: &str,
    wanted: &'static str,
    got: impl ToString,
) -> Result<(), LandscapeError> {
    if within { Ok(()) } else { Err(LandscapeError::Field { field: field.to_owned(), wanted, got: got.to_string() }) }
}
