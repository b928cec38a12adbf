//! Brightness, contrast and saturation: each pixel moves towards or away from a plainer picture.

use image::RgbImage;

use super::blend::{blend, luma};

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

/// Towards the gray picture (`factor` < 1) or away from it: `l + factor * (x - l)`, cut off at 0
/// and 255.
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

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    fn one(pixel: [u8; 3]) -> RgbImage {
        RgbImage::from_pixel(1, 1, Rgb(pixel))
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
}
