//! A random part of a picture, scaled to a square: the crop of most training on photographs.

use image::RgbImage;
use taper_tensor::Rng;

use super::random_rect::draw;
use super::rect::Rect;
use super::resize::resized_crop;
use super::sampling::Interpolation;
use crate::check::{check_range, check_size};
use crate::error::AugmentError;
use crate::transform::Transform;

/// Settings of [`RandomResizedCrop`]; the default is that of torchvision with 224 pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct RandomResizedCropConfig {
    /// Side of the square that comes out, in pixels.
    pub size: u32,
    /// Area of the crop, as a fraction of the picture's area: from, to.
    pub scale: (f64, f64),
    /// Width / height of the crop: from, to.
    pub ratio: (f64, f64),
    /// How the crop is scaled to `size`.
    pub interpolation: Interpolation,
}

impl Default for RandomResizedCropConfig {
    fn default() -> Self {
        Self { size: 224, scale: (0.08, 1.0), ratio: (3.0 / 4.0, 4.0 / 3.0), interpolation: Interpolation::Bilinear }
    }
}

/// Crops a random part of the picture and scales it to a square.
///
/// ```text
/// a ~ U(scale) * width * height,   log r ~ U(log ratio)
/// crop = round(sqrt(a r)) x round(sqrt(a / r)),  its place uniform
/// ```
///
/// A crop that does not fit is drawn again, up to ten times; after that the largest crop in the
/// middle that keeps to `ratio` is taken.
///
/// # Examples
/// ```
/// use taper_augment::{RandomResizedCrop, RandomResizedCropConfig, RgbImage, Rng, Transform};
/// # fn main() -> Result<(), taper_augment::AugmentError> {
/// let config = RandomResizedCropConfig { size: 160, scale: (0.35, 1.0), ..Default::default() };
/// let picture = RandomResizedCrop::new(config)?.apply(RgbImage::new(640, 480), &mut Rng::new(1));
/// assert_eq!(picture.dimensions(), (160, 160));
/// # Ok(()) }
/// ```
///
/// # References
/// C. Szegedy et al., *Going deeper with convolutions*, 2015.
#[derive(Clone, Debug, PartialEq)]
pub struct RandomResizedCrop(RandomResizedCropConfig);

impl RandomResizedCrop {
    /// Checks the settings.
    ///
    /// # Errors
    /// `size` outside 1..=[`MAX_SIZE`](crate::MAX_SIZE); `scale` reversed or outside (0, 1];
    /// `ratio` reversed, not positive or not finite.
    pub fn new(config: RandomResizedCropConfig) -> Result<Self, AugmentError> {
        check_size("size", config.size)?;
        let wanted = "0 < low <= high <= 1";
        check_range("scale", config.scale, wanted, |s| s > 0.0 && s <= 1.0)?;
        check_range("ratio", config.ratio, "0 < low <= high", |r| r > 0.0)?;
        Ok(Self(config))
    }

    /// The crop for a picture of `width` x `height` pixels, both at least 1.
    fn draw(&self, width: u32, height: u32, rng: &mut Rng) -> Rect {
        let (scale, ratio) = (self.0.scale, self.0.ratio);
        let sides = |a: f64, r: f64| (pixels((a * r).sqrt()), pixels((a / r).sqrt()));
        if let Some(rect) = draw((width, height), scale, ratio, sides, rng) {
            return rect;
        }
        let whole = f64::from(width) / f64::from(height);
        let (w, h) = if whole < ratio.0 {
            (width, pixels(f64::from(width) / ratio.0).clamp(1, height))
        } else if whole > ratio.1 {
            (pixels(f64::from(height) * ratio.1).clamp(1, width), height)
        } else {
            (width, height)
        };
        Rect { left: (width - w) / 2, top: (height - h) / 2, width: w, height: h }
    }
}

/// The nearest whole number of pixels, half to even.
fn pixels(length: f64) -> u32 {
    length.round_ties_even() as u32
}

impl Transform for RandomResizedCrop {
    fn apply(&self, image: RgbImage, rng: &mut Rng) -> RgbImage {
        let (size, (width, height)) = (self.0.size, image.dimensions());
        if width == 0 || height == 0 {
            return RgbImage::new(size, size);
        }
        let rect = self.draw(width, height, rng);
        if (width, height) == (size, size) && (rect.width, rect.height) == (size, size) {
            return image;
        }
        resized_crop(&image, rect, size, size, self.0.interpolation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cuts(config: RandomResizedCropConfig, size: (u32, u32)) -> Vec<Rect> {
        let (cut, root) = (RandomResizedCrop::new(config).unwrap(), Rng::new(6));
        (0..2000).map(|i| cut.draw(size.0, size.1, &mut root.at(i))).collect()
    }

    #[test]
    fn cuts_keep_to_the_promised_area_and_ratio_and_cover_the_picture() {
        let config = RandomResizedCropConfig { scale: (0.2, 0.6), ..Default::default() };
        let drawn = cuts(config, (400, 300));
        for rect in &drawn {
            let share = f64::from(rect.width * rect.height) / 120_000.0;
            let ratio = f64::from(rect.width) / f64::from(rect.height);
            assert!((0.19..0.61).contains(&share), "{rect:?}");
            assert!((0.74..1.35).contains(&ratio), "{rect:?}");
            assert!(rect.left + rect.width <= 400 && rect.top + rect.height <= 300, "{rect:?}");
        }
        let mean = drawn.iter().map(|r| f64::from(r.left) + f64::from(r.width) / 2.0).sum::<f64>();
        assert!((mean / 2000.0 - 200.0).abs() < 4.0);
        assert!(drawn.iter().any(|r| r.left == 0) && drawn.iter().any(|r| r.left + r.width == 400));
    }

    #[test]
    fn a_line_falls_back_to_the_largest_cut_in_the_middle() {
        let config = RandomResizedCropConfig::default();
        // 13 * 4 / 3 = 17.33 -> 17 wide; (8000 - 17) / 2 = 3991 from the left.
        let wide = Rect { left: 3991, top: 0, width: 17, height: 13 };
        assert!(cuts(config.clone(), (8000, 13)).iter().all(|&r| r == wide));
        let tall = Rect { left: 0, top: 3991, width: 13, height: 17 };
        assert!(cuts(config, (13, 8000)).iter().all(|&r| r == tall));
    }

    #[test]
    fn a_ratio_no_pixel_can_have_still_gives_one() {
        let config = RandomResizedCropConfig { ratio: (50.0, 60.0), ..Default::default() };
        let one = Rect { left: 0, top: 0, width: 1, height: 1 };
        assert!(cuts(config, (1, 1)).iter().all(|&r| r == one));
    }
}
