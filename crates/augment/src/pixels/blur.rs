//! A Gaussian blur.

use image::RgbImage;

use crate::spread::Rows;
use crate::vectors::{byte, vectorized};

/// A Gaussian blur of standard deviation `sigma`, pixels (as 100 where it is more); 0 or less gives
/// the picture.
///
/// ```text
/// w_d ~ exp(-d^2 / (2 sigma^2)),   |d| <= max(1, round((sigma - 0.5) / 0.3))
/// ```
///
/// with a sum of 1, down and across; beyond the edge lies the outermost pixel.
pub fn blur(mut image: RgbImage, sigma: f32) -> RgbImage {
    if sigma > 0.0 && sigma.is_finite() && image.width() > 0 && image.height() > 0 {
        let weights = weights(sigma.min(100.0));
        let (rows, columns) = (image.height() as usize, image.width() as usize);
        let (length, rows) = (3 * columns, Rows { rows, columns, channels: 3, weights: &weights });
        vectorized(
            #[inline(always)]
            || {
                rows.spread(
                    &mut image,
                    |place, side| place.clamp(0, side as isize - 1) as usize,
                    |image, row, to| {
                        let from = &image.as_raw()[row * length..][..length];
                        for (to, from) in to.iter_mut().zip(from) {
                            *to = f32::from(*from);
                        }
                    },
                    |image, row, first, sums| {
                        let to = &mut image.as_mut()[row * length + first..(row + 1) * length];
                        for (to, sum) in to.iter_mut().zip(sums) {
                            *to = byte(sum + 0.5);
                        }
                    },
                );
            },
        );
    }
    image
}

/// Weights from the middle outwards; those but the first count on both sides.
fn weights(sigma: f32) -> Vec<f32> {
    let reach = (((sigma - 0.5) / 0.3 + 0.5) as usize).max(1);
    let mut weights: Vec<f32> = (0..=reach).map(|d| (-0.5 * (d as f32 / sigma).powi(2)).exp()).collect();
    let sum = 2.0 * weights.iter().sum::<f32>() - weights[0];
    weights.iter_mut().for_each(|weight| *weight /= sum);
    weights
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;
    use taper_tensor::Rng;

    #[test]
    fn a_blur_spreads_and_keeps_the_sum() {
        let mut dot = RgbImage::new(21, 21);
        dot[(10, 10)] = Rgb([255; 3]);
        let soft = blur(dot, 1.0);
        assert!((35..=45).contains(&soft[(10, 10)][0]), "{:?}", soft[(10, 10)]); // 255 / 2π
        let sum: u32 = soft.pixels().map(|pixel| u32::from(pixel[0])).sum();
        assert!((230..=280).contains(&sum), "{sum}");
    }

    #[test]
    fn one_color_stays_and_small_pictures_do_no_harm() {
        for (width, height) in [(0, 0), (1, 1), (2, 9), (5, 4)] {
            for sigma in [1.5, 30.0, 1e9, f32::NAN] {
                let plain = RgbImage::from_pixel(width, height, Rgb([200, 131, 7]));
                assert_eq!(blur(plain.clone(), sigma), plain);
            }
        }
    }

    #[test]
    fn every_pixel_is_the_sum_that_the_formula_says() {
        let mut rng = Rng::new(2);
        for (width, height, sigma) in [(1, 9, 0.3), (7, 5, 1.0), (40, 3, 2.0), (65, 33, 1.7), (31, 64, 6.0)] {
            let picture = RgbImage::from_fn(width, height, |_, _| Rgb([0; 3].map(|_: u8| rng.below(256) as u8)));
            let blurred = blur(picture.clone(), sigma);
            let reach = (((f64::from(sigma) - 0.5) / 0.3 + 0.5) as i64).max(1);
            let bell = |d: i64| (-0.5 * (d as f64 / f64::from(sigma)).powi(2)).exp();
            let total: f64 = (-reach..=reach).map(bell).sum();
            let inside = |i: i64, side: u32| i.clamp(0, i64::from(side) - 1) as u32;
            for (x, y, pixel) in blurred.enumerate_pixels() {
                for c in 0..3 {
                    let taps = (-reach..=reach).flat_map(|dy| (-reach..=reach).map(move |dx| (dx, dy)));
                    let place = |dx, dy| (inside(i64::from(x) + dx, width), inside(i64::from(y) + dy, height));
                    let sum: f64 =
                        taps.map(|(dx, dy)| bell(dx) * bell(dy) * f64::from(picture[place(dx, dy)].0[c])).sum();
                    let wanted = sum / (total * total);
                    assert!((f64::from(pixel.0[c]) - wanted).abs() < 0.501, "{width}x{height}, {sigma}: ({x}, {y})");
                }
            }
        }
    }
}
