//! Pretrained weights.

use std::path::{Path, PathBuf};

use taper_transfer::{PretrainedModel, ReadReport, TransferError, WeightsFile};

#[cfg(feature = "hub")]
use crate::build::fetch::pull;
use crate::listener::{Listener, Work};
use crate::notice::Notice;

/// The weights of a model by name, float32: those in a file, or its own, with the feature `hub`
/// fetched if they are not on this machine.
///
/// # Errors
/// When no source holds them, they cannot be fetched, or the file is broken; without the feature
/// `hub` when they are not embedded.
pub fn weights(
    model: &PretrainedModel,
    file: Option<&Path>,
    listener: &dyn Listener,
) -> Result<WeightsFile, TransferError> {
    let path = file.map_or_else(|| own(model, listener), |file| Ok(Some(file.to_owned())))?;
    let _reading = listener.work(Work::Weights { model: model.name });
    match path {
        Some(path) => model.weights_in(&path),
        None => Ok(WeightsFile { tensors: model.weights()?, report: ReadReport::default() }),
    }
}

/// The file of a model's own weights; none where they are embedded.
#[cfg(feature = "hub")]
fn own(model: &PretrainedModel, listener: &dyn Listener) -> Result<Option<PathBuf>, TransferError> {
    pull(model, &taper_transfer::Sources::from_env()?, None, listener)
}

/// Nothing is fetched without the feature `hub`.
#[cfg(not(feature = "hub"))]
fn own(_: &PretrainedModel, _: &dyn Listener) -> Result<Option<PathBuf>, TransferError> {
    Ok(None)
}

/// Says what lay around the weights in a file, and that some are NaN or infinite, where there is
/// anything to say.
pub fn tell(report: &ReadReport, listener: &dyn Listener) {
    if !report.is_empty() {
        listener.notice(&Notice::WeightsRead(report.clone()));
    }
}
