//! A data set in any of the forms that people have, as two datasets.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use taper_tensor::Rng;

use crate::dataset::Dataset;
use crate::dataset::LabelKind;
use crate::error::DataError;
use crate::left_out::LeftOut;
pub use crate::sources::Parts;
use crate::sources::{Columns, Found, find, measured, parts};
use crate::split::{DEFAULT_VAL_FRACTION, check_fraction, split};

/// How a data set is opened.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenConfig {
    /// The part of each class that is set aside where there is no split, fraction.
    /// Default [`DEFAULT_VAL_FRACTION`].
    pub val_fraction: f64,
    /// What each picture is to have. Default none: what is found.
    pub labels: Option<LabelKind>,
    /// The columns of a table. Default by their names.
    pub columns: Columns,
}

impl Default for OpenConfig {
    fn default() -> Self {
        Self { val_fraction: DEFAULT_VAL_FRACTION, labels: None, columns: Columns::default() }
    }
}

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

/// Opens a data set, which is recognized by what lies at a path.
///
/// | what lies there | read as |
/// |---|---|
/// | `train/<class>/...` beside `val/<class>/...` (or `valid`, `validation`, `dev`, `eval`) | a split made beforehand; both sides must have the same classes |
/// | `<class>/...` | class folders, [split](split) by seed |
/// | a `.csv`, `.tsv` or `.jsonl` file; `metadata.csv` and the like in a folder or its sides | a table that lists pictures |
/// | `.tar` files | shards of WebDataset |
/// | `.parquet` files | as data sets of the Hugging Face hub are (feature `parquet`) |
/// | `.npz`, `.npy` | arrays of NumPy's |
/// | `data_batch_1.bin`, `train.bin` and others | CIFAR-10, CIFAR-100 |
/// | four files in IDX format | MNIST and the like |
///
/// Several files may be meant by a pattern: `shards/train-{000..031}.tar`. A split that is said by
/// names of files, by folders or by a column is taken as it is; where nothing is to validate on, a
/// part of what is to train on is drawn, and what is called a test stays apart. Of IDX, CIFAR and
/// NumPy's arrays the test is what is validated on where there is nothing else. What is not read is
/// counted in [`Splits::left_out`].
///
/// # Errors
/// As for [`Folder::open`](crate::Folder::open) and [`split`]; when a file or a line of it is not
/// what it should be; when the classes of both sides differ; when there is a folder to train on and
/// none for validation, or two. The fraction is checked in any case.
///
/// # Examples
/// ```
/// use taper_data::{OpenConfig, open};
/// use taper_tensor::Rng;
/// let (root, config) = (concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pictures"), OpenConfig::default());
/// let ready = open(root, &config, &Rng::new(7))?;
/// assert_eq!((ready.train.len(), ready.val.len(), ready.drawn), (12, 5, false));
/// let drawn = open(format!("{root}/train"), &config, &Rng::new(7))?;
/// assert_eq!((drawn.train.len(), drawn.val.len(), drawn.drawn), (10, 2, true));
/// # Ok::<(), taper_data::DataError>(())
/// ```
pub fn open(path: impl AsRef<Path>, config: &OpenConfig, rng: &Rng) -> Result<Splits, DataError> {
    check_fraction(config.val_fraction)?;
    let Parts { train, val, test, benchmark, left_out } = open_parts(path, config)?;
    match val.or(test.filter(|_| benchmark)) {
        Some(val) => Ok(Splits { train, val, drawn: false, left_out }),
        None => {
            let (train, val) = split(train, config.val_fraction, rng)?;
            Ok(Splits { train: Arc::new(train), val: Arc::new(val), drawn: true, left_out })
        }
    }
}

/// Opens the parts of a data set as they lie there, without drawing any.
///
/// # Errors
/// As for [`open`].
pub fn open_parts(path: impl AsRef<Path>, config: &OpenConfig) -> Result<Parts, DataError> {
    let path = path.as_ref();
    let parts = parts(path, &find(path)?, (&config.columns, config.labels))?;
    fits(path, parts.train.label_kind(), config)?;
    if let (LabelKind::One, [only]) = (parts.train.label_kind(), parts.train.classes()) {
        return Err(DataError::OneClass { path: path.into(), class: only.clone() });
    }
    Ok(parts)
}

/// Whether pictures have what was asked for.
fn fits(path: &Path, got: LabelKind, config: &OpenConfig) -> Result<(), DataError> {
    match config.labels {
        Some(wanted) if wanted != got => {
            Err(DataError::OtherLabels { path: path.into(), wanted: wanted.words(), got: got.words() })
        }
        _ => Ok(()),
    }
}

/// Opens a data set to measure on: its test where it has one, else what is to validate on, else all
/// of it. Of class folders one class is enough, and what is to validate on comes first: their test
/// is measured on by its own path.
///
/// # Errors
/// As for [`open`] and [`Folder::partial`](crate::Folder::partial).
pub fn open_to_measure(path: impl AsRef<Path>, config: &OpenConfig) -> Result<(Arc<dyn Dataset>, LeftOut), DataError> {
    let path = path.as_ref();
    let found = find(path)?;
    let (pictures, left_out): (Arc<dyn Dataset>, LeftOut) = if matches!(found, Found::Folder) {
        let folder = measured(path)?;
        let left_out = folder.left_out().clone();
        (Arc::new(folder), left_out)
    } else {
        let Parts { train, val, test, left_out, .. } = parts(path, &found, (&config.columns, config.labels))?;
        (test.or(val).unwrap_or(train), left_out)
    };
    fits(path, pictures.label_kind(), config)?;
    Ok((pictures, left_out))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::draw;

    fn error(root: &Path) -> String {
        open(root, &OpenConfig::default(), &Rng::new(1)).err().unwrap().to_string()
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
        let ready = open(path, &OpenConfig::default(), &Rng::new(1)).unwrap();
        assert_eq!((ready.train.len(), ready.val.len(), ready.drawn), (2, 2, false));
        assert_eq!(ready.left_out.to_string(), "1 folder \"test\" beside the split");
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
        let splits = open(root.path(), &OpenConfig::default(), &Rng::new(1)).unwrap();
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
            let ready = open(root.path(), &OpenConfig::default(), &Rng::new(1)).unwrap();
            assert!(!ready.drawn && ready.left_out.is_empty() && ready.val.name(0).contains(val));
        }
    }
}
