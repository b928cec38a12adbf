//! The noise of a sensor.

use image::RgbImage;
use taper_tensor::Rng;

use crate::check::check_number;
use crate::error::AugmentError;
use crate::transform::Transform;

/// Noise on every value: `x + σ z`, z standard normal, rounded and cut off at 0 and 255.
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
            image.iter_mut().for_each(|value| *value = (f64::from(*value) + self.sigma * rng.normal()).round() as u8);
        }
        image
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_has_its_deviation() {
        let plain = RgbImage::from_pixel(100, 100, image::Rgb([128; 3]));
        let noisy = GaussianNoise::new(10.0).unwrap().apply(plain, &mut Rng::new(1));
        let squares: f64 = noisy.iter().map(|&value| (f64::from(value) - 128.0).powi(2)).sum();
        assert!(((squares / 30_000.0).sqrt() - 10.0).abs() < 0.3);
    }
}
