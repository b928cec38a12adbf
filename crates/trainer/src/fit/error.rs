//! What can go wrong in a training, beside a loss that is no number.

use std::path::PathBuf;

/// A training that cannot be done as it is asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FitError {
    /// The rule solves a problem whole, and steps are asked for.
    #[error("the rule {rule} finds the length of its steps by itself")]
    NoSteps {
        /// The rule, as written in a recipe.
        rule: &'static str,
    },
    /// There is no file for features of frozen stages.
    #[error("cannot keep features {}", place(folder))]
    NoScratch {
        /// The folder; none for that of the system.
        folder: Option<PathBuf>,
        /// What the system says.
        source: std::io::Error,
    },
    /// Features of frozen stages cannot be written.
    #[error("cannot keep features on the disk: is it full?")]
    KeepFeatures {
        /// What the system says.
        source: std::io::Error,
    },
    /// Features of frozen stages cannot be read again.
    #[error("cannot read features from the disk")]
    ReadFeatures {
        /// What the system says.
        source: std::io::Error,
    },
    /// A backward pass did not give the gradients in the way that the first one of the phase did.
    #[error(
        "the gradients of this step came in another way than those of the first, so that what was sent to other ranks may be \
         wrong: please report the network and the recipe, and train with one process"
    )]
    OtherGraph,
}

fn place(folder: &Option<PathBuf>) -> String {
    match folder {
        Some(folder) => format!("in {}", folder.display()),
        None => "on the disk (TMPDIR names its folder)".to_owned(),
    }
}
