//! Files that are whole or not there.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufWriter, Cursor, ErrorKind, Read, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use image::codecs::jpeg::JpegEncoder;
use image::{ImageFormat, RgbImage};

/// Writes a file so that its name never shows half of it: into a temporary file beside it, synced,
/// renamed.
///
/// # Errors
/// Names the file. What could not be written leaves nothing behind, and a file that was there
/// stays.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    write_with(path, |file| file.write_all(bytes).with_context(|| unwritten(path)))
}

/// [`write()`] piece by piece.
///
/// # Errors
/// As there, and those of `pieces`.
pub fn write_with(path: &Path, pieces: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    // Not to replace a device such as /dev/null.
    ensure!(!path.exists() || path.is_file(), "cannot write {}: it is there and is no file", path.display());
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let begin = || tempfile::Builder::new().prefix(BEGUN).tempfile_in(folder);
    let mut file = BufWriter::new(begin().with_context(|| unwritten(path))?);
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
    end().with_context(|| unwritten(path))
}

/// The most bytes of a file of text: those that belong to a run have a few thousand.
const MOST: u64 = 64 << 20;

/// A file of text, of at most 64 MB: of a longer one, or one without an end, no more is read.
///
/// # Errors
/// Names the file.
pub fn text(path: &Path) -> Result<String> {
    let unread = || format!("cannot read {}", path.display());
    let mut text = String::new();
    File::open(path).with_context(unread)?.take(MOST + 1).read_to_string(&mut text).with_context(unread)?;
    ensure!(text.len() as u64 <= MOST, "{} has more than 64 MB: it is no file of this kind", path.display());
    Ok(text)
}

/// The bytes of a file. What is no file is refused: a pipe would be waited at for its other end.
///
/// # Errors
/// Names the file.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    require_file(path)?;
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

fn require_file(path: &Path) -> Result<()> {
    let unread = || format!("cannot read {}", path.display());
    ensure!(path.metadata().with_context(unread)?.is_file(), "{}: it is no file", unread());
    Ok(())
}

/// [`text()`] of what is a file, as [`read()`].
///
/// # Errors
/// Names the file.
pub fn read_text(path: &Path) -> Result<String> {
    require_file(path)?;
    text(path)
}

/// A value as the bytes of a JSON file.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn json(value: &impl serde::Serialize) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// A picture as the bytes of a PNG file.
///
/// # Errors
/// When the codec fails.
pub fn png(picture: &RgbImage) -> Result<Vec<u8>> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).context("cannot encode a PNG")?;
    Ok(bytes.into_inner())
}

/// A picture as the bytes of a JPEG file, small enough for a page of many.
///
/// # Errors
/// When the codec fails.
pub fn jpeg(picture: &RgbImage) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, 88);
    picture.write_with_encoder(encoder).context("cannot encode a JPEG")?;
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

fn unwritten(path: &Path) -> String {
    format!(
        "cannot write {}: is the disk full, or the folder not writable? Nothing was left half-written",
        path.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_a_failure_leaves_nothing() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("a");
        write(&path, b"one")?;
        write(&path, b"two")?;
        assert_eq!(std::fs::read(&path)?, b"two");
        let impossible = write(&folder.path().join("missing").join("b"), b"x").unwrap_err();
        assert!(format!("{impossible:#}").contains("missing"), "{impossible:#}");
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
