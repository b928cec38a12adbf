//! Perspective, lenses and rubber by chance.

use image::RgbImage;
use taper_tensor::Rng;

use crate::error::{AugmentError, check_number, check_range};
use crate::{Sampling, Transform, elastic, lens_distortion, perspective};

/// Each corner of the picture moved inwards by a uniform part, up to `distortion` of half a side ([`perspective`]).
///
/// # Examples
/// ```
/// use taper_augment::{Border, RandomPerspective, RgbImage, Rng, Transform};
/// # fn main() -> Result<(), taper_augment::AugmentError> {
/// let picture = RandomPerspective::new(0.3, Border::Reflect)?.apply(RgbImage::new(64, 48), &mut Rng::new(1));
/// assert_eq!(picture.dimensions(), (64, 48));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RandomPerspective {
    distortion: f64,
    sampling: Sampling,
}

impl RandomPerspective {
    /// Corners up to `distortion` of half a side inwards; torchvision's 0.5.
    ///
    /// # Errors
    /// `distortion` outside [0, 1).
    pub fn new(distortion: f64, sampling: impl Into<Sampling>) -> Result<Self, AugmentError> {
        check_number("distortion", distortion, "within [0, 1)", |d| (0.0..1.0).contains(&d))?;
        Ok(Self { distortion, sampling: sampling.into() })
    }
}

impl Transform for RandomPerspective {
    fn apply(&self, image: RgbImage, rng: &mut Rng) -> RgbImage {
        if self.distortion == 0.0 {
            return image;
        }
        let (w, h) = (f64::from(image.width()), f64::from(image.height()));
        let mut inwards = |side: f64| rng.uniform(0.0, self.distortion * side / 2.0);
        let from = [(0.0, 0.0), (w, 0.0), (w, h), (0.0, h)];
        let to = from.map(|(x, y)| {
            let (dx, dy) = (inwards(w), inwards(h));
            (if x > 0.0 { x - dx } else { dx }, if y > 0.0 { y - dy } else { dy })
        });
        perspective(image, from, to, self.sampling)
    }
}

/// [`lens_distortion`] with uniform coefficients.
#[derive(Clone, Debug, PartialEq)]
pub struct RandomLens {
    k1: (f64, f64),
    k2: (f64, f64),
    sampling: Sampling,
}

impl RandomLens {
    /// Coefficients from the first to the second of each pair; (-0.2, 0.2) and (0, 0) are mild.
    ///
    /// # Errors
    /// `k1` or `k2` reversed or outside [-1, 1].
    pub fn new(k1: (f64, f64), k2: (f64, f64), sampling: impl Into<Sampling>) -> Result<Self, AugmentError> {
        for (field, ends) in [("k1", k1), ("k2", k2)] {
            check_range(field, ends, "-1 <= low <= high <= 1", |k| (-1.0..=1.0).contains(&k))?;
        }
        Ok(Self { k1, k2, sampling: sampling.into() })
    }
}

impl Transform for RandomLens {
    fn apply(&self, image: RgbImage, rng: &mut Rng) -> RgbImage {
        let (k1, k2) = (rng.uniform(self.k1.0, self.k1.1), rng.uniform(self.k2.0, self.k2.1));
        lens_distortion(image, k1, k2, self.sampling)
    }
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
