//! What a dataset is.

use image::RgbImage;

use crate::error::DataError;
use crate::stamp::Stamp;

/// Pictures by index, each of one class.
///
/// The same index must always give the same picture and label: shuffling and random changes come
/// later and are keyed by the index. Methods are called from several threads at once.
///
/// # Examples
/// ```
/// use taper_data::{DataError, Dataset, RgbImage};
/// /// One gray picture per class.
/// struct Grays(Vec<String>);
/// impl Dataset for Grays {
///     fn len(&self) -> usize { self.0.len() }
///     fn get(&self, index: usize) -> Result<RgbImage, DataError> {
///         Ok(RgbImage::from_pixel(8, 8, image::Rgb([index as u8; 3])))
///     }
///     fn label(&self, index: usize) -> usize { index }
///     fn classes(&self) -> &[String] { &self.0 }
///     fn name(&self, index: usize) -> String { format!("gray {index}") }
/// }
/// assert!(!Grays(vec!["black".into(), "nearly".into()]).is_empty());
/// ```
pub trait Dataset: Send + Sync {
    /// How many pictures.
    fn len(&self) -> usize;

    /// The picture of an index in `0..len()`, decoded.
    ///
    /// # Errors
    /// When the picture cannot be read, or there is none of this index.
    fn get(&self, index: usize) -> Result<RgbImage, DataError>;

    /// The class of a picture, an index into [`classes`](Dataset::classes). Only for an index in
    /// `0..len()`.
    fn label(&self, index: usize) -> usize;

    /// The names of the classes, in the order of the labels.
    fn classes(&self) -> &[String];

    /// What a message calls a picture: the path of its file, where it has one. Only for an index in
    /// `0..len()`.
    fn name(&self, index: usize) -> String;

    /// What the file system says of the file of a picture, where it has one of its own: a picture
    /// with the same stamp need not be read to know that it is the same. Only for an index in
    /// `0..len()`. Default none.
    fn stamp(&self, _index: usize) -> Option<Stamp> {
        None
    }

    /// Whether there is no picture.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How many pictures each class has.
pub(crate) fn counts(dataset: &dyn Dataset) -> Vec<usize> {
    let mut counts = vec![0; dataset.classes().len()];
    for index in 0..dataset.len() {
        if let Some(count) = counts.get_mut(dataset.label(index)) {
            *count += 1;
        }
    }
    counts
}
