//! A dataset whose pictures have no more pixels than are needed.

use std::fmt;
use std::sync::Arc;

use image::RgbImage;

use crate::dataset::{Dataset, Known, LabelKind};
use crate::decode::Need;
use crate::error::DataError;
use crate::stamp::Stamp;

/// The pictures of another dataset, with no more pixels than are needed.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use taper_data::{Dataset, Folder, Need, Needed};
/// let folder = Folder::open(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pictures/train"))?;
/// let small = Needed::new(Arc::new(folder), Need::ShortSide(16));
/// assert_eq!((small.len(), small.get(3)?.dimensions()), (12, (16, 16)));
/// # Ok::<(), taper_data::DataError>(())
/// ```
#[derive(Clone)]
pub struct Needed {
    whole: Arc<dyn Dataset>,
    need: Need,
}

impl Needed {
    /// These pictures, with as many pixels as are needed.
    pub fn new(whole: Arc<dyn Dataset>, need: Need) -> Self {
        Self { whole, need }
    }
}

impl fmt::Debug for Needed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Needed").field("pictures", &self.len()).field("need", &self.need).finish_non_exhaustive()
    }
}

impl Dataset for Needed {
    fn len(&self) -> usize {
        self.whole.len()
    }

    fn get(&self, index: usize) -> Result<RgbImage, DataError> {
        self.whole.get_needed(index, self.need)
    }

    fn glance(&self, index: usize) -> Result<Known, DataError> {
        self.whole.glance(index)
    }

    fn file(&self, index: usize) -> Result<Option<Vec<u8>>, DataError> {
        self.whole.file(index)
    }

    fn label(&self, index: usize) -> usize {
        self.whole.label(index)
    }

    fn label_kind(&self) -> LabelKind {
        self.whole.label_kind()
    }

    fn target(&self, index: usize, row: &mut [f32]) -> Result<(), DataError> {
        self.whole.target(index, row)
    }

    fn classes(&self) -> &[String] {
        self.whole.classes()
    }

    fn name(&self, index: usize) -> String {
        self.whole.name(index)
    }

    fn stamp(&self, index: usize) -> Option<Stamp> {
        self.whole.stamp(index)
    }
}
