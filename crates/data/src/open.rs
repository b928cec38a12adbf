//! A folder of pictures in any of the layouts that people have, as two datasets.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use taper_tensor::Rng;

use crate::dataset::Dataset;
use crate::error::DataError;
use crate::left_out::{HIDDEN, LeftOut};
use crate::sources::{Folder, Idx, Listed, TRAIN, VALIDATION, count_beside, idx_files, is_called, list, name};
use crate::split::{check_fraction, split};

/// Two datasets with the same classes and no picture in common.
#[derive(Clone)]
pub struct Splits {
    /// What the network learns from.
    pub train: Arc<dyn Dataset>,
    /// What it is judged by.
    pub val: Arc<dyn Dataset>,
    /// Whether the split was drawn by seed; `false` where it was found ready, as `train` and `val`.
    pub drawn: bool,
    /// What lies among the pictures and is not read.
    pub left_out: LeftOut,
}

impl fmt::Debug for Splits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut splits = f.debug_struct("Splits");
        splits.field("train", &self.train.len()).field("val", &self.val.len());
        splits.field("drawn", &self.drawn).field("left_out", &self.left_out).finish()
    }
}

/// Opens a folder of pictures.
///
/// Three layouts are known. Four files in IDX format (`train-images-idx3-ubyte`,
/// `train-labels-idx1-ubyte` and the two of `t10k`, each as it is or with `.gz`) are a data set
/// such as MNIST with its split. `train/<class>/...` beside `val/<class>/...` (or `valid`,
/// `validation`, `dev`, `eval`) is a split made beforehand: it is taken as it is, and both sides
/// must have the same classes. What else lies beside either is not looked at, and counted in
/// [`Splits::left_out`]. Anything else is taken for `<class>/...` and [split](split) by seed; a
/// folder named like a side of a split is refused there, but for a folder `train` without folders
/// in it, which is a class.
///
/// # Errors
/// As for [`Folder::open`] and [`split`]; when the classes of both sides differ; when there is a
/// side to train on and none for validation, or two. The fraction is checked in either layout.
///
/// # Examples
/// ```
/// use taper_data::{DEFAULT_VAL_FRACTION, open};
/// use taper_tensor::Rng;
/// let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pictures");
/// let ready = open(root, DEFAULT_VAL_FRACTION, &Rng::new(7))?;
/// assert_eq!((ready.train.len(), ready.val.len(), ready.drawn), (12, 5, false));
/// let drawn = open(format!("{root}/train"), 0.2, &Rng::new(7))?;
/// assert_eq!((drawn.train.len(), drawn.val.len(), drawn.drawn), (10, 2, true));
/// # Ok::<(), taper_data::DataError>(())
/// ```
pub fn open(path: impl AsRef<Path>, val_fraction: f64, rng: &Rng) -> Result<Splits, DataError> {
    let path = path.as_ref();
    check_fraction(val_fraction)?;
    if let Some(files) = idx_files(path)? {
        let (train, val) = Idx::open_sides(&files)?;
        let left_out = beside(list(path)?, &files);
        return Ok(Splits { train: Arc::new(train), val: Arc::new(val), drawn: false, left_out });
    }
    let Some(Sides { train, val, mut left_out }) = sides(path)? else {
        let folder = Folder::open(path)?;
        let left_out = folder.left_out().clone();
        let (train, val) = split(Arc::new(folder), val_fraction, rng)?;
        return Ok(Splits { train: Arc::new(train), val: Arc::new(val), drawn: true, left_out });
    };
    agree(&train, &val)?;
    let (train, val) = (Folder::open(train)?, Folder::open(val)?);
    [&train, &val].into_iter().for_each(|side| left_out.merge(side.left_out()));
    Ok(Splits { train: Arc::new(train), val: Arc::new(val), drawn: false, left_out })
}

/// The two sides of a ready split, and what lies beside them.
struct Sides {
    train: PathBuf,
    val: PathBuf,
    left_out: LeftOut,
}

/// Those of a folder; `None` where it is not a ready split.
fn sides(path: &Path) -> Result<Option<Sides>, DataError> {
    let listed = list(path)?;
    let Some(train) = one(&listed.folders, &TRAIN)? else { return Ok(None) };
    if list(&train)?.folders.is_empty() {
        return Ok(None);
    }
    let val = one(&listed.folders, &VALIDATION)?.ok_or_else(|| DataError::NoValidation { path: path.into() })?;
    let left_out = beside(listed, &[train.clone(), val.clone()]);
    Ok(Some(Sides { train, val, left_out }))
}

/// What lies in a folder beside the files or folders of a ready split.
fn beside(Listed { folders, mut files, hidden }: Listed, split: &[PathBuf]) -> LeftOut {
    let mut left_out = LeftOut::default();
    left_out.add(HIDDEN, hidden);
    files.retain(|file| !split.contains(file));
    count_beside(&mut left_out, &files);
    for other in folders.iter().filter(|other| !split.contains(other)) {
        left_out.add(&format!("folder {:?} beside the split", name(other)), 1);
    }
    left_out
}

/// The folder to validate on of a ready split, by its name; `None` where there is none.
///
/// # Errors
/// When there is no such folder, or two folders to validate on.
pub fn validation(path: impl AsRef<Path>) -> Result<Option<PathBuf>, DataError> {
    one(&list(path.as_ref())?.folders, &VALIDATION)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::draw;

    fn error(root: &Path) -> String {
        open(root, 0.2, &Rng::new(1)).err().unwrap().to_string()
    }

    #[test]
    fn ready_splits_are_taken_and_their_faults_named() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path();
        draw(path, "train/cat/1.png");
        draw(path, "train/dog/1.png");
        assert!(error(path).contains("no folder val"), "{}", error(path));
        draw(path, "valid/cat/2.png");
        let text = error(path);
        assert!(text.contains("\"dog\" is in") && text.contains("not in") && text.contains("valid"), "{text}");
        std::fs::create_dir(path.join("valid/dog")).unwrap();
        assert!(error(path).contains("dog holds no picture"), "{}", error(path));
        draw(path, "valid/dog/2.png");
        draw(path, "test/cat/3.png");
        let ready = open(path, 0.2, &Rng::new(1)).unwrap();
        assert_eq!((ready.train.len(), ready.val.len(), ready.drawn), (2, 2, false));
        assert_eq!(ready.left_out.to_string(), "1 folder \"test\" beside the split");
        assert_eq!(validation(path).unwrap(), Some(path.join("valid")));
        draw(path, "valid/fox/2.png");
        assert!(error(path).contains("\"fox\" is in"), "{}", error(path));
        draw(path, "val/cat/2.png");
        assert!(error(path).contains("keep one"), "{}", error(path));
    }

    #[test]
    fn a_class_may_be_called_train() {
        let root = tempfile::tempdir().unwrap();
        for path in ["train/1.png", "train/2.png", "plane/1.png", "plane/2.png"] {
            draw(root.path(), path);
        }
        let splits = open(root.path(), 0.2, &Rng::new(1)).unwrap();
        assert!(splits.drawn);
        assert_eq!(splits.val.classes(), ["plane", "train"]);
    }

    #[test]
    fn the_sides_of_a_split_have_several_names() {
        for (train, val) in [("train", "validation"), ("Train", "Val"), ("training", "dev"), ("train", "eval")] {
            let root = tempfile::tempdir().unwrap();
            for class in ["cat", "dog"] {
                draw(root.path(), &format!("{train}/{class}/1.png"));
                draw(root.path(), &format!("{val}/{class}/2.png"));
            }
            let ready = open(root.path(), 0.2, &Rng::new(1)).unwrap();
            assert!(!ready.drawn && ready.left_out.is_empty() && ready.val.name(0).contains(val));
        }
    }
}
