//! Opening what is a file and nothing else.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::error::DataError;

/// Opens a file, and says how long it is. A pipe or a device is refused before it is opened:
/// reading one may never end.
pub(crate) fn open_file(path: &Path, failed: impl Fn(io::Error) -> DataError) -> Result<(File, u64), DataError> {
    let about = fs::metadata(path).map_err(&failed)?;
    if !about.is_file() {
        return Err(DataError::NotAFile { path: path.into() });
    }
    Ok((File::open(path).map_err(failed)?, about.len()))
}
