//! Elastic deformation: a smooth random field of displacements.

use image::RgbImage;
use taper_tensor::Rng;

use super::sampling::Sampling;
use super::warp::warp;
use crate::check::check_number;
use crate::error::AugmentError;
use crate::transform::Transform;

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
        let mut values: Vec<f32> = (0..width * height).map(|_| rng.uniform(-alpha, alpha) as f32).collect();
        smooth(&mut values, (width, height), sigma);
        values
    };
    let (across, down) = (field(), field());
    warp(&image, sampling.into(), |x, y| {
        let at = y as usize * width + x as usize;
        (x + f64::from(across[at]), y + f64::from(down[at]))
    })
}

/// A Gaussian over a field, first along rows, then along columns; beyond the edge it is mirrored.
fn smooth(values: &mut [f32], (width, height): (usize, usize), sigma: f64) {
    let weights = gaussian(sigma);
    let reach = weights.len() / 2;
    // Sums grow tap by tap over whole stretches of the field, which vectorizes as a sum of one
    // place's taps does not.
    let mut line = vec![0.0; width + 2 * reach];
    for row in values.chunks_exact_mut(width) {
        line.iter_mut().enumerate().for_each(|(i, value)| *value = row[mirrored(i, reach, width)]);
        row.fill(0.0);
        for (shift, weight) in weights.iter().enumerate() {
            row.iter_mut().zip(&line[shift..]).for_each(|(sum, value)| *sum += weight * value);
        }
    }
    let across = values.to_vec();
    for (y, row) in values.chunks_exact_mut(width).enumerate() {
        row.fill(0.0);
        for (shift, weight) in weights.iter().enumerate() {
            let above = &across[mirrored(y + shift, reach, height) * width..];
            row.iter_mut().zip(above).for_each(|(sum, value)| *sum += weight * value);
        }
    }
}

/// The weights of a Gaussian from three deviations before the middle to three after it, of sum 1.
fn gaussian(sigma: f64) -> Vec<f32> {
    let sigma = if sigma > 0.0 { sigma.min(100.0) } else { 1e-9 };
    let reach = (3.0 * sigma).ceil() as i64;
    let bell: Vec<f64> = (-reach..=reach).map(|d| (-0.5 * (d as f64 / sigma).powi(2)).exp()).collect();
    let sum: f64 = bell.iter().sum();
    bell.iter().map(|weight| (weight / sum) as f32).collect()
}

/// Place `i`, counted from `reach` before the start of a side, on the side or in its mirror images.
fn mirrored(i: usize, reach: usize, side: usize) -> usize {
    let i = (i as i64 - reach as i64).rem_euclid(2 * side as i64) as usize;
    i.min(2 * side - 1 - i)
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
