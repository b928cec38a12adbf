//! Mirror images.

use image::RgbImage;
use taper_tensor::Rng;

use crate::check::check_number;
use crate::error::AugmentError;
use crate::transform::Transform;

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
        image.chunks_exact_mut(stride).for_each(mirror);
    }
    image
}

/// Bytes of the pixels that are turned at once.
const EIGHT: usize = 24;

/// Pixels of a row in reverse order: eight from either end change places, until fewer than sixteen
/// are left in the middle.
fn mirror(row: &mut [u8]) {
    let turned = row.len() / 2 / EIGHT * EIGHT;
    let (left, rest) = row.split_at_mut(turned);
    let (middle, right) = rest.split_at_mut(rest.len() - turned);
    let (left, right) = (left.as_chunks_mut().0, right.as_chunks_mut().0);
    for (left, right) in left.iter_mut().zip(right.iter_mut().rev()) {
        (*left, *right) = (reversed(*right), reversed(*left));
    }
    middle.as_chunks_mut::<3>().0.reverse();
}

/// Eight pixels in reverse order, by three numbers of eight bytes.
fn reversed(eight: [u8; EIGHT]) -> [u8; EIGHT] {
    const PIXEL: u64 = 0xFF_FFFF;
    let words = eight.as_chunks().0;
    let [a, b, c] = [words[0], words[1], words[2]].map(u64::from_le_bytes);
    let third = a >> 48 | (b & 0xFF) << 16;
    let sixth = b >> 56 | (c & 0xFFFF) << 8;
    let words = [
        c >> 40 | (c >> 16 & PIXEL) << 24 | sixth << 48,
        sixth >> 16 | (b >> 32 & PIXEL) << 8 | (b >> 8 & PIXEL) << 32 | third << 56,
        third >> 8 | (a >> 24 & PIXEL) << 16 | (a & PIXEL) << 40,
    ];
    let mut turned = [0; EIGHT];
    for (to, word) in turned.as_chunks_mut().0.iter_mut().zip(words) {
        *to = word.to_le_bytes();
    }
    turned
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
        for width in [1, 2, 3, 15, 16, 17, 31, 32, 33, 130, 500] {
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
