//! Brightness, contrast and saturation: each pixel moves towards or away from a plainer picture.

use crate::error::{AugmentError, check_number};
use crate::{Operation, Transform};
use image::{Rgb, RgbImage};
use taper_tensor::Rng;

/// Towards black (`factor` < 1) or away from it: `factor * x`, cut off at 255.
///
/// 0 gives black, 1 the picture. As in PIL, fractions are dropped, not rounded.
///
/// # Examples
/// ```
/// use taper_augment::{RgbImage, adjust_brightness};
/// let gray = RgbImage::from_pixel(1, 1, image::Rgb([99, 100, 200]));
/// assert_eq!(adjust_brightness(gray, 1.5).into_raw(), [148, 150, 255]);
/// ```
pub fn adjust_brightness(image: RgbImage, factor: f32) -> RgbImage {
    blend_with(image, 0, factor)
}

/// Towards one gray (`factor` < 1) or away from it: `m + factor * (x - m)`, cut off at 0 and 255.
///
/// The gray `m` is the mean luma of the picture, rounded. 0 gives that gray, 1 the picture.
///
/// # Examples
/// ```
/// use taper_augment::{RgbImage, adjust_contrast};
/// let two = RgbImage::from_fn(2, 1, |x, _| image::Rgb([100 + 20 * x as u8; 3]));
/// assert_eq!(adjust_contrast(two, 2.0).into_raw(), [90, 90, 90, 130, 130, 130]);
/// ```
pub fn adjust_contrast(image: RgbImage, factor: f32) -> RgbImage {
    let sum: u64 = image.pixels().map(|pixel| u64::from(luma(pixel))).sum();
    let count = u64::from(image.width()) * u64::from(image.height());
    // floor(mean + 1/2)
    let mean = (2 * sum + count) / (2 * count).max(1);
    blend_with(image, mean as u8, factor)
}

/// Towards the gray picture (`factor` < 1) or away from it: `l + factor * (x - l)`, cut off at 0 and 255.
///
/// The gray `l` is the luma of the pixel, in PIL's integer arithmetic (ITU-R 601):
///
/// ```text
/// l = (19595 r + 38470 g + 7471 b + 32768) >> 16
/// ```
///
/// 0 gives the gray picture, 1 the picture.
///
/// # Examples
/// ```
/// use taper_augment::{RgbImage, adjust_saturation};
/// let red = RgbImage::from_pixel(1, 1, image::Rgb([200, 0, 0]));
/// assert_eq!(adjust_saturation(red, 0.0).into_raw(), [60, 60, 60]);
/// ```
pub fn adjust_saturation(mut image: RgbImage, factor: f32) -> RgbImage {
    if factor != 1.0 {
        for pixel in image.pixels_mut() {
            let gray = luma(pixel);
            pixel.0 = pixel.0.map(|value| blend(gray, value, factor));
        }
    }
    image
}

/// `from + factor * (to - from)` in single precision, fractions dropped, cut off at 0 and 255.
pub(crate) fn blend(from: u8, to: u8, factor: f32) -> u8 {
    let (from, to) = (f32::from(from), f32::from(to));
    (from + factor * (to - from)) as u8
}

/// Blends every value of the picture with one and the same.
fn blend_with(mut image: RgbImage, from: u8, factor: f32) -> RgbImage {
    if factor != 1.0 {
        let mut table = [0; 256];
        for (to, value) in (0..=255).zip(&mut table) {
            *value = blend(from, to, factor);
        }
        image.iter_mut().for_each(|value| *value = table[usize::from(*value)]);
    }
    image
}

pub(crate) fn luma(&Rgb([r, g, b]): &Rgb<u8>) -> u8 {
    ((u32::from(r) * 19_595 + u32::from(g) * 38_470 + u32::from(b) * 7_471 + 32_768) >> 16) as u8
}

/// Settings of [`ColorJitter`]; the default, as in torchvision, is no change at all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ColorJitterConfig {
    /// Largest change of [`adjust_brightness`]'s factor, a fraction.
    pub brightness: f64,
    /// Largest change of [`adjust_contrast`]'s factor, a fraction.
    pub contrast: f64,
    /// Largest change of [`adjust_saturation`]'s factor, a fraction.
    pub saturation: f64,
    /// Largest turn of [`adjust_hue`](crate::adjust_hue) to either side, a fraction of the circle.
    pub hue: f64,
}

/// Changes brightness, contrast, saturation and hue, in random order.
///
/// ```text
/// factor ~ U(max(0, 1 - v), 1 + v)     for each v of the first three settings
/// turn ~ U(-hue, hue)
/// ```
///
/// # Examples
/// ```
/// use taper_augment::{ColorJitter, ColorJitterConfig, RgbImage, Rng, Transform};
/// # fn main() -> Result<(), taper_augment::AugmentError> {
/// let jitter = ColorJitter::new(ColorJitterConfig { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 })?;
/// let picture = jitter.apply(RgbImage::new(32, 32), &mut Rng::new(1));
/// # Ok(()) }
/// ```
///
/// # References
/// A. G. Howard, *Some improvements on deep convolutional neural network based image classification*, 2013.
#[derive(Clone, Debug, PartialEq)]
pub struct ColorJitter(ColorJitterConfig);

impl ColorJitter {
    /// Checks the settings.
    ///
    /// # Errors
    /// `brightness`, `contrast` or `saturation` negative or not finite; `hue` outside [0, 0.5].
    pub fn new(config: ColorJitterConfig) -> Result<Self, AugmentError> {
        let fits = |v: f64| v >= 0.0 && v.is_finite();
        check_number("brightness", config.brightness, "at least 0", fits)?;
        check_number("contrast", config.contrast, "at least 0", fits)?;
        check_number("saturation", config.saturation, "at least 0", fits)?;
        check_number("hue", config.hue, "within [0, 0.5]", |hue| (0.0..=0.5).contains(&hue))?;
        Ok(Self(config))
    }
}

impl Transform for ColorJitter {
    fn apply(&self, image: RgbImage, rng: &mut Rng) -> RgbImage {
        let mut factor = |v: f64| rng.uniform((1.0 - v).max(0.0), 1.0 + v) as f32;
        let mut steps = vec![
            Operation::Brightness(factor(self.0.brightness)),
            Operation::Contrast(factor(self.0.contrast)),
            Operation::Saturation(factor(self.0.saturation)),
        ];
        if self.0.hue > 0.0 {
            steps.push(Operation::Hue(rng.uniform(-self.0.hue, self.0.hue)));
        }
        rng.shuffle(&mut steps);
        steps.into_iter().fold(image, |image, step| step.of(image))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(pixel: [u8; 3]) -> RgbImage {
        RgbImage::from_pixel(1, 1, Rgb(pixel))
    }

    #[test]
    fn luma_weighs_the_channels_and_keeps_grays() {
        assert_eq!(luma(&Rgb([255, 0, 0])), 76); // 76.245
        assert_eq!(luma(&Rgb([0, 255, 0])), 150); // 149.685
        assert_eq!(luma(&Rgb([0, 0, 255])), 29); // 29.07
        assert!((0..=255).all(|v| luma(&Rgb([v; 3])) == v));
    }

    #[test]
    fn fractions_are_dropped_and_ends_cut_off() {
        assert_eq!(adjust_brightness(one([3, 127, 250]), 0.5).into_raw(), [1, 63, 125]);
        assert_eq!(adjust_brightness(one([3, 127, 250]), 2.5).into_raw(), [7, 255, 255]);
        // l = (19595 * 10 + 38470 * 200 + 7471 * 60 + 32768) >> 16 = 127
        assert_eq!(adjust_saturation(one([10, 200, 60]), 2.0).into_raw(), [0, 255, 0]);
        assert_eq!(adjust_saturation(one([10, 200, 60]), 0.5).into_raw(), [68, 163, 93]);
    }

    #[test]
    fn contrast_turns_about_the_rounded_mean() {
        // Mean 50.5 -> 51.
        let two = RgbImage::from_fn(2, 1, |x, _| Rgb([50 + x as u8; 3]));
        assert_eq!(adjust_contrast(two.clone(), 0.0).into_raw(), [51; 6]);
        assert_eq!(adjust_contrast(two, 3.0).into_raw(), [48, 48, 48, 51, 51, 51]);
    }

    #[test]
    fn factors_beyond_sense_and_pictures_without_pixels_do_no_harm() {
        for factor in [f32::NAN, f32::INFINITY, -3.0] {
            for adjust in [adjust_brightness, adjust_contrast, adjust_saturation] {
                assert_eq!(adjust(one([9, 8, 7]), factor).dimensions(), (1, 1));
                assert_eq!(adjust(RgbImage::new(0, 4), factor).dimensions(), (0, 4));
            }
        }
    }

    #[test]
    fn the_order_is_random() {
        let jitter = ColorJitterConfig { brightness: 0.5, contrast: 0.5, saturation: 0.5, hue: 0.0 };
        let jitter = ColorJitter::new(jitter).unwrap();
        let picture = RgbImage::from_fn(4, 4, |x, y| Rgb([60 * x as u8, 60 * y as u8, 128]));
        let fixed = (0..50).filter(|&i| {
            let mut rng = Rng::new(8).at(i);
            let drawn = jitter.apply(picture.clone(), &mut Rng::new(8).at(i));
            let mut factor = || rng.uniform(0.5, 1.5) as f32;
            let (b, c, s) = (factor(), factor(), factor());
            drawn == adjust_saturation(adjust_contrast(adjust_brightness(picture.clone(), b), c), s)
        });
        let fixed = fixed.count();
        assert!((1..30).contains(&fixed), "{fixed} of 50 in one order");
    }
}
