//! Sharpness and blur: each pixel mixed with its neighbors.

use image::{RgbImage, imageops};

use super::blend::blend;

/// Away from (`factor` > 1) or towards (< 1) a smoothed picture: `s + factor (x - s)`, cut off at 0
/// and 255. The outermost pixels stay.
///
/// The smoothed picture is PIL's: the eight neighbors and five times the pixel, by 13. 0 gives it,
/// 1 the picture.
///
/// # Examples
/// ```
/// use taper_augment::{RgbImage, adjust_sharpness};
/// let mut dot = RgbImage::new(3, 3);
/// dot[(1, 1)] = image::Rgb([130; 3]);
/// assert_eq!(adjust_sharpness(dot, 0.0)[(1, 1)].0, [50; 3]);
/// ```
pub fn adjust_sharpness(image: RgbImage, factor: f32) -> RgbImage {
    let (width, height) = image.dimensions();
    if factor == 1.0 || width < 3 || height < 3 {
        return image;
    }
    let mut output = image.clone();
    for (x, y) in (1..height - 1).flat_map(|y| (1..width - 1).map(move |x| (x, y))) {
        let middle = image[(x, y)].0;
        let around = (y - 1..y + 2).flat_map(|y| (x - 1..x + 2).map(move |x| (x, y)));
        let mut sums = middle.map(|value| 4 * u32::from(value));
        for place in around {
            sums.iter_mut().zip(image[place].0).for_each(|(sum, value)| *sum += u32::from(value));
        }
        let smooth = sums.map(|sum| ((2 * sum + 13) / 26) as u8);
        output[(x, y)].0 = std::array::from_fn(|c| blend(smooth[c], middle[c], factor));
    }
    output
}

/// A Gaussian blur of standard deviation `sigma`, pixels (as 100 where it is more); 0 or less gives
/// the picture.
pub fn blur(image: RgbImage, sigma: f32) -> RgbImage {
    if sigma > 0.0 && sigma.is_finite() && image.width() > 0 && image.height() > 0 {
        imageops::blur(&image, sigma.min(100.0))
    } else {
        image
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn one_color_stays_and_small_pictures_do_no_harm() {
        for (width, height) in [(0, 0), (1, 1), (2, 9), (5, 4)] {
            let plain = RgbImage::from_pixel(width, height, Rgb([200, 131, 7]));
            assert_eq!(adjust_sharpness(plain.clone(), 3.0), plain);
            assert_eq!(blur(plain.clone(), 1.5), plain);
            assert_eq!(blur(plain.clone(), f32::NAN), plain);
        }
    }

    #[test]
    fn a_blur_spreads_and_keeps_the_sum() {
        let mut dot = RgbImage::new(21, 21);
        dot[(10, 10)] = Rgb([255; 3]);
        let soft = blur(dot, 1.0);
        assert!((35..=45).contains(&soft[(10, 10)][0]), "{:?}", soft[(10, 10)]); // 255 / 2π
        let sum: u32 = soft.pixels().map(|pixel| u32::from(pixel[0])).sum();
        assert!((230..=280).contains(&sum), "{sum}");
    }
}
