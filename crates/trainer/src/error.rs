//! What can go wrong in the trainer as a whole.

use std::path::PathBuf;

use candle_core::Error as TensorError;
use taper_augment::AugmentError;
use taper_data::DataError;
use taper_optim::OptimError;
use taper_regularize::RegularizeError;
use taper_transfer::{TransferError, WeightsError};

use crate::build::BuildError;
use crate::evaluate::EvaluateError;
use crate::files::FileError;
use crate::fit::FitError;
use crate::fit::divergence::Diverged;
use crate::ranks::RanksError;
use crate::recipe::RecipeError;
use crate::store::{Changed, CheckpointError, PicturesMissing, PlaceError, StoreError};
use crate::study::StudyError;

/// What comes of a work of the trainer.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What somebody who looks on at a work may end it with.
pub type ObserverError = Box<dyn std::error::Error + Send + Sync>;

/// What can go wrong in a work of the trainer.
///
/// Each part has an error of its own, and so has each crate below; this one holds them, and adds
/// where a longer work stood. The cause is in [`source`](std::error::Error::source), and what this
/// error adds does not repeat it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A recipe, a space or a flag cannot be run.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// A network cannot be built, or its weights do not fit.
    #[error(transparent)]
    Build(Box<BuildError>),
    /// The folder of a run, or its pictures, cannot be had.
    #[error(transparent)]
    Store(Box<StoreError>),
    /// The pictures of a run are not there.
    #[error(transparent)]
    PicturesMissing(#[from] PicturesMissing),
    /// A run is no longer what it was begun as.
    #[error(transparent)]
    Changed(Box<Changed>),
    /// A checkpoint cannot be gone on with.
    #[error(transparent)]
    Checkpoint(Box<CheckpointError>),
    /// A training cannot be done as it is asked for.
    #[error(transparent)]
    Fit(#[from] FitError),
    /// Several processes cannot train together.
    #[error(transparent)]
    Ranks(#[from] RanksError),
    /// A loss or a gradient became NaN or infinite.
    #[error(transparent)]
    Diverged(#[from] Diverged),
    /// An answer cannot be measured.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    /// A search or a range test cannot be done.
    #[error(transparent)]
    Study(#[from] StudyError),

    /// Pictures cannot be read, split or loaded.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A transform of pictures refuses its setting.
    #[error(transparent)]
    Augment(#[from] AugmentError),
    /// A technique of regularization fails.
    #[error(transparent)]
    Regularize(#[from] RegularizeError),
    /// The optimizer, a schedule or an average fails.
    #[error(transparent)]
    Optim(Box<OptimError>),
    /// A network or its weights cannot be had.
    #[error(transparent)]
    Transfer(#[from] TransferError),
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] TensorError),
    /// A value cannot be written as JSON, or read from it.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// A value cannot be written as TOML.
    #[error(transparent)]
    Toml(#[from] toml::ser::Error),
    /// Somebody who looks on ended the work.
    #[error(transparent)]
    Observer(ObserverError),

    /// A step of a training failed.
    #[error("training stopped in epoch {epoch} at step {step}")]
    Step {
        /// The epoch, from 1.
        epoch: usize,
        /// The step of the run, from 1.
        step: usize,
        /// Why.
        source: Box<Self>,
    },
    /// A checkpoint is of another run than the one that it lies in.
    #[error("{} does not fit its run", path.display())]
    Misfit {
        /// Its file.
        path: PathBuf,
        /// In what.
        source: Box<Self>,
    },
    /// A run cannot be compared with what it was begun as.
    #[error("{} cannot go on", run.display())]
    CannotGoOn {
        /// Its folder.
        run: PathBuf,
        /// Why.
        source: Box<Self>,
    },
    /// A trial of a search failed.
    #[error("the trial {}", path.display())]
    Trial {
        /// Its folder.
        path: PathBuf,
        /// Why.
        source: Box<Self>,
    },
}

impl Error {
    /// Whether it is about what is in the file of one picture: without it the work can be done.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Data(error) => error.is_damage(),
            Self::Ranks(error) => matches!(error, RanksError::Damaged { .. }),
            _ => false,
        }
    }

    /// The error that this one has the words of: that of a part or of a crate below; this one where
    /// it has words of its own.
    pub fn failure(&self) -> &(dyn std::error::Error + 'static) {
        match self {
            Self::File(error) => error,
            Self::Recipe(error) => error,
            Self::Build(error) => &**error,
            Self::Store(error) => &**error,
            Self::PicturesMissing(error) => error,
            Self::Changed(error) => &**error,
            Self::Checkpoint(error) => &**error,
            Self::Fit(error) => error,
            Self::Ranks(error) => error,
            Self::Diverged(error) => error,
            Self::Evaluate(error) => error,
            Self::Study(error) => error,
            Self::Data(error) => error,
            Self::Augment(error) => error,
            Self::Regularize(error) => error,
            Self::Optim(error) => &**error,
            Self::Transfer(error) => error,
            Self::Tensor(error) => error,
            Self::Json(error) => error,
            Self::Toml(error) => error,
            Self::Observer(error) => &**error,
            Self::Step { .. } | Self::Misfit { .. } | Self::CannotGoOn { .. } | Self::Trial { .. } => self,
        }
    }
}

/// The larger ones lie in a box: every result of the trainer has room for an error.
macro_rules! boxed {
    ($($variant:ident: $error:ty,)+) => {
        $(impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::$variant(Box::new(error))
            }
        })+
    };
}

boxed! {
    Build: BuildError,
    Store: StoreError,
    Changed: Changed,
    Checkpoint: CheckpointError,
    Optim: OptimError,
}

impl From<PlaceError> for Error {
    fn from(error: PlaceError) -> Self {
        CheckpointError::from(error).into()
    }
}

impl From<WeightsError> for Error {
    fn from(error: WeightsError) -> Self {
        Self::Transfer(error.into())
    }
}

/// An observer of ours fails as the rest of the trainer does.
impl From<ObserverError> for Error {
    fn from(error: ObserverError) -> Self {
        error.downcast().map_or_else(Self::Observer, |own| *own)
    }
}
