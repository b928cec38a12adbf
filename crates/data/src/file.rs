//! Opening what is a file and nothing else, and reading it from any place.

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

/// Reads so many bytes of a file from a place on, which other threads may do at once.
#[cfg(unix)]
pub(crate) fn read_at(file: &File, bytes: &mut [u8], start: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, start)
}

/// Writes bytes into a file from a place on.
#[cfg(unix)]
pub(crate) fn write_at(file: &File, bytes: &[u8], start: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, start)
}

/// Reads so many bytes of a file from a place on.
#[cfg(windows)]
pub(crate) fn read_at(file: &File, mut bytes: &mut [u8], mut start: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, bytes, start)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => (bytes, start) = (&mut bytes[read..], start + read as u64),
        }
    }
    Ok(())
}

/// Writes bytes into a file from a place on.
#[cfg(windows)]
pub(crate) fn write_at(file: &File, mut bytes: &[u8], mut start: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_write(file, bytes, start)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => (bytes, start) = (&bytes[written..], start + written as u64),
        }
    }
    Ok(())
}
