//! Pretrained weights, fetched in sight of a listener.

use std::path::{Path, PathBuf};

use taper_transfer::{Fetch, PretrainedModel, ReadReport, Source, Sources, TransferError, WeightsFile};

use crate::listener::{Listener, Work};
use crate::notice::Notice;

/// The weights of a model by name, float32: those in a file, or its own, fetched if they are not on this machine.
///
/// # Errors
/// When no source holds them, they cannot be fetched, or the file is broken.
pub fn weights(
    model: &PretrainedModel,
    file: Option<&Path>,
    listener: &dyn Listener,
) -> Result<WeightsFile, TransferError> {
    let own = || pull(model, &Sources::from_env()?, None, listener);
    match file.map_or_else(own, |file| Ok(Some(file.to_owned())))? {
        Some(path) => model.weights_in(&path),
        None => Ok(WeightsFile { tensors: model.weights()?, report: ReadReport::default() }),
    }
}

/// Says what lay around the weights in a file, and that numbers in it are none, where there is anything to say.
pub fn tell(report: &ReadReport, listener: &dyn Listener) {
    if !report.is_empty() {
        listener.notice(&Notice::WeightsRead(report.clone()));
    }
}

/// The file of a model's weights, that of `source` or any, fetched if it is not on this machine; none where they are
/// embedded.
///
/// # Errors
/// When the source does not hold them, or they cannot be fetched.
pub fn pull(
    model: &PretrainedModel,
    sources: &Sources,
    source: Option<Source>,
    listener: &dyn Listener,
) -> Result<Option<PathBuf>, TransferError> {
    let progress = listener.work(Work::Fetching { model: model.name });
    model.pull(sources, source, &mut |fetch| match fetch {
        Fetch::Size(size) => progress.begin(size),
        Fetch::Bytes(more) => progress.advance(more),
        Fetch::Waiting(why) => {
            listener.notice(&Notice::Waiting { model: model.name.to_owned(), why: why.to_string() });
        }
        Fetch::Damaged(path) => {
            listener.notice(&Notice::Damaged { model: model.name.to_owned(), path: path.to_path_buf() });
        }
    })
}
