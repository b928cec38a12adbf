//! A data set in another form.
//!
//! [`error`] is what can go wrong and [`sample`] a picture on its
//! way; [`folder`], [`tar`] and [`parquet`] write one side each.

mod error;
mod sample;

mod folder;
#[cfg(feature = "parquet")]
mod parquet;
mod tar;

use std::fs;
use std::path::Path;

use crate::open::Parts;
pub use error::ConvertError;
use sample::samples;

/// What a data set is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `train/<class>/...` and so on, or `<class>/...` where there is no split; pictures of several
    /// classes, or with numbers, beside a table `metadata.csv`.
    Folder,
    /// Shards of WebDataset, `train-000000.tar` and so on, of 10 000 pictures or a gigabyte.
    Tar,
    /// Files as data sets of the Hugging Face hub have them, `data/train-00000-of-00001.parquet`
    /// (feature `parquet`).
    Parquet,
}

/// Writes the parts of a data set into a new folder. The files of pictures stay as they are; what
/// has none becomes PNG. `progress` is called after each picture.
///
/// Nothing is under that name before all is written.
///
/// # Errors
/// When something lies there already, a picture cannot be read, or the form does not have what the
/// pictures have.
///
/// # Examples
/// ```
/// use taper_data::{Form, OpenConfig, convert, open_parts, open_to_measure};
/// let (root, config) = (concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pictures"), OpenConfig::default());
/// let folder = tempfile::tempdir()?;
/// let to = folder.path().join("shards");
/// convert(&open_parts(root, &config)?, &to, Form::Tar, || {})?;
/// assert_eq!(open_to_measure(to.join("train-*.tar"), &config)?.0.len(), 12);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn convert(parts: &Parts, to: &Path, form: Form, progress: impl Fn()) -> Result<(), ConvertError> {
    if to.symlink_metadata().is_ok() {
        return Err(ConvertError::Exists { path: to.into() });
    }
    let failed = |reason| ConvertError::Write { path: to.into(), reason };
    let beside = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(beside).map_err(failed)?;
    let place = tempfile::Builder::new().prefix(".convert-").tempdir_in(beside).map_err(failed)?;
    let sides = [("train", Some(&parts.train)), ("val", parts.val.as_ref()), ("test", parts.test.as_ref())];
    let whole = parts.val.is_none() && parts.test.is_none();
    for (side, set) in sides {
        let Some(set) = set else { continue };
        let samples = samples(&**set, &progress);
        match form {
            Form::Folder if whole => folder::write(&**set, samples, place.path()),
            Form::Folder => folder::write(&**set, samples, &place.path().join(side)),
            Form::Tar => tar::write(&**set, samples, (place.path(), side)),
            Form::Parquet => parquet(&**set, samples, (place.path(), side)),
        }?;
    }
    let place = place.keep();
    open_to_others(&place);
    fs::rename(&place, to).map_err(|reason| {
        // What cannot be moved is not left under a name that nobody knows.
        let _ = fs::remove_dir_all(&place);
        failed(reason)
    })
}

/// A folder made for a moment is its maker's alone; what is made of it is like any other.
#[cfg(unix)]
fn open_to_others(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o755));
}

#[cfg(not(unix))]
fn open_to_others(_: &Path) {}

#[cfg(feature = "parquet")]
use parquet::write as parquet;

#[cfg(not(feature = "parquet"))]
fn parquet(
    _: &dyn crate::Dataset,
    _: impl Iterator<Item = Result<sample::Sample, ConvertError>>,
    (to, _): (&Path, &str),
) -> Result<(), ConvertError> {
    Err(crate::DataError::NoParquet { path: to.into() }.into())
}
