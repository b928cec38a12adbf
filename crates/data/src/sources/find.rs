//! What kind of data set lies at a path.

use std::path::{Path, PathBuf};

use super::cifar::{self, Cifar};
use super::idx;
use super::listing::{has_ending, list};
use super::numpy::is_array;
use super::pattern::expand;
use super::sheet::is_sheet;
use super::side::Side;
use super::tar::is_tar;
use crate::error::DataError;

/// A file and the side of a split that it is on, where it is known to be on one.
pub(crate) type Sided = (PathBuf, Option<Side>);

/// What was found at a path.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    /// The four files of MNIST.
    Idx([PathBuf; 4]),
    /// The files of CIFAR.
    Cifar(Cifar),
    /// Arrays of NumPy's.
    Numpy(Vec<PathBuf>),
    /// Tables that list pictures.
    Table(Vec<Sided>),
    /// Tar files.
    Tar(Vec<Sided>),
    /// Parquet files.
    Parquet(Vec<Sided>),
    /// A folder, of class folders or of anything else.
    Folder,
}

/// Tables that belong to the pictures of the folder that they lie in, by their names.
const TABLES: [&str; 10] = [
    "metadata.csv",
    "metadata.jsonl",
    "metadata.tsv",
    "labels.csv",
    "labels.tsv",
    "labels.jsonl",
    "annotations.csv",
    "annotations.tsv",
    "annotations.jsonl",
    "_classes.csv",
];

/// Whether a file is of Parquet's, by its ending.
pub(crate) fn is_parquet(path: &Path) -> bool {
    has_ending(path, "parquet")
}

/// Recognizes a data set by what lies at a path: a folder, a file, or several by a pattern
/// (`shards/train-{000..031}.tar`, `data/*.parquet`).
///
/// # Errors
/// When there is nothing, or files of several kinds.
pub(crate) fn find(path: &Path) -> Result<Found, DataError> {
    if path.is_file() {
        return files(path, vec![path.to_path_buf()]);
    }
    if !path.is_dir() {
        return match expand(path) {
            Some(found) if !found.is_empty() => files(path, found),
            Some(_) => Err(DataError::NoMatch { pattern: path.into() }),
            None => Err(DataError::MissingFolder { path: path.into() }),
        };
    }
    if let Some(files) = idx::files(path)? {
        return Ok(Found::Idx(files));
    }
    if let Some(cifar) = cifar::find(path)? {
        return Ok(Found::Cifar(cifar));
    }
    let listed = list(path)?;
    let sides: Vec<&PathBuf> =
        listed.folders.iter().filter(|folder| Side::of_file(&folder.join("x")).is_some()).collect();
    let places: Vec<&Path> = std::iter::once(path).chain(sides.iter().map(|side| side.as_path())).collect();
    let table = |folder: &&Path| TABLES.iter().map(|name| folder.join(name)).find(|table| table.is_file());
    let tables: Vec<PathBuf> = places.iter().filter_map(table).collect();
    if !tables.is_empty() {
        let sided = |table: PathBuf| {
            let side = table.parent().filter(|folder| *folder != path).and_then(|_| Side::of_file(&table));
            (table, side)
        };
        return Ok(Found::Table(tables.into_iter().map(sided).collect()));
    }
    let mut found = listed.files.clone();
    for folder in sides.into_iter().chain([&path.join("data")]).filter(|folder| folder.is_dir()) {
        found.extend(list(folder)?.files);
    }
    for is in [is_tar, is_parquet, is_array] {
        let of: Vec<PathBuf> = found.iter().filter(|file| is(file)).cloned().collect();
        if !of.is_empty() {
            return files(path, of);
        }
    }
    Ok(Found::Folder)
}

/// Files of one kind; with more than one, each is of the side that its name says.
fn files(path: &Path, files: Vec<PathBuf>) -> Result<Found, DataError> {
    let several = files.len() > 1;
    let all = |is: fn(&Path) -> bool| files.iter().all(|file| is(file));
    let sided = || files.iter().map(|file| (file.clone(), Side::of_file(file).filter(|_| several))).collect();
    match () {
        () if all(is_sheet) => Ok(Found::Table(sided())),
        () if all(is_tar) => Ok(Found::Tar(sided())),
        () if all(is_parquet) => Ok(Found::Parquet(sided())),
        () if all(is_array) => Ok(Found::Numpy(files)),
        () => Err(DataError::UnknownKind { path: path.into() }),
    }
}
