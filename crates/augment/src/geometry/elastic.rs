//! Elastic deformation: a smooth random field of displacements.

use image::RgbImage;
use rand::RngCore;
use taper_tensor::Rng;

use super::sampling::Sampling;
use super::warp::warp;
use crate::check::check_number;
use crate::error::AugmentError;
use crate::spread::Rows;
use crate::transform::Transform;
use crate::vectors::{PIXELS, vectorized};

/// Displaces every pixel by a smooth random field: uniform displacements in ±`alpha` pixels,
/// blurred with standard deviation `sigma` pixels (as 100 where it is more).
///
/// # References
/// P. Y. Simard, D. Steinkraus, J. C. Platt, *Best Practices for Convolutional Neural Networks
/// Applied to Visual Document Analysis*, 2003.
pub fn elastic(image: RgbImage, alpha: f64, sigma: f64, sampling: impl Into<Sampling>, rng: &mut Rng) -> RgbImage {
    let (width, height) = (image.width() as usize, image.height() as usize);
    if alpha == 0.0 || width * height == 0 {
        return image;
    }
    let mut field = || {
        // Room for the places that are read beyond the last row.
        let mut values = vec![0.0; width * height + PIXELS];
        draw(&mut values[..width * height], alpha as f32, rng);
        smooth(&mut values, (width, height), sigma);
        values
    };
    let (across, down) = (field(), field());
    warp(
        image,
        sampling.into(),
        #[inline(always)]
        |row, column, xs, ys| {
            let at = row * width + column;
            let (across, down) = (&across[at..at + PIXELS], &down[at..at + PIXELS]);
            for i in 0..PIXELS {
                xs[i] = (column + i) as i32 as f32 + 0.5 + across[i];
                ys[i] = row as f32 + 0.5 + down[i];
            }
        },
    )
}

/// Numbers between ±`alpha`, each of 16 bits: the middles of 65536 parts of that range.
fn draw(values: &mut [f32], alpha: f32, rng: &mut Rng) {
    let mut bytes = [0; 2048];
    for part in values.chunks_mut(bytes.len() / 2) {
        let bytes = &mut bytes[..2 * part.len()];
        rng.fill_bytes(bytes);
        for (value, pair) in part.iter_mut().zip(bytes.as_chunks::<2>().0) {
            *value = (f32::from(i16::from_le_bytes(*pair)) + 0.5) * (alpha / 32_768.0);
        }
    }
}

/// A Gaussian over a field, first along rows, then along columns; beyond the edge it is mirrored.
fn smooth(values: &mut [f32], (width, height): (usize, usize), sigma: f64) {
    let weights = gaussian(sigma);
    let rows = Rows { rows: height, columns: width, channels: 1, weights: &weights };
    vectorized(
        #[inline(always)]
        || {
            rows.spread(
                values,
                mirrored,
                |values, row, to| to.copy_from_slice(&values[row * width..][..width]),
                |values, row, first, sums| {
                    let to = &mut values[row * width + first..(row + 1) * width];
                    for (to, sum) in to.iter_mut().zip(sums) {
                        *to = *sum;
                    }
                },
            );
        },
    );
}

/// The weights of a Gaussian from its middle to three deviations from it, of sum 1 on both sides.
fn gaussian(sigma: f64) -> Vec<f32> {
    let sigma = if sigma > 0.0 { sigma.min(100.0) } else { 1e-9 };
    let reach = (3.0 * sigma).ceil() as i64;
    let bell: Vec<f64> = (0..=reach).map(|d| (-0.5 * (d as f64 / sigma).powi(2)).exp()).collect();
    let sum = 2.0 * bell.iter().sum::<f64>() - 1.0;
    bell.iter().map(|weight| (weight / sum) as f32).collect()
}

/// The place of a side for one on it or in its mirror images.
fn mirrored(place: isize, side: usize) -> usize {
    let place = place.rem_euclid(2 * side as isize) as usize;
    place.min(2 * side - 1 - place)
}

/// [`elastic`] with fixed strength and a random field.
#[derive(Clone, Debug, PartialEq)]
pub struct Elastic {
    alpha: f64,
    sigma: f64,
    sampling: Sampling,
}

impl Elastic {
    /// Displacements of ±`alpha` pixels before a blur of `sigma` pixels; torchvision's 50 and 5.
    ///
    /// # Errors
    /// `alpha` negative or not finite, `sigma` outside (0, 100].
    pub fn new(alpha: f64, sigma: f64, sampling: impl Into<Sampling>) -> Result<Self, AugmentError> {
        check_number("alpha", alpha, "at least 0", |alpha| alpha >= 0.0 && alpha.is_finite())?;
        check_number("sigma", sigma, "within (0, 100] pixels", |sigma| sigma > 0.0 && sigma <= 100.0)?;
        Ok(Self { alpha, sigma, sampling: sampling.into() })
    }
}

impl Transform for Elastic {
    fn apply(&self, image: RgbImage, rng: &mut Rng) -> RgbImage {
        elastic(image, self.alpha, self.sigma, self.sampling, rng)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Border;
    use image::Rgb;

    fn noise(width: u32, height: u32) -> RgbImage {
        let mut rng = Rng::new(3);
        RgbImage::from_fn(width, height, |_, _| Rgb([0; 3].map(|_: u8| rng.below(256) as u8)))
    }

    #[test]
    fn a_smooth_field_is_what_the_formula_gives() {
        let mut rng = Rng::new(5);
        for (width, height, sigma) in [(1, 1, 2.0), (7, 1, 1.0), (2, 9, 5.0), (23, 14, 0.4), (40, 33, 3.0), (5, 4, 0.0)]
        {
            let field: Vec<f32> = (0..width * height).map(|_| rng.uniform(-50.0, 50.0) as f32).collect();
            let mut fast = field.clone();
            smooth(&mut fast, (width, height), sigma);
            let reach = (3.0 * sigma).ceil() as i64;
            let bell = |d: i64| if d == 0 { 1.0 } else { (-0.5 * (d as f64 / sigma).powi(2)).exp() };
            let total: f64 = (-reach..=reach).map(bell).sum();
            let inside = |i: i64, side: usize| {
                let period = (0..side as i64).chain((0..side as i64).rev()).collect::<Vec<_>>();
                period[i.rem_euclid(period.len() as i64) as usize] as usize
            };
            for (at, fast) in fast.iter().enumerate() {
                let (x, y) = ((at % width) as i64, (at / width) as i64);
                let taps = (-reach..=reach).flat_map(|dy| (-reach..=reach).map(move |dx| (dx, dy)));
                let slow: f64 = taps
                    .map(|(dx, dy)| {
                        let value = field[inside(y + dy, height) * width + inside(x + dx, width)];
                        bell(dx) * bell(dy) * f64::from(value) / (total * total)
                    })
                    .sum();
                assert!((slow - f64::from(*fast)).abs() < 1e-4, "{width}x{height}, {sigma}: {slow} and {fast} at {at}");
            }
        }
    }

    #[test]
    fn a_deformation_is_smooth_and_one_color_stays() {
        for (width, height) in [(1, 1), (1, 40), (33, 20)] {
            let plain = RgbImage::from_pixel(width, height, Rgb([200, 131, 7]));
            assert_eq!(elastic(plain.clone(), 30.0, 3.0, Border::Reflect, &mut Rng::new(1)), plain);
        }
        let moved = |seed| elastic(noise(33, 20), 60.0, 4.0, Border::Reflect, &mut Rng::new(seed));
        assert!(moved(1) == moved(1) && moved(1) != moved(2) && moved(1) != noise(33, 20));
    }
}
