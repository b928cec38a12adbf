//! The noise of a sensor.

use image::RgbImage;
use rand::RngCore;
use taper_tensor::Rng;

use crate::check::check_number;
use crate::error::AugmentError;
use crate::transform::Transform;

/// Noise on every value: `x + σ z`, z standard normal, rounded and cut off at 0 and 255.
///
/// Each noise is drawn by 16 bits, so that nothing rarer than 1 in 65536 comes up: `|z|` stays
/// below 4.4.
#[derive(Clone, Debug, PartialEq)]
pub struct GaussianNoise {
    sigma: f64,
}

impl GaussianNoise {
    /// Noise of standard deviation `sigma`, of 255.
    ///
    /// # Errors
    /// `sigma` negative or not finite.
    pub fn new(sigma: f64) -> Result<Self, AugmentError> {
        check_number("sigma", sigma, "at least 0", |sigma| sigma >= 0.0 && sigma.is_finite())?;
        Ok(Self { sigma })
    }
}

impl Transform for GaussianNoise {
    fn apply(&self, mut image: RgbImage, rng: &mut Rng) -> RgbImage {
        if self.sigma > 0.0 {
            let table = quantiles(self.sigma);
            let mut draws = [0; 2 * PART];
            for part in image.chunks_mut(PART) {
                let draws = &mut draws[..2 * part.len()];
                rng.fill_bytes(draws);
                for (value, draw) in part.iter_mut().zip(draws.as_chunks::<2>().0) {
                    let noise = table[usize::from(u16::from_le_bytes(*draw))];
                    *value = (i16::from(*value) + noise).clamp(0, 255) as u8;
                }
            }
        }
        image
    }
}

/// Values that draws are made for together.
const PART: usize = 1024;

/// The whole numbers that a normal number of deviation `sigma` rounds to, each as often among the
/// 65536 as it is likely; a value in bytes plus noise, rounded, is the value plus such a number.
fn quantiles(sigma: f64) -> Vec<i16> {
    let mut table = vec![255; DRAWS];
    let mut from = 0;
    // What lies further out is cut off whatever it is.
    for noise in -255i16..255 {
        let below = 0.5 * libm::erfc(-(f64::from(noise) + 0.5) / (sigma * std::f64::consts::SQRT_2));
        let to = ((below * DRAWS as f64).round() as usize).max(from);
        table[from..to].fill(noise);
        from = to;
    }
    table
}

const DRAWS: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_as_frequent_as_the_normal_distribution_says() {
        for sigma in [0.1, 1.0, 8.0, 60.0, 1e9] {
            let table = quantiles(sigma);
            assert!(table.is_sorted() && table.len() == DRAWS);
            for noise in [-254i16, -20, -3, -1, 0, 1, 2, 9, 100] {
                // The integral of the density over the noise, by a sum.
                let density = |z: f64| (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt();
                let places = (0..1000).map(|i| (f64::from(noise) - 0.4995 + f64::from(i) / 1000.0) / sigma);
                let part: f64 = places.map(|z| density(z) / (1000.0 * sigma)).sum();
                let count = table.iter().filter(|&&other| other == noise).count() as f64;
                assert!((count - 65_536.0 * part).abs() <= 1.5, "{noise} at {sigma}: {count}, {part}");
            }
        }
    }

    #[test]
    fn noise_has_its_deviation() {
        let plain = RgbImage::from_pixel(100, 100, image::Rgb([128; 3]));
        let noisy = GaussianNoise::new(10.0).unwrap().apply(plain, &mut Rng::new(1));
        let squares: f64 = noisy.iter().map(|&value| (f64::from(value) - 128.0).powi(2)).sum();
        assert!(((squares / 30_000.0).sqrt() - 10.0).abs() < 0.3);
    }
}
