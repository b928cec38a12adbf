//! A dataset whose pictures have no more pixels than are needed.

use std::fmt;
use std::sync::Arc;

use image::RgbImage;

use crate::dataset::Dataset;
use crate::decode::Need;
use crate::error::DataError;
use crate::view::View;

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

impl View for Needed {
    fn whole(&self) -> &dyn Dataset {
        &*self.whole
    }

    fn view(&self, index: usize) -> Result<RgbImage, DataError> {
        self.whole.get_needed(index, self.need)
    }
}
