//! A random affine map.

use image::RgbImage;
use taper_tensor::Rng;

use super::affine::{Affine, affine};
use super::sampling::Sampling;
use crate::check::{check_number, check_range};
use crate::error::AugmentError;
use crate::transform::Transform;

/// Settings of [`RandomAffine`]; the default changes nothing and has a black border.
#[derive(Clone, Debug, PartialEq)]
pub struct RandomAffineConfig {
    /// Largest angle to either side, in degrees.
    pub degrees: f64,
    /// Scale: from, to.
    pub scale: (f64, f64),
    /// Largest translation to either side, as fractions of width and height.
    pub translate: (f64, f64),
    /// Largest shear angles to either side, in degrees.
    pub shear: (f64, f64),
    /// How much wider things get relative to their height: from, to; its logarithm is uniform.
    pub stretch: (f64, f64),
    /// How the picture is read.
    pub sampling: Sampling,
}

impl Default for RandomAffineConfig {
    fn default() -> Self {
        Self {
            degrees: 0.0,
            scale: (1.0, 1.0),
            translate: (0.0, 0.0),
            shear: (0.0, 0.0),
            stretch: (1.0, 1.0),
            sampling: Sampling::default(),
        }
    }
}

/// Rotates, scales, translates, shears and stretches a picture at random, in one resampling; its
/// size stays.
///
/// ```text
/// a ~ U(-degrees, degrees),  s ~ U(scale),  t = round(U(-translate, translate) * side)
/// k ~ U(-shear, shear),  log w ~ U(log stretch)
/// ```
///
/// With only `degrees` set it is a random rotation. The map is that of [`affine`].
///
/// # Examples
/// ```
/// use taper_augment::{Border, RandomAffine, RandomAffineConfig, RgbImage, Rng, Transform};
/// # fn main() -> Result<(), taper_augment::AugmentError> {
/// let config = RandomAffineConfig { degrees: 15.0, scale: (0.9, 1.2), sampling: Border::Reflect.into(), ..Default::default() };
/// let picture = RandomAffine::new(config)?.apply(RgbImage::new(64, 48), &mut Rng::new(1));
/// assert_eq!(picture.dimensions(), (64, 48));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RandomAffine(RandomAffineConfig);

impl RandomAffine {
    /// Checks the settings.
    ///
    /// # Errors
    /// `degrees` negative or not finite; `scale` reversed, not positive or not finite; `translate`
    /// outside [0, 1].
    pub fn new(config: RandomAffineConfig) -> Result<Self, AugmentError> {
        let fits = |d: f64| d >= 0.0 && d.is_finite();
        check_number("degrees", config.degrees, "at least 0", fits)?;
        check_range("scale", config.scale, "0 < low <= high", |s| s > 0.0)?;
        for part in [config.translate.0, config.translate.1] {
            let wanted = "fractions within [0, 1]";
            check_number("translate", part, wanted, |t| (0.0..=1.0).contains(&t))?;
        }
        for angle in [config.shear.0, config.shear.1] {
            check_number("shear", angle, "degrees within [0, 90)", |angle| (0.0..90.0).contains(&angle))?;
        }
        check_range("stretch", config.stretch, "0 < low <= high", |w| w > 0.0)?;
        Ok(Self(config))
    }
}

impl Transform for RandomAffine {
    fn apply(&self, image: RgbImage, rng: &mut Rng) -> RgbImage {
        let RandomAffineConfig { degrees, scale, translate, shear, stretch, sampling } = self.0;
        let (width, height) = image.dimensions();
        let mut shift = |part: f64, side: u32| {
            let most = part * f64::from(side);
            rng.uniform(-most, most).round_ties_even()
        };
        let translate = (shift(translate.0, width), shift(translate.1, height));
        let degrees = rng.uniform(-degrees, degrees);
        let scale = rng.uniform(scale.0, scale.1);
        let shear = (rng.uniform(-shear.0, shear.0), rng.uniform(-shear.1, shear.1));
        let stretch = rng.uniform(stretch.0.ln(), stretch.1.ln()).exp();
        affine(image, &Affine { degrees, scale, translate, shear, stretch }, sampling)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Border;
    use image::Rgb;

    #[test]
    fn one_color_stays_one_color_under_a_reflecting_border() {
        let config = RandomAffineConfig {
            degrees: 180.0,
            scale: (0.1, 3.0),
            translate: (1.0, 1.0),
            shear: (50.0, 70.0),
            stretch: (0.3, 4.0),
            sampling: Border::Reflect.into(),
        };
        let random = RandomAffine::new(config).unwrap();
        for (i, (width, height)) in (0..).zip([(1, 1), (2, 1), (1, 9), (31, 17), (400, 3)]) {
            let plain = RgbImage::from_pixel(width, height, Rgb([200, 131, 7]));
            assert_eq!(random.apply(plain.clone(), &mut Rng::new(1).at(i)), plain);
        }
    }
}
