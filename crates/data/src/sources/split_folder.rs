//! Class folders, with a split made beforehand or without.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::folder::Folder;
use super::listing::{list, name};
use super::parts::{Parts, beside};
use super::side::{TEST, TRAIN, VALIDATION, is_called};
use crate::dataset::Dataset;
use crate::error::DataError;

/// The parts of class folders.
///
/// # Errors
/// As for [`Folder::open`]; when the classes of sides differ; when there is a side to train on and
/// no other, or two of the same.
pub(super) fn parts(path: &Path) -> Result<Parts, DataError> {
    let Some(Sides { train, val, test }) = sides(path)? else {
        let folder = Folder::open(path)?;
        let left_out = folder.left_out().clone();
        return Ok(Parts { train: Arc::new(folder), val: None, test: None, benchmark: false, left_out });
    };
    let others: Vec<&PathBuf> = val.iter().chain(&test).collect();
    others.iter().try_for_each(|other| agree(&train, other))?;
    let mut left_out = beside(path, &[&[&train], &others[..]].concat().into_iter().cloned().collect::<Vec<_>>())?;
    let mut open = |side: &PathBuf| -> Result<Arc<dyn Dataset>, DataError> {
        let folder = Folder::open(side)?;
        left_out.merge(folder.left_out());
        Ok(Arc::new(folder))
    };
    let (val, test) = (val.as_ref().map(&mut open).transpose()?, test.as_ref().map(&mut open).transpose()?);
    Ok(Parts { train: open(&train)?, val, test, benchmark: false, left_out })
}

/// The folders of a split that was made beforehand.
struct Sides {
    train: PathBuf,
    val: Option<PathBuf>,
    test: Option<PathBuf>,
}

/// Those of a folder; `None` where it is not a ready split.
fn sides(path: &Path) -> Result<Option<Sides>, DataError> {
    let listed = list(path)?;
    let Some(train) = one(&listed.folders, &TRAIN)? else { return Ok(None) };
    if list(&train)?.folders.is_empty() {
        return Ok(None);
    }
    let (val, test) = (one(&listed.folders, &VALIDATION)?, one(&listed.folders, &TEST)?);
    // A test is for later where there is something to validate on.
    let test = test.filter(|_| val.is_none());
    if val.is_none() && test.is_none() {
        return Err(DataError::NoValidation { path: path.into() });
    }
    Ok(Some(Sides { train, val, test }))
}

/// The class folders to measure on: those to validate on, or else to test with, or all.
///
/// # Errors
/// As for [`Folder::partial`]; when two folders are the same side.
pub(crate) fn measured(path: &Path) -> Result<Folder, DataError> {
    let folders = list(path)?.folders;
    let side = match one(&folders, &VALIDATION)? {
        None if one(&folders, &TRAIN)?.is_some() => one(&folders, &TEST)?,
        side => side,
    };
    Folder::partial(side.as_deref().unwrap_or(path))
}

/// The only one of some folders that has one of these names.
fn one(folders: &[PathBuf], names: &[&str]) -> Result<Option<PathBuf>, DataError> {
    let mut found = folders.iter().filter(|path| is_called(path, names));
    match (found.next(), found.next()) {
        (Some(first), Some(second)) => Err(DataError::TwoSides { first: first.clone(), second: second.clone() }),
        (found, _) => Ok(found.cloned()),
    }
}

/// Whether both sides have the same class folders.
fn agree(train: &Path, val: &Path) -> Result<(), DataError> {
    let classes = |side: &Path| -> Result<Vec<String>, DataError> {
        Ok(list(side)?.folders.iter().map(|path| name(path)).collect())
    };
    let (of_train, of_val) = (classes(train)?, classes(val)?);
    for (found, missing, have, lack) in [(train, val, &of_train, &of_val), (val, train, &of_val, &of_train)] {
        if let Some(class) = have.iter().find(|class| !lack.contains(class)) {
            return Err(DataError::ClassMissing { class: class.clone(), found: found.into(), missing: missing.into() });
        }
    }
    Ok(())
}
