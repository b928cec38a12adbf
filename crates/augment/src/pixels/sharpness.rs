//! Sharpness: each pixel mixed with its neighbors, or away from them.

use image::RgbImage;

use super::blend::blend;
use crate::vectors::vectorized;

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
    let (length, mut output) = (width as usize * 3, image.clone());
    vectorized(
        #[inline(always)]
        || {
            let inner = output.as_mut()[length..].chunks_exact_mut(length);
            for (to, window) in inner.zip(image.windows(3 * length).step_by(length)) {
                sharpen(&mut to[3..length - 3], window, factor);
            }
        },
    );
    output
}

/// A row without its first and last pixel, from the three rows around it.
#[inline(always)]
fn sharpen(to: &mut [u8], rows: &[u8], factor: f32) {
    let (length, inner) = (rows.len() / 3, to.len());
    let at = |row: usize, column: usize| &rows[row * length + 3 * column..][..inner];
    let rows: [[&[u8]; 3]; 3] = std::array::from_fn(|row| std::array::from_fn(|column| at(row, column)));
    let middle = rows[1][1];
    for i in 0..inner {
        let nine: u16 = rows.iter().map(|row| row.iter().map(|part| u16::from(part[i])).sum::<u16>()).sum();
        let sum = nine + 4 * u16::from(middle[i]);
        to[i] = blend(((2 * sum + 13) / 26) as u8, middle[i], factor);
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
        }
    }

    #[test]
    fn every_pixel_inside_is_mixed_and_the_edge_stays() {
        let mut rng = taper_tensor::Rng::new(3);
        for (width, height, factor) in [(3, 3, 0.0), (4, 9, 1.7), (70, 5, 0.4), (33, 20, -1.0)] {
            let picture = RgbImage::from_fn(width, height, |_, _| Rgb([0; 3].map(|_: u8| rng.below(256) as u8)));
            let sharp = adjust_sharpness(picture.clone(), factor);
            for (x, y, pixel) in picture.enumerate_pixels() {
                if x == 0 || y == 0 || x == width - 1 || y == height - 1 {
                    assert_eq!(sharp[(x, y)], *pixel);
                    continue;
                }
                let mut sums = pixel.0.map(|value| 4 * u32::from(value));
                for place in (y - 1..y + 2).flat_map(|y| (x - 1..x + 2).map(move |x| (x, y))) {
                    sums.iter_mut().zip(picture[place].0).for_each(|(sum, value)| *sum += u32::from(value));
                }
                let smooth = sums.map(|sum| ((2 * sum + 13) / 26) as u8);
                assert_eq!(sharp[(x, y)].0, std::array::from_fn(|c| blend(smooth[c], pixel.0[c], factor)));
            }
        }
    }
}
