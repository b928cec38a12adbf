//! What is wrong with a recipe.

use std::path::PathBuf;

use taper_augment::AugmentError;
use taper_optim::OptimError;
use taper_regularize::RegularizeError;
use taper_tensor::PrecisionError;

use super::range::OutOfRange;
use crate::files::FileError;

/// A recipe that cannot be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecipeError {
    /// A number out of its range.
    #[error("recipe: {field} must be {wanted}; got {got}")]
    Field {
        /// The field, as written in the file.
        field: &'static str,
        /// What is wanted.
        wanted: &'static str,
        /// What was there.
        got: String,
    },
    /// A field of another file that is out of its range.
    #[error("{path}: {field} must be {wanted}; got {got}")]
    FieldIn {
        /// The file.
        path: PathBuf,
        /// The field, as written in the file.
        field: &'static str,
        /// What is wanted.
        wanted: &'static str,
        /// What was there.
        got: String,
    },
    /// A number of a recipe that its place does not take.
    #[error("recipe")]
    Number(#[from] OutOfRange),
    /// A number of another file that its place does not take.
    #[error("{path}")]
    NumberIn {
        /// The file.
        path: PathBuf,
        /// Place and number.
        source: OutOfRange,
    },
    /// A file that cannot be read.
    #[error(transparent)]
    Unreadable(#[from] FileError),
    /// A stage that the network does not have.
    #[error("recipe: {field} must be a stage of the network, nearest first one of {}; got {got}", known.join(", "))]
    Stage {
        /// The field, as written in the file.
        field: &'static str,
        /// What was there.
        got: String,
        /// The names of the stages, by their distance from it.
        known: Vec<&'static str>,
    },
    /// More frozen stages than the network has.
    #[error("recipe: optimize.frozen_stages must be at most {}, the stages of the network ({}), or the name of one; got {got}", known.len(), known.join(", "))]
    TooManyFrozen {
        /// What was there.
        got: usize,
        /// The names of the stages, from the picture.
        known: Vec<&'static str>,
    },
    /// Something that is measured on the training pictures, which nobody has done.
    #[error(
        "recipe: {field} is to be that of the training pictures: `build::colors::measured` gives a recipe with the numbers"
    )]
    Unmeasured {
        /// The field, as written in the file.
        field: &'static str,
    },
    /// A setting that the optimizer does not take.
    #[error("recipe: {section}")]
    Setting {
        /// The table of the setting, as written in the file.
        section: &'static str,
        /// What is wrong with it.
        source: Box<OptimError>,
    },
    /// A setting that a technique of regularization does not take.
    #[error("recipe: regularize")]
    Regularize(#[from] RegularizeError),
    /// A precision that this machine does not have.
    #[error("recipe: optimize.precision")]
    Precision(#[from] PrecisionError),
    /// A setting that a transform of pictures does not take.
    #[error("recipe: augment.train: {transform}")]
    Transform {
        /// The transform, as written in the file.
        transform: String,
        /// What is wrong with it.
        source: AugmentError,
    },
    /// A size that no picture can have.
    #[error("recipe: data.image_size")]
    Size(#[from] AugmentError),
    /// Noise where a method needs the same loss at every evaluation.
    #[error(
        "recipe: the rule lbfgs takes differences of gradients for curvature, and with {noise} they would be gradients \
         of different functions: set {remedy}"
    )]
    Noise {
        /// What makes it.
        noise: &'static str,
        /// How it is turned off.
        remedy: &'static str,
    },
    /// A recipe that cannot be written, such as one with a number that TOML does not have.
    #[error("the recipe cannot be written")]
    Unwritable(#[from] toml::ser::Error),
    /// More than this machine has room for.
    #[error("{got}: {remedy}")]
    Memory {
        /// What it takes, and what there is.
        got: String,
        /// What would fit.
        remedy: String,
    },
    /// Text that is not a recipe.
    #[error("{path}: {reason}{}", meant(reason))]
    Parse {
        /// The file.
        path: PathBuf,
        /// Line, column and reason, which stand in the words.
        reason: Box<toml::de::Error>,
    },
}

/// `did you mean lr?`, where a name is unknown and a known one is near.
fn meant(error: &toml::de::Error) -> String {
    let message = error.message();
    let mut names = message.split('`').skip(1).step_by(2);
    let Some(got) = names.next().filter(|_| message.starts_with("unknown ")) else { return String::new() };
    let near = names.min_by_key(|name| strsim::levenshtein(got, name));
    match near.filter(|name| strsim::levenshtein(got, name) <= got.len() / 2) {
        Some(name) => format!("did you mean `{name}`?"),
        None => String::new(),
    }
}
