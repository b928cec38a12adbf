//! Files that are whole or not there.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufWriter, Cursor, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use image::codecs::jpeg::JpegEncoder;
use image::{ImageFormat, RgbImage};
use safetensors::SafeTensorError;

/// A file or a folder that the system, or its content, does not give.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It cannot be written.
    #[error("cannot write {}: is the disk full, or the folder not writable? Nothing was left half-written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It cannot be opened.
    #[error("cannot open {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A folder cannot be made.
    #[error("cannot make {}", path.display())]
    Make {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It cannot be removed.
    #[error("cannot remove {}", path.display())]
    Remove {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// What is to be read is a folder, a pipe or a device.
    #[error("cannot read {}: it is no file", path.display())]
    NoFile {
        /// The path.
        path: PathBuf,
    },
    /// What is to be written over is a folder, a pipe or a device.
    #[error("cannot write {}: it is there and is no file", path.display())]
    Occupied {
        /// The path.
        path: PathBuf,
    },
    /// More bytes than a text of ours has.
    #[error("{} has more than 64 MB: it is no file of this kind", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// A picture cannot be written in a format.
    #[error("cannot encode a {format}")]
    Encode {
        /// The format.
        format: &'static str,
        /// What the codec says.
        source: image::ImageError,
    },
    /// Tensors cannot be written as a safetensors file.
    #[error("cannot serialize {what}")]
    Tensors {
        /// What they are.
        what: &'static str,
        /// What the library says.
        source: SafeTensorError,
    },
}

/// Writes a file so that its name never shows half of it: into a temporary file beside it, synced,
/// renamed.
///
/// # Errors
/// Names the file. What could not be written leaves nothing behind, and a file that was there
/// stays.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    write_with(path, |file| file.write_all(bytes).map_err(unwritten(path)))
}

/// [`write()`] piece by piece.
///
/// # Errors
/// As there, and those of `pieces`.
pub fn write_with<E: From<FileError>>(
    path: &Path,
    pieces: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<(), E> {
    // Not to replace a device such as /dev/null.
    if path.exists() && !path.is_file() {
        return Err(FileError::Occupied { path: path.into() }.into());
    }
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let begin = || tempfile::Builder::new().prefix(BEGUN).tempfile_in(folder);
    let mut file = BufWriter::new(begin().map_err(unwritten(path))?);
    pieces(&mut file)?;
    let end = || -> std::io::Result<()> {
        let file = file.into_inner()?;
        file.as_file().sync_all()?;
        #[cfg(unix)]
        {
            // Temporary files are private; what a run leaves is as readable as any other file.
            use std::os::unix::fs::PermissionsExt;
            file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
        }
        file.persist(path)?;
        Ok(())
    };
    Ok(end().map_err(unwritten(path))?)
}

/// The most bytes of a file of text: those that belong to a run have a few thousand.
const MOST: u64 = 64 << 20;

/// A file of text, of at most 64 MB: of a longer one, or one without an end, no more is read.
///
/// # Errors
/// Names the file.
pub fn text(path: &Path) -> Result<String, FileError> {
    let mut text = String::new();
    let file = File::open(path).map_err(unread(path))?;
    file.take(MOST + 1).read_to_string(&mut text).map_err(unread(path))?;
    if text.len() as u64 > MOST {
        return Err(FileError::TooLong { path: path.into() });
    }
    Ok(text)
}

/// The bytes of a file. What is no file is refused: a pipe would be waited at for its other end.
///
/// # Errors
/// Names the file.
pub fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    require_file(path)?;
    std::fs::read(path).map_err(unread(path))
}

fn require_file(path: &Path) -> Result<(), FileError> {
    let is_file = path.metadata().map_err(unread(path))?.is_file();
    if is_file { Ok(()) } else { Err(FileError::NoFile { path: path.into() }) }
}

/// [`text()`] of what is a file, as [`read()`].
///
/// # Errors
/// Names the file.
pub fn read_text(path: &Path) -> Result<String, FileError> {
    require_file(path)?;
    text(path)
}

/// A value as the bytes of a JSON file.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn json(value: &impl serde::Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// A picture as the bytes of a PNG file.
///
/// # Errors
/// When the codec fails.
pub fn png(picture: &RgbImage) -> Result<Vec<u8>, FileError> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).map_err(|source| FileError::Encode { format: "PNG", source })?;
    Ok(bytes.into_inner())
}

/// A picture as the bytes of a JPEG file, small enough for a page of many.
///
/// # Errors
/// When the codec fails.
pub fn jpeg(picture: &RgbImage) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, 88);
    picture.write_with_encoder(encoder).map_err(|source| FileError::Encode { format: "JPEG", source })?;
    Ok(bytes)
}

/// Removes what a process that was killed had begun to write in a folder.
pub fn sweep(folder: &Path) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    // What cannot be removed does no harm.
    entries.filter(|entry| is_begun(&entry.file_name())).for_each(|entry| drop(std::fs::remove_file(entry.path())));
}

/// Whether nothing has this name. A link that leads nowhere has it.
pub fn is_free(path: &Path) -> bool {
    path.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

/// Whether a folder is not there, or has nothing in it but what has one of these names, or what a
/// process that was killed had begun to write.
pub fn has_only(folder: &Path, known: &[&str]) -> bool {
    let mut entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    entries.all(|entry| {
        let name = entry.file_name();
        is_begun(&name) || known.iter().any(|known| name == *known)
    })
}

/// What the name of a file begins with that is being written.
const BEGUN: &str = ".writing-";

fn is_begun(name: &OsStr) -> bool {
    name.to_string_lossy().starts_with(BEGUN)
}

fn unread(path: &Path) -> impl Fn(std::io::Error) -> FileError {
    move |source| FileError::Read { path: path.into(), source }
}

fn unwritten(path: &Path) -> impl Fn(std::io::Error) -> FileError {
    move |source| FileError::Write { path: path.into(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_a_failure_leaves_nothing() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("a");
        write(&path, b"one")?;
        write(&path, b"two")?;
        assert_eq!(std::fs::read(&path)?, b"two");
        let impossible = write(&folder.path().join("missing").join("b"), b"x").unwrap_err();
        assert!(impossible.to_string().contains("missing"), "{impossible}");
        // A folder cannot be replaced by a file: the temporary file must be gone again.
        std::fs::create_dir_all(folder.path().join("taken/inside"))?;
        assert!(write(&folder.path().join("taken"), b"x").is_err());
        assert_eq!(std::fs::read_dir(folder.path())?.count(), 2);
        Ok(())
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_nowhere_has_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        assert!(is_free(&path));
        std::os::unix::fs::symlink("nowhere", &path).unwrap();
        assert!(!is_free(&path) && !path.exists());
    }

    #[test]
    fn what_is_no_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let said = |name: &str| read_text(&folder.path().join(name)).unwrap_err().to_string();
        std::fs::create_dir(folder.path().join("folder")).unwrap();
        assert!(said("folder").contains("no file") && said("nothing").contains("cannot read"));
        std::fs::write(folder.path().join("bytes"), [0xff]).unwrap();
        assert!(said("bytes").contains("cannot read") && read(&folder.path().join("bytes")).unwrap() == [0xff]);
    }
}
