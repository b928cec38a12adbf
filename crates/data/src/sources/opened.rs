//! What was found at a path, opened.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::columns::Columns;
use super::find::{Found, Sided};
use super::idx::Idx;
use super::numpy::Numpy;
use super::parts::{Parts, beside, beside_sided, by_side};
use super::side::Side;
use super::split_folder;
use super::table::Table;
use super::tar;
use crate::dataset::{Dataset, LabelKind};
use crate::error::DataError;
use crate::left_out::LeftOut;

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
