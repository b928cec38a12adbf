//! Data sets of the Hugging Face hub, by their addresses.

use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::listener::Listener;

/// What the address of a data set begins with: `hf://datasets/OWNER/NAME`.
const ADDRESS: &str = "hf://datasets/";

/// The name of a data set of the hub, where a path is the address of one.
pub fn name(path: &Path) -> Option<&str> {
    path.to_str()?.strip_prefix(ADDRESS)
}

/// Where a data set lies on this machine: the path itself, or, of an address, the files that it
/// means, which are fetched if they are not here.
///
/// # Errors
/// When they cannot be fetched, or there are none.
#[cfg(feature = "hub")]
pub fn local(path: &Path, listener: &dyn Listener) -> Result<PathBuf> {
    use crate::listener::Work;
    use crate::notice::Notice;
    use taper_transfer::{Fetch, Hub, TransferError};
    let Some(name) = name(path) else { return Ok(path.into()) };
    let progress = listener.work(Work::Fetching { model: name });
    let tell = &mut |fetch: Fetch| match fetch {
        Fetch::Size(size) => progress.begin(size),
        Fetch::Bytes(more) => progress.advance(more),
        Fetch::Waiting(why) => listener.notice(&Notice::Waiting { model: name.to_owned(), why: why.to_string() }),
        Fetch::Damaged(path) => {
            listener.notice(&Notice::Damaged { model: name.to_owned(), path: path.to_path_buf() });
        }
    };
    Ok(Hub::from_env().and_then(|hub| hub.dataset(name, tell)).map_err(TransferError::from)?)
}

/// Where a data set lies on this machine: the path itself.
///
/// # Errors
/// When it is the address of a data set of the hub, which this build does not fetch.
#[cfg(not(feature = "hub"))]
pub fn local(path: &Path, _: &dyn Listener) -> Result<PathBuf> {
    match name(path) {
        None => Ok(path.into()),
        Some(name) => Err(crate::store::error::StoreError::NoHub { name: name.into() }.into()),
    }
}
