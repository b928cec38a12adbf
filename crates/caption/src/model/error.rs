//! What can be wrong with a captioner.

use std::path::PathBuf;

use taper_nn::LayerError;
use taper_trainer::epochs::SettingError;
use taper_trainer::files::FileError;
use taper_transfer::{TransferError, WeightsError};

use crate::vectors::VectorError;

/// A captioner that cannot be built, opened or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A setting is out of its range.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file is no card of a captioner.
    #[error("{} is no card of a captioner", path.display())]
    Card {
        /// The file.
        path: PathBuf,
        /// Where, and what was expected there.
        source: serde_json::Error,
    },
    /// A folder has no captioner in it.
    #[error("{} is no run of a captioner: it has no model.json", path.display())]
    NoRun {
        /// The folder.
        path: PathBuf,
    },
    /// Word vectors cannot be had.
    #[error(transparent)]
    Vectors(#[from] VectorError),
    /// A backbone cannot be had, or its weights do not fit.
    #[error(transparent)]
    Transfer(#[from] TransferError),
    /// A file of weights does not fit.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A layer cannot be built.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}
