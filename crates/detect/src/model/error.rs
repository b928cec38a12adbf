//! What can be wrong with a detector.

use std::path::PathBuf;

use taper_nn::LayerError;
use taper_trainer::files::FileError;
use taper_transfer::{TransferError, WeightsError};

use crate::boxes::BoxError;

/// A detector that cannot be built, opened or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A setting is out of its range.
    #[error("{field} must be {wanted}; got {got}")]
    Setting {
        /// Which.
        field: &'static str,
        /// What it takes.
        wanted: &'static str,
        /// What it is.
        got: String,
    },
    /// A backbone has no stage of this name.
    #[error("{model} has no stage {got:?}; it has {known:?}")]
    NoStage {
        /// The backbone.
        model: String,
        /// What was asked for.
        got: String,
        /// Its stages.
        known: Vec<&'static str>,
    },
    /// A backbone whose outputs are no maps of the picture.
    #[error("{model} makes no maps of a picture at {stage:?}: a detector reads regions of maps")]
    NoMaps {
        /// The backbone.
        model: String,
        /// The stage.
        stage: &'static str,
    },
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file is no card of a detector.
    #[error("{} is no card of a detector", path.display())]
    Card {
        /// The file.
        path: PathBuf,
        /// Where, and what was expected there.
        source: serde_json::Error,
    },
    /// A folder has no detector in it.
    #[error("{} is no run of a detector: it has no model.json", path.display())]
    NoRun {
        /// The folder.
        path: PathBuf,
    },
    /// Weights of a detector that proposes regions by itself are asked for others, or the other way
    /// round.
    #[error("this detector {has}; {wanted} was asked for")]
    Proposals {
        /// What it does.
        has: &'static str,
        /// What it was asked to do.
        wanted: &'static str,
    },
    /// A backbone cannot be had, or its weights do not fit.
    #[error(transparent)]
    Transfer(#[from] TransferError),
    /// A file of weights does not fit.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A layer cannot be built.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// Deltas have impossible weights.
    #[error(transparent)]
    Box(#[from] BoxError),
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}
