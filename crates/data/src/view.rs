//! Pictures of a data set seen in another way, with all else that is known of them.

use image::RgbImage;

use crate::dataset::{Dataset, Known, LabelKind};
use crate::decode::Need;
use crate::error::DataError;
use crate::stamp::Stamp;

/// A data set over another: its pictures are seen in another way, and their number, files, labels
/// and names are those of the whole.
///
/// # Examples
/// ```
/// use taper_data::{DataError, Dataset, RgbImage, View};
/// /// Pictures upside down.
/// struct Turned<D>(D);
/// impl<D: Dataset> View for Turned<D> {
///     fn whole(&self) -> &dyn Dataset { &self.0 }
///     fn view(&self, index: usize) -> Result<RgbImage, DataError> {
///         self.0.get(index).map(|picture| image::imageops::rotate180(&picture))
///     }
/// }
/// fn is_dataset(_: &dyn Dataset) {}
/// # fn check<D: Dataset>(set: D) { is_dataset(&Turned(set)); }
/// ```
pub trait View: Send + Sync {
    /// The data set that it is over.
    fn whole(&self) -> &dyn Dataset;

    /// [`Dataset::get`].
    ///
    /// # Errors
    /// As there.
    fn view(&self, index: usize) -> Result<RgbImage, DataError>;

    /// [`Dataset::get_needed`].
    ///
    /// # Errors
    /// As there.
    fn view_needed(&self, index: usize, need: Need) -> Result<RgbImage, DataError> {
        self.view(index).map(|picture| need.of(picture))
    }
}

impl<V: View> Dataset for V {
    fn len(&self) -> usize {
        self.whole().len()
    }

    fn get(&self, index: usize) -> Result<RgbImage, DataError> {
        self.view(index)
    }

    fn get_needed(&self, index: usize, need: Need) -> Result<RgbImage, DataError> {
        self.view_needed(index, need)
    }

    fn glance(&self, index: usize) -> Result<Known, DataError> {
        self.whole().glance(index)
    }

    fn file(&self, index: usize) -> Result<Option<Vec<u8>>, DataError> {
        self.whole().file(index)
    }

    fn label(&self, index: usize) -> usize {
        self.whole().label(index)
    }

    fn label_kind(&self) -> LabelKind {
        self.whole().label_kind()
    }

    fn target(&self, index: usize, row: &mut [f32]) -> Result<(), DataError> {
        self.whole().target(index, row)
    }

    fn classes(&self) -> &[String] {
        self.whole().classes()
    }

    fn name(&self, index: usize) -> String {
        self.whole().name(index)
    }

    fn stamp(&self, index: usize) -> Option<Stamp> {
        self.whole().stamp(index)
    }
}
