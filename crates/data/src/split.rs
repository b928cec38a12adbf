//! Pictures to train on and pictures to judge by.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use taper_tensor::Rng;

use crate::dataset::{Dataset, Subset};
use crate::error::DataError;
use crate::folder::{Folder, Listed, TRAIN, VALIDATION, is_called, list, name};
use crate::idx::{Idx, files};
use crate::left_out::{HIDDEN, LeftOut};

/// How much of each class is set aside for validation unless something else is said: a fifth.
pub const DEFAULT_VAL_FRACTION: f64 = 0.2;

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

/// Opens a folder of pictures.
///
/// Three layouts are known. Four files in IDX format (`train-images-idx3-ubyte`, `train-labels-idx1-ubyte` and the two of
/// `t10k`, each as it is or with `.gz`) are a data set such as MNIST with its split. `train/<class>/...` beside
/// `val/<class>/...` (or `valid`, `validation`, `dev`, `eval`) is a split made beforehand: it is taken as it is, and
/// both sides must have the same classes. What else lies beside either is not looked at, and counted in
/// [`Splits::left_out`]. Anything else is taken for `<class>/...` and [split](split) by seed; a folder that is called
/// as a side is refused there, but for a folder `train` without folders in it, which is a class.
///
/// # Errors
/// As for [`Folder::open`] and [`split`]; when the classes of both sides differ; when there is a side to
/// train on and none for validation, or two. The fraction is checked in either layout.
///
/// # Examples
/// ```
/// use taper_data::{DEFAULT_VAL_FRACTION, open};
/// use taper_tensor::Rng;
/// let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/emoji");
/// let ready = open(root, DEFAULT_VAL_FRACTION, &Rng::new(7))?;
/// assert_eq!((ready.train.len(), ready.val.len(), ready.drawn), (531, 531, false));
/// let drawn = open(format!("{root}/train"), 0.2, &Rng::new(7))?;
/// assert_eq!((drawn.train.len(), drawn.val.len(), drawn.drawn), (425, 106, true));
/// # Ok::<(), taper_data::DataError>(())
/// ```
pub fn open(path: impl AsRef<Path>, val_fraction: f64, rng: &Rng) -> Result<Splits, DataError> {
    let path = path.as_ref();
    check_fraction(val_fraction)?;
    if let Some((train, val)) = Idx::sides(path)? {
        let left_out = beside(list(path)?, &files(path)?.unwrap_or_default());
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

/// Draws a part of each class for validation: the rounded fraction, at least one picture and not all.
///
/// A class is drawn from the key of `rng`, `"split"` and its name; both sides keep the order of the whole.
/// The same seed on the same files gives the same split, and a class added later leaves the others as
/// they were.
///
/// # Errors
/// When the fraction does not lie between 0 and 1, or a class has fewer than two pictures.
pub fn split(dataset: Arc<dyn Dataset>, val_fraction: f64, rng: &Rng) -> Result<(Subset, Subset), DataError> {
    check_fraction(val_fraction)?;
    let rng = rng.fork("split");
    let mut in_val = vec![false; dataset.len()];
    let classes = dataset.classes();
    let mut by_class = vec![Vec::new(); classes.len()];
    for index in 0..dataset.len() {
        let label = dataset.label(index);
        let members = by_class.get_mut(label).ok_or_else(|| DataError::Label {
            name: dataset.name(index),
            label,
            classes: classes.len(),
        })?;
        members.push(index);
    }
    for (mut members, class) in by_class.into_iter().zip(classes) {
        let got = members.len();
        if got < 2 {
            return Err(DataError::TooFew { class: class.clone(), got });
        }
        rng.fork(class).shuffle(&mut members);
        let aside = (got as f64 * val_fraction).round() as usize;
        for &index in &members[..aside.clamp(1, got - 1)] {
            in_val[index] = true;
        }
    }
    let (val, train) = (0..dataset.len()).partition(|&index| in_val[index]);
    Ok((Subset::new(dataset.clone(), train)?, Subset::new(dataset, val)?))
}

fn check_fraction(got: f64) -> Result<(), DataError> {
    if got > 0.0 && got < 1.0 { Ok(()) } else { Err(DataError::Fraction { got }) }
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
    left_out.beside(&files);
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
    use crate::dataset::counts;
    use crate::fixture::{Numbers, draw, emoji};

    fn error(root: &Path) -> String {
        open(root, 0.2, &Rng::new(1)).err().unwrap().to_string()
    }

    #[test]
    fn a_split_is_stratified_disjoint_and_repeatable() {
        let whole: Arc<dyn Dataset> = Arc::new(Folder::open(emoji().join("train")).unwrap());
        let drawn = |seed| split(whole.clone(), 0.2, &Rng::new(seed)).unwrap();
        let (train, val) = drawn(1);
        let mut all = [train.indices(), val.indices()].concat();
        all.sort_unstable();
        assert_eq!(all, (0..531).collect::<Vec<_>>());
        for (part, class) in counts(&val).into_iter().zip(counts(&*whole)) {
            assert_eq!(part, (class as f64 * 0.2).round() as usize);
        }
        assert_eq!(drawn(1).1.indices(), val.indices());
        assert_ne!(drawn(2).1.indices(), val.indices());
        assert!(val.indices().is_sorted());
    }

    #[test]
    fn both_sides_keep_one_of_each_class() {
        for fraction in [0.001, 0.999] {
            let (train, val) = split(Arc::new(Numbers(4)), fraction, &Rng::new(1)).unwrap();
            assert_eq!((counts(&train), counts(&val)), (vec![1, 1], vec![1, 1]));
        }
        let lone = split(Arc::new(Numbers(3)), 0.5, &Rng::new(1)).err().unwrap();
        assert!(matches!(&lone, DataError::TooFew { class, got: 1 } if class == "odd"), "{lone}");
        for fraction in [0.0, 1.0, -0.1, f64::NAN] {
            assert!(split(Arc::new(Numbers(4)), fraction, &Rng::new(1)).is_err());
        }
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
