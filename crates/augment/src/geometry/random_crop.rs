//! Crops of one size at a random place.

use image::RgbImage;
use taper_tensor::Rng;

use super::crop::{center_crop, crop};
use super::rect::Rect;
use super::resize::resize_short_side;
use super::sampling::{Border, Interpolation};
use super::source::Source;
use crate::check::{MAX_SIZE, check_number, check_range, check_size};
use crate::error::AugmentError;
use crate::transform::Transform;

/// A window of `size` x `size` pixels at a uniform place; of a smaller picture the middle, with
/// black around it.
fn window(image: RgbImage, size: u32, rng: &mut Rng) -> RgbImage {
    let place = |side: u32, rng: &mut Rng| rng.below(side.saturating_sub(size) as usize + 1) as u32;
    let (top, left) = (place(image.height(), rng), place(image.width(), rng));
    center_crop(crop(&image, Rect { left, top, width: size, height: size }), size, size)
}

/// Crops a square at a random place from the picture with a border around it, as is usual for
/// pictures of a few dozen pixels: 32 with a padding of 4.
///
/// # Examples
/// ```
/// use taper_augment::{Border, RandomCrop, RgbImage, Rng, Transform};
/// # fn main() -> Result<(), taper_augment::AugmentError> {
/// let picture = RandomCrop::new(32, 4, Border::Reflect)?.apply(RgbImage::new(32, 32), &mut Rng::new(1));
/// assert_eq!(picture.dimensions(), (32, 32));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RandomCrop {
    size: u32,
    padding: u32,
    border: Border,
}

impl RandomCrop {
    /// A square of `size` pixels out of the picture with `padding` pixels of `border` on each side.
    ///
    /// # Errors
    /// `size` outside 1..=[`MAX_SIZE`], `padding` above it.
    pub fn new(size: u32, padding: u32, border: Border) -> Result<Self, AugmentError> {
        check_size("size", size)?;
        check_number("padding", padding.into(), "0 to 8192 pixels", |padding| padding <= f64::from(MAX_SIZE))?;
        Ok(Self { size, padding, border })
    }
}

impl Transform for RandomCrop {
    fn apply(&self, image: RgbImage, rng: &mut Rng) -> RgbImage {
        if self.padding == 0 || image.width() == 0 || image.height() == 0 {
            return window(image, self.size, rng);
        }
        // Where the window begins in the picture; in the middle of one that is too small with its
        // border, too.
        let mut origin = |side: u32| match (side + 2 * self.padding).checked_sub(self.size) {
            Some(free) => rng.below(free as usize + 1) as f32 - self.padding as f32,
            None => -((self.size - side) as f32 / 2.0).floor(),
        };
        let (top, left) = (origin(image.height()), origin(image.width()));
        let source = Source::new(&image, self.border.into());
        let pixel = |x, y| source.at(left + x as f32 + 0.5, top + y as f32 + 0.5);
        RgbImage::from_fn(self.size, self.size, |x, y| image::Rgb(pixel(x, y)))
    }
}

/// The crop of VGG and ResNet: the short side scaled to a random length, then a random square.
///
/// ```text
/// short side ~ U{low, ..., high},  the place of the square uniform
/// ```
///
/// # References
/// - K. Simonyan, A. Zisserman, *Very Deep Convolutional Networks for Large-Scale Image
///   Recognition*, 2015.
/// - K. He, X. Zhang, S. Ren, J. Sun, *Deep Residual Learning for Image Recognition*, 2016.
#[derive(Clone, Debug, PartialEq)]
pub struct RandomScaleCrop {
    size: u32,
    short_side: (u32, u32),
    interpolation: Interpolation,
}

impl RandomScaleCrop {
    /// A square of `size` pixels (the papers' 224) out of the picture with a short side from
    /// `short_side.0` to `short_side.1` pixels (256 to 480).
    ///
    /// # Errors
    /// `size` outside 1..=[`MAX_SIZE`]; `short_side` reversed, below `size` or above [`MAX_SIZE`].
    pub fn new(size: u32, short_side: (u32, u32), interpolation: Interpolation) -> Result<Self, AugmentError> {
        check_size("size", size)?;
        let ends = (f64::from(short_side.0), f64::from(short_side.1));
        let fits = |side: f64| (f64::from(size)..=f64::from(MAX_SIZE)).contains(&side);
        check_range("short_side", ends, "size <= low <= high <= 8192", fits)?;
        Ok(Self { size, short_side, interpolation })
    }
}

impl Transform for RandomScaleCrop {
    fn apply(&self, image: RgbImage, rng: &mut Rng) -> RgbImage {
        let (low, high) = self.short_side;
        let short = low + rng.below((high - low) as usize + 1) as u32;
        window(resize_short_side(image, short, self.interpolation), self.size, rng)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, 7]))
    }

    #[test]
    fn a_padded_cut_begins_anywhere_from_the_border_on() {
        let (cut, root) = (RandomCrop::new(8, 2, Border::default()).unwrap(), Rng::new(3));
        let mut seen = [[0; 5]; 5];
        for i in 0..2500 {
            let part = cut.apply(places(8, 8), &mut root.at(i));
            // The pixel in the middle is in every cut.
            let [x, y, _] = part[(4, 4)].0;
            seen[usize::from(y) - 2][usize::from(x) - 2] += 1;
        }
        assert!(seen.iter().flatten().all(|&count| (50..160).contains(&count)), "{seen:?}");
    }

    #[test]
    fn a_cut_without_padding_keeps_pixels() {
        let cut = RandomCrop::new(4, 0, Border::default()).unwrap();
        for i in 0..50 {
            let part = cut.apply(places(9, 6), &mut Rng::new(3).at(i));
            let [x, y, _] = part[(0, 0)].0;
            assert!(x <= 5 && y <= 2);
            assert_eq!(part, crop(&places(9, 6), Rect { left: x.into(), top: y.into(), width: 4, height: 4 }));
        }
    }

    #[test]
    fn ranges_are_refused_by_name() {
        assert!(
            RandomScaleCrop::new(224, (200, 480), Interpolation::Bilinear)
                .unwrap_err()
                .to_string()
                .starts_with("short_side")
        );
        assert!(RandomCrop::new(8, 10_000, Border::Reflect).unwrap_err().to_string().starts_with("padding"));
    }
}
