//! The ten views that a picture is tested in.

use image::RgbImage;
use taper_tensor::Rng;

use super::crop::{center_crop, crop};
use super::flip::hflip;
use super::rect::Rect;
use crate::check::{check_number, check_size};
use crate::error::AugmentError;
use crate::transform::Transform;

/// How many views there are.
pub const TEN: usize = 10;

/// View `index` of ten of `size` x `size` pixels: upper left, upper right, lower left, lower right,
/// middle, and the same five of the picture mirrored left to right. Where the picture is smaller
/// its missing parts are black, around the middle of that side.
///
/// # Panics
/// Never: an index of ten or more counts from the beginning again.
///
/// # Examples
/// ```
/// use taper_augment::{RgbImage, ten_crop};
/// let picture = RgbImage::from_fn(4, 2, |x, _| image::Rgb([x as u8; 3]));
/// assert_eq!(ten_crop(picture.clone(), 2, 1)[(0, 0)].0, [2; 3]); // upper right
/// assert_eq!(ten_crop(picture, 2, 5)[(0, 0)].0, [3; 3]); // upper left of the mirrored one
/// ```
///
/// # References
/// A. Krizhevsky, I. Sutskever, G. E. Hinton, *ImageNet Classification with Deep Convolutional
/// Neural Networks*, 2012.
pub fn ten_crop(image: RgbImage, size: u32, index: usize) -> RgbImage {
    let image = if index % TEN < TEN / 2 { image } else { hflip(image) };
    let (right, lower) = (image.width().saturating_sub(size), image.height().saturating_sub(size));
    let (left, top) = match index % (TEN / 2) {
        0 => (0, 0),
        1 => (right, 0),
        2 => (0, lower),
        3 => (right, lower),
        _ => return center_crop(image, size, size),
    };
    // Of a picture that is large enough, the middle of the window is the window.
    center_crop(crop(&image, Rect { left, top, width: size, height: size }), size, size)
}

/// One of the ten views of [`ten_crop`]; draws nothing.
///
/// # Examples
/// ```
/// use taper_augment::{RgbImage, Rng, TenCrop, Transform};
/// # fn main() -> Result<(), taper_augment::AugmentError> {
/// let picture = TenCrop::new(224, 3)?.apply(RgbImage::new(341, 256), &mut Rng::new(0));
/// assert_eq!(picture.dimensions(), (224, 224));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TenCrop {
    size: u32,
    index: usize,
}

impl TenCrop {
    /// View `index`, 0 to 9, of `size` x `size` pixels.
    ///
    /// # Errors
    /// `size` outside 1..=[`MAX_SIZE`](crate::MAX_SIZE), `index` above 9.
    pub fn new(size: u32, index: usize) -> Result<Self, AugmentError> {
        check_size("size", size)?;
        check_number("index", index as f64, "0 to 9", |index| index < TEN as f64)?;
        Ok(Self { size, index })
    }
}

impl Transform for TenCrop {
    fn apply(&self, image: RgbImage, _: &mut Rng) -> RgbImage {
        ten_crop(image, self.size, self.index)
    }
}
