//! Brightness, contrast and saturation: each pixel moves towards or away from a plainer picture.

use image::{Rgb, RgbImage};

use super::blend::{blend, luma};
use crate::vectors::{PIXELS, by_channels, take_apart, vectorized};

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
    let sum = luma_sum(&image);
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
        vectorized(
            #[inline(always)]
            || {
                by_channels(
                    &mut image,
                    #[inline(always)]
                    |[red, green, blue]| {
                        for i in 0..PIXELS {
                            let gray = luma(&Rgb([red[i], green[i], blue[i]]));
                            (red[i], green[i], blue[i]) = (
                                blend(gray, red[i], factor),
                                blend(gray, green[i], factor),
                                blend(gray, blue[i], factor),
                            );
                        }
                    },
                );
            },
        );
    }
    image
}

/// Blends every value of the picture with one and the same.
fn blend_with(mut image: RgbImage, from: u8, factor: f32) -> RgbImage {
    if factor != 1.0 {
        vectorized(
            #[inline(always)]
            || {
                for value in image.iter_mut() {
                    *value = blend(from, *value, factor);
                }
            },
        );
    }
    image
}

/// The sum of the luma of all pixels.
fn luma_sum(image: &RgbImage) -> u64 {
    let (parts, rest) = image.as_chunks::<3>().0.as_chunks::<PIXELS>();
    let single: u64 = rest.iter().map(|&pixel| u64::from(luma(&Rgb(pixel)))).sum();
    let whole: u64 = vectorized(
        #[inline(always)]
        || {
            let mut channels = [[0; PIXELS]; 3];
            let sum = |part| {
                take_apart(part, &mut channels);
                let [red, green, blue] = &channels;
                (0..PIXELS).map(|i| u32::from(luma(&Rgb([red[i], green[i], blue[i]])))).sum::<u32>()
            };
            parts.iter().map(sum).map(u64::from).sum()
        },
    );
    whole + single
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn vectors_of_pixels_are_changed_as_single_ones() {
        let mut rng = taper_tensor::Rng::new(1);
        for (width, height) in [(1, 1), (9, 7), (64, 1), (65, 3), (130, 5)] {
            let picture = RgbImage::from_fn(width, height, |_, _| Rgb([0; 3].map(|_: u8| rng.below(256) as u8)));
            let sum: u64 = picture.pixels().map(|pixel| u64::from(luma(pixel))).sum();
            assert_eq!(luma_sum(&picture), sum);
            for factor in [0.0, 0.37, 0.999, 1.4, 17.0, -2.0] {
                let (dark, gray) =
                    (adjust_brightness(picture.clone(), factor), adjust_saturation(picture.clone(), factor));
                for (x, y, pixel) in picture.enumerate_pixels() {
                    let luma = luma(pixel);
                    assert_eq!(dark[(x, y)].0, pixel.0.map(|value| (f32::from(value) * factor) as u8));
                    let mixed = |value| (f32::from(luma) + factor * (f32::from(value) - f32::from(luma))) as u8;
                    assert_eq!(gray[(x, y)].0, pixel.0.map(mixed));
                }
            }
        }
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
