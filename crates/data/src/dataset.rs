//! What a dataset is.

use image::RgbImage;
use sha2::{Digest, Sha256};

use crate::decode::Need;
use crate::error::DataError;
use crate::stamp::Stamp;

/// What a picture was when it was last looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Width and height, pixels, as they lie in its file.
    pub size: (u32, u32),
    /// The SHA-256 of its file; of its size and pixels where it has none of its own.
    pub content: [u8; 32],
}

/// What is known of each picture, and asked of a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LabelKind {
    /// Which one of the classes it is of.
    #[default]
    One,
    /// Of each class, whether the picture is of it: several may be, or none.
    Many,
    /// One or several numbers, such as an age; what the classes are called is what they are called.
    Number,
}

impl LabelKind {
    /// What a picture has, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::One => "one class",
            Self::Many => "several classes",
            Self::Number => "numbers",
        }
    }
}

/// Pictures by index, each of one class unless [`label_kind`](Dataset::label_kind) says otherwise.
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

    /// The picture of an index with no more pixels than are needed: [`Need::of`] what
    /// [`get`](Dataset::get) returns, or what a decoder makes of it in less time. The same index
    /// and need always give the same picture.
    ///
    /// # Errors
    /// As [`get`](Dataset::get).
    fn get_needed(&self, index: usize, need: Need) -> Result<RgbImage, DataError> {
        self.get(index).map(|picture| need.of(picture))
    }

    /// What can be known of a picture without decoding it. Default: it is decoded.
    ///
    /// # Errors
    /// When it is seen that the picture cannot be read. That none is seen promises nothing.
    fn glance(&self, index: usize) -> Result<Known, DataError> {
        let picture = self.get(index)?;
        Ok(Known { size: picture.dimensions(), content: pixels(&picture) })
    }

    /// The file of a picture as it lies there, encoded; none where it has none of its own.
    /// Default none.
    ///
    /// # Errors
    /// When it cannot be read, or there is no picture of this index.
    fn file(&self, _index: usize) -> Result<Option<Vec<u8>>, DataError> {
        Ok(None)
    }

    /// The class of a picture, an index into [`classes`](Dataset::classes). Only for an index in
    /// `0..len()`. With [`LabelKind::Many`] the first of its classes, 0 where it is of none; with
    /// [`LabelKind::Number`] it says nothing.
    fn label(&self, index: usize) -> usize;

    /// What is known of each picture. Default one class.
    fn label_kind(&self) -> LabelKind {
        LabelKind::One
    }

    /// What a network should say of a picture, into a row of as many zeros as there are classes: 1
    /// for each of its classes, or its numbers. Only for an index in `0..len()`. Default by
    /// [`label`](Dataset::label).
    ///
    /// # Errors
    /// When the label is none of the classes.
    fn target(&self, index: usize, row: &mut [f32]) -> Result<(), DataError> {
        let (label, classes) = (self.label(index), row.len());
        let name = || self.name(index);
        *row.get_mut(label).ok_or_else(|| DataError::Label { name: name(), label, classes })? = 1.0;
        Ok(())
    }

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

/// The SHA-256 of the size and the pixels of a picture.
pub(crate) fn pixels(picture: &RgbImage) -> [u8; 32] {
    let (width, height) = picture.dimensions();
    let mut sum = Sha256::new();
    sum.update(width.to_le_bytes());
    sum.update(height.to_le_bytes());
    sum.update(picture.as_raw());
    sum.finalize().into()
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
