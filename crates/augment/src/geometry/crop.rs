//! Crops at a given place and from the middle.

use image::RgbImage;
use taper_tensor::Rng;

use super::rect::Rect;
use crate::check::check_size;
use crate::error::AugmentError;
use crate::transform::Transform;

/// Crops a picture to the part of a rectangle that lies in it.
///
/// # Examples
/// ```
/// use taper_augment::{Rect, RgbImage, crop};
/// let part = crop(&RgbImage::new(8, 6), Rect { left: 5, top: 1, width: 4, height: 2 });
/// assert_eq!(part.dimensions(), (3, 2));
/// ```
pub fn crop(image: &RgbImage, rect: Rect) -> RgbImage {
    let rect = rect.within(image);
    let mut part = RgbImage::new(rect.width, rect.height);
    copy(image, rect, &mut part, (0, 0));
    part
}

/// Crops a `width` x `height` pixel window from the middle; where the picture is smaller it gets a
/// black border.
///
/// ```text
/// larger side:   offset = round((side - window) / 2)      (half to even)
/// smaller side:  border = floor((window - side) / 2)      before, the rest after
/// ```
///
/// # Examples
/// ```
/// use taper_augment::{RgbImage, center_crop};
/// assert_eq!(center_crop(RgbImage::new(9, 2), 4, 4).dimensions(), (4, 4));
/// ```
pub fn center_crop(image: RgbImage, width: u32, height: u32) -> RgbImage {
    if image.dimensions() == (width, height) {
        return image;
    }
    let (left, skip_x) = center(image.width(), width);
    let (top, skip_y) = center(image.height(), height);
    let rect = Rect { left, top, width, height }.within(&image);
    let mut window = RgbImage::new(width, height);
    copy(&image, rect, &mut window, (skip_x, skip_y));
    window
}

/// The offsets (into the picture, into the window) that put one side in the middle of a window.
fn center(side: u32, window: u32) -> (u32, u32) {
    if side >= window {
        ((f64::from(side - window) / 2.0).round_ties_even() as u32, 0)
    } else {
        (0, (window - side) / 2)
    }
}

/// Copies `rect`, which lies in `from`, to the place `at` of `to`, where it must fit.
fn copy(from: &RgbImage, rect: Rect, to: &mut RgbImage, at: (u32, u32)) {
    if rect.width == 0 || rect.height == 0 {
        return;
    }
    let length = rect.width as usize * 3;
    let (from_stride, to_stride) = (from.width() as usize * 3, to.width() as usize * 3);
    let sources = from.chunks_exact(from_stride).skip(rect.top as usize);
    let targets = to.chunks_exact_mut(to_stride).skip(at.1 as usize);
    for (source, target) in sources.zip(targets).take(rect.height as usize) {
        let (source, target) = (&source[rect.left as usize * 3..], &mut target[at.0 as usize * 3..]);
        target[..length].copy_from_slice(&source[..length]);
    }
}

/// Crops a square from the middle, as [`center_crop`] does; draws nothing.
///
/// # Examples
/// ```
/// use taper_augment::{CenterCrop, RgbImage, Rng, Transform};
/// # fn main() -> Result<(), taper_augment::AugmentError> {
/// let picture = CenterCrop::new(224)?.apply(RgbImage::new(341, 256), &mut Rng::new(0));
/// assert_eq!(picture.dimensions(), (224, 224));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct CenterCrop {
    size: u32,
}

impl CenterCrop {
    /// A square of `size` x `size` pixels.
    ///
    /// # Errors
    /// `size` outside 1..=[`MAX_SIZE`](crate::MAX_SIZE).
    pub fn new(size: u32) -> Result<Self, AugmentError> {
        check_size("size", size)?;
        Ok(Self { size })
    }
}

impl Transform for CenterCrop {
    fn apply(&self, image: RgbImage, _: &mut Rng) -> RgbImage {
        center_crop(image, self.size, self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    /// Every pixel holds its own place: (x, y, 7).
    fn places(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, 7]))
    }

    #[test]
    fn a_cut_keeps_what_lies_in_the_picture() {
        let part = crop(&places(5, 4), Rect { left: 3, top: 2, width: 9, height: 1 });
        assert_eq!(part.into_raw(), [3, 2, 7, 4, 2, 7]);
        let beside = crop(&places(5, 4), Rect { left: 5, top: 9, width: 2, height: u32::MAX });
        assert_eq!(beside.dimensions(), (0, 0));
    }

    #[test]
    fn the_middle_rounds_half_to_even_and_pads_with_black() {
        // (5 - 2) / 2 = 1.5 -> 2 and (3 - 2) / 2 = 0.5 -> 0
        assert_eq!(center_crop(places(5, 3), 2, 2)[(0, 0)], Rgb([2, 0, 7]));
        // (4 - 1) / 2 = 1 column before, 2 after; (5 - 4) / 2 = 0.5 -> row 0
        let window = center_crop(places(1, 5), 4, 4);
        assert_eq!(window[(0, 0)], Rgb([0, 0, 0]));
        assert_eq!(window[(1, 3)], Rgb([0, 3, 7]));
        assert_eq!(window[(2, 3)], Rgb([0, 0, 0]));
    }
}
