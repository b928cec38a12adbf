//! What lies directly in a folder.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::DataError;
use crate::left_out::{LeftOut, OUTSIDE};
use crate::limits::EXTENSIONS;

/// What lies directly in a folder, each kind ordered by name.
pub(crate) struct Listed {
    pub(crate) folders: Vec<PathBuf>,
    pub(crate) files: Vec<PathBuf>,
    /// How many are hidden, and in neither list.
    pub(crate) hidden: usize,
}

/// Lists a folder.
pub(crate) fn list(path: &Path) -> Result<Listed, DataError> {
    if !path.is_dir() {
        return Err(DataError::MissingFolder { path: path.into() });
    }
    let failed = |reason| DataError::List { path: path.into(), reason };
    let (mut entries, mut hidden) = (Vec::new(), 0);
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?.path();
        if name(&entry).starts_with('.') {
            hidden += 1;
        } else {
            entries.push((name(&entry), entry));
        }
    }
    entries.sort();
    let (folders, files) = entries.into_iter().map(|(_, path)| path).partition(|path| path.is_dir());
    Ok(Listed { folders, files, hidden })
}

/// The last part of a path, as text.
pub(crate) fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Whether a name ends so, in letters of any size.
pub(super) fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending))
}

/// Whether a name ends as that of a picture does.
pub(super) fn has_picture_ending(path: &Path) -> bool {
    EXTENSIONS.iter().any(|ending| has_ending(path, ending))
}

/// A file whose extension is that of a picture. A link that leads nowhere is one too: reading it
/// says so.
pub(super) fn is_picture(path: &Path) -> bool {
    has_picture_ending(path) && fs::metadata(path).map_or(true, |kind| kind.is_file())
}

/// Counts files that lie beside class folders; returns how many are pictures.
pub(crate) fn count_beside(left_out: &mut LeftOut, files: &[PathBuf]) -> usize {
    let (pictures, others): (Vec<&PathBuf>, Vec<&PathBuf>) = files.iter().partition(|path| is_picture(path));
    left_out.add(OUTSIDE, pictures.len());
    others.into_iter().for_each(|path| left_out.file(path));
    pictures.len()
}
