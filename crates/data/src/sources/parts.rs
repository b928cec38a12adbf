//! The parts of a data set.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::find::Sided;
use super::listing::{Listed, count_beside, list, name};
use super::side::Side;
use crate::dataset::Dataset;
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

/// The sides of a whole. Where none of it is to train on, all of it is.
pub(super) fn by_side(whole: Arc<dyn Dataset>, sides: &[Option<Side>], left_out: LeftOut) -> Result<Parts, DataError> {
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

pub(super) fn beside_sided(path: &Path, files: &[Sided]) -> Result<LeftOut, DataError> {
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
