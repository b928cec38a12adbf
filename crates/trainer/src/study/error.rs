//! What can go wrong in a search or a range test, beside its trainings.

use std::path::PathBuf;

use crate::store::LockError;

/// A search or a range test that cannot be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StudyError {
    /// The folder of a search holds something else.
    #[error("{} is not empty and is no search", path.display())]
    NoSearch {
        /// The folder.
        path: PathBuf,
    },
    /// The folder holds another search.
    #[error("{} is a search with another {file}{}", path.display(), what.iter().map(|line| format!("\n  {line}")).collect::<String>())]
    OtherSearch {
        /// The folder.
        path: PathBuf,
        /// The file in it that is another.
        file: &'static str,
        /// In what, where that can be said.
        what: Vec<String>,
    },
    /// A trial was trained on other pictures.
    #[error("{} was trained on other pictures than those there are now, and results are compared on the same ones", trial.display())]
    OtherPictures {
        /// Its folder.
        trial: PathBuf,
    },
    /// A search cannot share its trials out.
    #[error("a search assigns its trials by file locks, which this file system does not have: use another folder")]
    Lock(#[from] LockError),
    /// An invalid range of learning rates.
    #[error("a range of rates goes from above 0 to more, in at least {fewest} steps; got {low} to {high} in {steps}")]
    Range {
        /// The lowest rate.
        low: f64,
        /// The highest.
        high: f64,
        /// Steps from one to the other.
        steps: usize,
        /// The fewest that there may be.
        fewest: usize,
    },
    /// The recipe trains for no epoch.
    #[error("the recipe has no epochs")]
    NoEpochs,
}

/// Text that is no [length of time](crate::study::budget::Length).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("wanted a time such as 90s, 10m or 1.5h; got {got:?}")]
pub struct LengthError {
    /// The text.
    pub got: String,
}
