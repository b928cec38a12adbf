//! Mirror images.

use image::RgbImage;
use taper_tensor::Rng;

use crate::check::check_number;
use crate::error::AugmentError;
use crate::transform::Transform;
use crate::vectors::vectorized;

/// Mirrors the picture left to right.
///
/// # Examples
/// ```
/// use taper_augment::{RgbImage, hflip};
/// let picture = RgbImage::from_fn(3, 1, |x, _| image::Rgb([x as u8; 3]));
/// assert_eq!(hflip(picture).into_raw(), [2, 2, 2, 1, 1, 1, 0, 0, 0]);
/// ```
pub fn hflip(mut image: RgbImage) -> RgbImage {
    let stride = image.width() as usize * 3;
    if stride > 0 {
        // Two values beyond either end, which the masks hide.
        let mut backwards = vec![0; stride + 4];
        vectorized(
            #[inline(always)]
            || {
                for row in image.chunks_exact_mut(stride) {
                    mirror(row, &mut backwards);
                }
            },
        );
    }
    image
}

/// Pixels of a row in reverse order: first all its bytes, which vectors do, then red and blue of
/// each pixel exchanged by masks.
#[inline(always)]
fn mirror(row: &mut [u8], backwards: &mut [u8]) {
    /// Of whole pixels and whole vectors.
    const LENGTH: usize = 192;
    const MASKS: [[u8; LENGTH]; 3] = {
        let mut masks = [[0; LENGTH]; 3];
        let mut i = 0;
        while i < LENGTH {
            masks[i % 3][i] = 0xFF;
            i += 1;
        }
        masks
    };
    let length = row.len();
    for (to, from) in backwards[2..2 + length].iter_mut().zip(row.iter().rev()) {
        *to = *from;
    }
    for (i, part) in row.chunks_mut(LENGTH).enumerate() {
        let at = i * LENGTH;
        let shifted = |by: usize| &backwards[at + by..at + by + part.len()];
        let (blue, green, red) = (shifted(0), shifted(2), shifted(4));
        for (i, to) in part.iter_mut().enumerate() {
            *to = red[i] & MASKS[0][i] | green[i] & MASKS[1][i] | blue[i] & MASKS[2][i];
        }
    }
}

/// Mirrors the picture top to bottom.
pub fn vflip(mut image: RgbImage) -> RgbImage {
    image::imageops::flip_vertical_in_place(&mut image);
    image
}

/// Mirrors left to right with probability `p`, otherwise leaves the picture alone.
///
/// Right for pictures of things; wrong where left and right differ in meaning (letters, arrows).
///
/// # Examples
/// ```
/// use taper_augment::{HorizontalFlip, RgbImage, Rng, Transform};
/// # fn main() -> Result<(), taper_augment::AugmentError> {
/// let picture = HorizontalFlip::new(0.5)?.apply(RgbImage::new(4, 4), &mut Rng::new(1));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct HorizontalFlip {
    p: f64,
}

impl HorizontalFlip {
    /// Mirrors with probability `p` (a fraction).
    ///
    /// # Errors
    /// `p` outside [0, 1].
    pub fn new(p: f64) -> Result<Self, AugmentError> {
        check_number("p", p, "a fraction within [0, 1]", |p| (0.0..=1.0).contains(&p))?;
        Ok(Self { p })
    }
}

impl Transform for HorizontalFlip {
    fn apply(&self, image: RgbImage, rng: &mut Rng) -> RgbImage {
        if rng.chance(self.p) { hflip(image) } else { image }
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
    fn mirroring_twice_gives_the_picture_back() {
        let picture = places(5, 3);
        let mirrored = hflip(picture.clone());
        assert_eq!(mirrored[(0, 2)], Rgb([4, 2, 7]));
        assert_eq!(hflip(mirrored), picture);
        assert_eq!(hflip(RgbImage::new(0, 3)).dimensions(), (0, 3));
    }

    #[test]
    fn a_mirrored_row_is_its_pixels_backwards() {
        for width in [1, 2, 3, 63, 64, 65, 130, 500] {
            let picture = RgbImage::from_fn(width, 2, |x, y| Rgb([x as u8, (x / 7 + y) as u8, (x * x) as u8]));
            let mirrored = hflip(picture.clone());
            for (x, y, pixel) in mirrored.enumerate_pixels() {
                assert_eq!(*pixel, picture[(width - 1 - x, y)], "{width}: ({x}, {y})");
            }
        }
    }

    #[test]
    fn about_p_of_the_pictures_are_mirrored() {
        let (picture, flip) = (places(2, 1), HorizontalFlip::new(0.3).unwrap());
        let root = Rng::new(2);
        let turned = (0..4000).filter(|&i| flip.apply(picture.clone(), &mut root.at(i)) != picture);
        assert!((turned.count() as f64 / 4000.0 - 0.3).abs() < 0.03);
    }
}
