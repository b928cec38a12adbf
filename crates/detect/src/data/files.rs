//! Files in a folder, and pictures by their name.

use std::path::{Path, PathBuf};

use taper_data::EXTENSIONS;

use super::error::AnnotationError;

/// The files of a folder whose names end in one of these, in the order of their names.
pub(super) fn with_extension(folder: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>, AnnotationError> {
    let failed = |source| AnnotationError::List { path: folder.into(), source };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let of_them = |end: &std::ffi::OsStr| extensions.iter().any(|known| end.eq_ignore_ascii_case(known));
        if path.extension().is_some_and(of_them) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The pictures of a folder, in the order of their names.
pub(super) fn pictures(folder: &Path) -> Result<Vec<PathBuf>, AnnotationError> {
    with_extension(folder, &EXTENSIONS)
}

/// The picture of this stem in a folder: `JPEGImages/0001` is `JPEGImages/0001.jpg`.
pub(super) fn picture_of_stem(folder: &Path, stem: &str) -> Option<PathBuf> {
    EXTENSIONS.iter().map(|end| folder.join(format!("{stem}.{end}"))).find(|path| path.is_file())
}
