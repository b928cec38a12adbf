//! A model's weights, fetched in sight of a listener.

use std::path::PathBuf;

use taper_transfer::{Fetch, PretrainedModel, Source, Sources, TransferError};

use crate::listener::{Listener, Work};
use crate::notice::Notice;

/// The file of a model's weights, that of `source` or any, fetched if it is not on this machine;
/// none where they are embedded.
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
