//! Pretrained weights, fetched in sight of the user.

use std::path::{Path, PathBuf};

use anyhow::Result;
use taper_transfer::{Fetch, PretrainedModel, ReadReport, Source, Sources, TransferError, WeightsFile};

use crate::output::note;
use crate::progress::downloading;

/// The weights of a model by name, float32: those in a file, or its own, fetched if they are not on this machine.
///
/// # Errors
/// When no source holds them, they cannot be fetched, or the file is broken.
pub fn weights(model: &PretrainedModel, file: Option<&Path>) -> Result<WeightsFile, TransferError> {
    let own = || pull(model, &Sources::from_env()?, None);
    match file.map_or_else(own, |file| Ok(Some(file.to_owned())))? {
        Some(path) => model.weights_in(&path),
        None => Ok(WeightsFile { tensors: model.weights()?, report: ReadReport::default() }),
    }
}

/// Says what lay around the weights in a file, and that numbers in it are none, where there is anything to say.
pub fn tell(report: &ReadReport) {
    if !report.is_empty() {
        note(format_args!("weights: {report}"));
    }
}

/// The file of a model's weights, that of `source` or any, fetched with a progress bar if it is not on this machine; none where they are
/// embedded.
///
/// # Errors
/// When the source does not hold them, or they cannot be fetched.
pub fn pull(
    model: &PretrainedModel,
    sources: &Sources,
    source: Option<Source>,
) -> Result<Option<PathBuf>, TransferError> {
    let bar = downloading(model.name);
    let mut here = 0;
    let path = model.pull(sources, source, &mut |fetch| match fetch {
        Fetch::Size(size) => {
            bar.set_length(size);
            here = 0;
        }
        Fetch::Bytes(more) => {
            here += more;
            bar.set_position(here);
        }
        Fetch::Waiting(why) => note(format_args!("{}: waiting: {why}", model.name)),
        Fetch::Damaged(path) => {
            note(format_args!("{}: {} is damaged and is fetched again", model.name, path.display()));
        }
    });
    bar.finish_and_clear();
    path
}
