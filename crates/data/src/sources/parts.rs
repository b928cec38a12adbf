//! The parts of a data set.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::columns::Columns;
use super::find::{Found, Sided};
use super::idx::Idx;
use super::listing::{Listed, count_beside, list, name};
use super::numpy::Numpy;
use super::side::Side;
use super::split_folder;
use super::table::Table;
use super::tar;
use crate::dataset::{Dataset, LabelKind};
use crate::error::DataError;
use crate::left_out::{HIDDEN, LeftOut};
use crate::subset::Subset;

/// The parts of a data set, as they were found: all with the same classes.
#[derive(Clone)]
pub struct Parts {
    /// To train on, and what is on no side.
    pub train: Arc<dyn Dataset>,
    /// To validate on.
    pub val: Option<Arc<dyn Dataset>>,
    /// To test with.
    pub test: Option<Arc<dyn Dataset>>,
    /// Whether what is called a test is what everybody validates on: of the benchmarks that have
    /// two parts.
    pub benchmark: bool,
    /// What lies among the pictures and is not read.
    pub left_out: LeftOut,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |part: &Option<Arc<dyn Dataset>>| part.as_ref().map(|set| set.len());
        let mut parts = f.debug_struct("Parts");
        parts.field("train", &self.train.len()).field("val", &of(&self.val)).field("test", &of(&self.test));
        parts.field("left_out", &self.left_out).finish_non_exhaustive()
    }
}

/// Opens what was found at a path.
///
/// # Errors
/// When a file is not what it should be, or Parquet is asked of a build without it.
pub(crate) fn parts(
    path: &Path,
    found: &Found,
    (columns, kind): (&Columns, Option<LabelKind>),
) -> Result<Parts, DataError> {
    Ok(match found {
        Found::Folder => split_folder::parts(path)?,
        Found::Idx(files) => {
            let (train, test) = Idx::open_sides(files)?;
            benchmark((Arc::new(train), None, Some(Arc::new(test))), beside(path, files)?)
        }
        Found::Cifar(cifar) => {
            let (train, test) = (cifar.train()?, cifar.test()?);
            benchmark((Arc::new(train), None, Some(Arc::new(test))), beside(path, &cifar.files())?)
        }
        Found::Numpy(files) => arrays(path, files, kind)?,
        Found::Table(tables) => {
            let table = Table::open(tables, columns, kind)?;
            let sides = table.sides().to_vec();
            by_side(Arc::new(table), &sides, LeftOut::default())?
        }
        Found::Tar(shards) => {
            let (records, sides, mut left_out) = tar::open(shards, kind)?;
            let names = tar::class_files(shards).into_iter().map(|file| (file, None));
            left_out.merge(&beside_sided(path, &shards.iter().cloned().chain(names).collect::<Vec<_>>())?);
            by_side(Arc::new(records), &sides, left_out)?
        }
        Found::Parquet(files) => parquet(path, files, (columns, kind))?,
    })
}

#[cfg(feature = "parquet")]
fn parquet(path: &Path, files: &[Sided], how: (&Columns, Option<LabelKind>)) -> Result<Parts, DataError> {
    let (records, sides) = super::parquet::open(files, how)?;
    by_side(Arc::new(records), &sides, beside_sided(path, files)?)
}

#[cfg(not(feature = "parquet"))]
fn parquet(path: &Path, _: &[Sided], _: (&Columns, Option<LabelKind>)) -> Result<Parts, DataError> {
    Err(DataError::NoParquet { path: path.into() })
}

type Three = (Arc<dyn Dataset>, Option<Arc<dyn Dataset>>, Option<Arc<dyn Dataset>>);

fn benchmark((train, val, test): Three, left_out: LeftOut) -> Parts {
    Parts { train, val, test, benchmark: true, left_out }
}

fn arrays(path: &Path, files: &[PathBuf], kind: Option<LabelKind>) -> Result<Parts, DataError> {
    let numpy = Numpy::open(files)?;
    let mut labels = numpy.labels(kind)?;
    let mut side = |side: Option<Side>| -> Result<Option<Arc<dyn Dataset>>, DataError> {
        let Some(labels) = labels.remove(&side) else { return Ok(None) };
        Ok(Some(Arc::new(numpy.pictures(side, labels)?)))
    };
    let (whole, train) = (side(None)?, side(Some(Side::Train))?);
    let (val, test) = (side(Some(Side::Val))?, side(Some(Side::Test))?);
    let left_out = beside(path, files)?;
    match train.or(whole) {
        Some(train) => Ok(benchmark((train, val, test), left_out)),
        None => match val.or(test) {
            Some(only) => Ok(benchmark((only, None, None), left_out)),
            None => Err(DataError::Empty),
        },
    }
}

/// The sides of a whole. Where none of it is to train on, all of it is.
fn by_side(whole: Arc<dyn Dataset>, sides: &[Option<Side>], left_out: LeftOut) -> Result<Parts, DataError> {
    let of = |wanted: Side| -> Vec<usize> {
        let is = |side: &Option<Side>| side.unwrap_or(Side::Train) == wanted;
        (0..sides.len()).filter(|&i| is(&sides[i])).collect()
    };
    let (train, val, test) = (of(Side::Train), of(Side::Val), of(Side::Test));
    if train.is_empty() || train.len() == sides.len() {
        return Ok(Parts { train: whole, val: None, test: None, benchmark: false, left_out });
    }
    let part = |indices: Vec<usize>| -> Result<Arc<dyn Dataset>, DataError> {
        Ok(Arc::new(Subset::new(whole.clone(), indices)?))
    };
    let some = |indices: Vec<usize>| (!indices.is_empty()).then(|| part(indices)).transpose();
    Ok(Parts { train: part(train)?, val: some(val)?, test: some(test)?, benchmark: false, left_out })
}

fn beside_sided(path: &Path, files: &[Sided]) -> Result<LeftOut, DataError> {
    beside(path, &files.iter().map(|(file, _)| file.clone()).collect::<Vec<_>>())
}

/// What lies in a folder beside the files that are read, and those folders that hold none of them.
pub(super) fn beside(path: &Path, read: &[PathBuf]) -> Result<LeftOut, DataError> {
    let mut left_out = LeftOut::default();
    if !path.is_dir() {
        return Ok(left_out);
    }
    let Listed { folders, mut files, hidden } = list(path)?;
    left_out.add(HIDDEN, hidden);
    files.retain(|file| !read.contains(file));
    count_beside(&mut left_out, &files);
    for other in folders.iter().filter(|other| !read.iter().any(|file| file.starts_with(other))) {
        left_out.add(&format!("folder {:?} beside the split", name(other)), 1);
    }
    Ok(left_out)
}
