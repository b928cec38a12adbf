//! What can go wrong in a training.

use std::path::PathBuf;

use taper_optim::OptimError;
use taper_trainer::epochs::SettingError;
use taper_trainer::files::FileError;
use taper_trainer::recipe::RecipeError;
use taper_trainer::store::CheckpointError;
use taper_transfer::TransferError;

use crate::data::CaptionError;
use crate::model::ModelError;
use crate::vectors::VectorError;

/// A training that cannot be done, or could not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// Pictures or captions cannot be read.
    #[error(transparent)]
    Data(Box<CaptionError>),
    /// The network cannot be built or run.
    #[error(transparent)]
    Model(Box<ModelError>),
    /// The optimizer refuses a setting or a gradient.
    #[error(transparent)]
    Optim(Box<OptimError>),
    /// A rule or a schedule refuses a setting.
    #[error(transparent)]
    Recipe(Box<RecipeError>),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A checkpoint cannot be gone on with.
    #[error(transparent)]
    Checkpoint(Box<CheckpointError>),
    /// The folder of the run cannot be had.
    #[error(transparent)]
    Folder(Box<taper_trainer::Error>),
    /// A recipe is no TOML, or has a setting that there is not.
    #[error("{} is no recipe of a captioner", path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// Where, and what was expected there.
        source: Box<toml::de::Error>,
    },
    /// A setting is out of its range.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The loss is NaN or infinite.
    #[error(
        "the loss became {loss} at step {step}: a lower learning rate or a limit of the gradient's norm (clip) helps"
    )]
    Diverged {
        /// The step, from 1.
        step: usize,
        /// The loss.
        loss: f64,
    },
    /// No word of the captions is frequent enough.
    #[error("no word occurs in the {captions} captions {least} times: words.least must be smaller")]
    NoWords {
        /// How many captions there are.
        captions: usize,
        /// How often a word must occur.
        least: usize,
    },
    /// A run is to go on that was begun as something else.
    #[error("{} was begun with {what}", run.display())]
    Changed {
        /// The run.
        run: PathBuf,
        /// What is different.
        what: String,
    },
    /// A run is at its end.
    #[error("{} is at its end: there is nothing to go on with", run.display())]
    AtEnd {
        /// The run.
        run: PathBuf,
    },
    /// A folder is no run.
    #[error("{} is no run of a captioner: it has no recipe.toml", run.display())]
    NoRun {
        /// The folder.
        run: PathBuf,
    },
    /// A value cannot be written.
    #[error("cannot write a value as text")]
    Json(#[from] serde_json::Error),
    /// A recipe cannot be written.
    #[error("cannot write the recipe")]
    Write(#[from] toml::ser::Error),
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

impl TrainError {
    /// Whether a setting is to blame, in a recipe or a flag.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Setting(_) | Self::Toml { .. } | Self::NoWords { .. } => true,
            Self::Model(error) => match &**error {
                ModelError::Setting(_) | ModelError::Vectors(VectorError::Width { .. }) => true,
                ModelError::Transfer(error) => {
                    use TransferError::{BadConfig, NoSource, UnknownModel};
                    matches!(error, BadConfig { .. } | NoSource { .. } | UnknownModel { .. })
                }
                _ => false,
            },
            _ => false,
        }
    }
}

impl From<OptimError> for TrainError {
    fn from(error: OptimError) -> Self {
        Self::Optim(Box::new(error))
    }
}

impl From<taper_trainer::Error> for TrainError {
    fn from(error: taper_trainer::Error) -> Self {
        Self::Folder(Box::new(error))
    }
}

impl From<CaptionError> for TrainError {
    fn from(error: CaptionError) -> Self {
        Self::Data(Box::new(error))
    }
}

impl From<ModelError> for TrainError {
    fn from(error: ModelError) -> Self {
        Self::Model(Box::new(error))
    }
}

impl From<RecipeError> for TrainError {
    fn from(error: RecipeError) -> Self {
        Self::Recipe(Box::new(error))
    }
}

impl From<CheckpointError> for TrainError {
    fn from(error: CheckpointError) -> Self {
        Self::Checkpoint(Box::new(error))
    }
}
