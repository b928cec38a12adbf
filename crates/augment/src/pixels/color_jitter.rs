//! Brightness, contrast, saturation and hue at random.

use image::RgbImage;
use taper_tensor::Rng;

use super::color::{adjust_brightness, adjust_contrast, adjust_saturation};
use super::hue::adjust_hue;
use crate::check::check_number;
use crate::error::AugmentError;
use crate::transform::Transform;

/// Settings of [`ColorJitter`]; the default, as in torchvision, is no change at all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ColorJitterConfig {
    /// Largest change of [`adjust_brightness`]'s factor, a fraction.
    pub brightness: f64,
    /// Largest change of [`adjust_contrast`]'s factor, a fraction.
    pub contrast: f64,
    /// Largest change of [`adjust_saturation`]'s factor, a fraction.
    pub saturation: f64,
    /// Largest turn of [`adjust_hue`](crate::adjust_hue) to either side, a fraction of the circle.
    pub hue: f64,
}

/// Changes brightness, contrast, saturation and hue, in random order.
///
/// ```text
/// factor ~ U(max(0, 1 - v), 1 + v)     for each v of the first three settings
/// turn ~ U(-hue, hue)
/// ```
///
/// # Examples
/// ```
/// use taper_augment::{ColorJitter, ColorJitterConfig, RgbImage, Rng, Transform};
/// # fn main() -> Result<(), taper_augment::AugmentError> {
/// let jitter = ColorJitter::new(ColorJitterConfig { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 })?;
/// let picture = jitter.apply(RgbImage::new(32, 32), &mut Rng::new(1));
/// # Ok(()) }
/// ```
///
/// # References
/// A. G. Howard, *Some improvements on deep convolutional neural network based image
/// classification*, 2013.
#[derive(Clone, Debug, PartialEq)]
pub struct ColorJitter(ColorJitterConfig);

impl ColorJitter {
    /// Checks the settings.
    ///
    /// # Errors
    /// `brightness`, `contrast` or `saturation` negative or not finite; `hue` outside [0, 0.5].
    pub fn new(config: ColorJitterConfig) -> Result<Self, AugmentError> {
        let fits = |v: f64| v >= 0.0 && v.is_finite();
        check_number("brightness", config.brightness, "at least 0", fits)?;
        check_number("contrast", config.contrast, "at least 0", fits)?;
        check_number("saturation", config.saturation, "at least 0", fits)?;
        check_number("hue", config.hue, "within [0, 0.5]", |hue| (0.0..=0.5).contains(&hue))?;
        Ok(Self(config))
    }
}

/// One step of a jitter.
#[derive(Clone, Copy)]
enum Step {
    Brightness(f32),
    Contrast(f32),
    Saturation(f32),
    Hue(f64),
}

impl Step {
    fn of(self, image: RgbImage) -> RgbImage {
        match self {
            Self::Brightness(factor) => adjust_brightness(image, factor),
            Self::Contrast(factor) => adjust_contrast(image, factor),
            Self::Saturation(factor) => adjust_saturation(image, factor),
            Self::Hue(turn) => adjust_hue(image, turn),
        }
    }
}

impl Transform for ColorJitter {
    fn apply(&self, image: RgbImage, rng: &mut Rng) -> RgbImage {
        let mut factor = |v: f64| rng.uniform((1.0 - v).max(0.0), 1.0 + v) as f32;
        let mut steps = vec![
            Step::Brightness(factor(self.0.brightness)),
            Step::Contrast(factor(self.0.contrast)),
            Step::Saturation(factor(self.0.saturation)),
        ];
        if self.0.hue > 0.0 {
            steps.push(Step::Hue(rng.uniform(-self.0.hue, self.0.hue)));
        }
        rng.shuffle(&mut steps);
        steps.into_iter().fold(image, |image, step| step.of(image))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn the_order_is_random() {
        let jitter = ColorJitterConfig { brightness: 0.5, contrast: 0.5, saturation: 0.5, hue: 0.0 };
        let jitter = ColorJitter::new(jitter).unwrap();
        let picture = RgbImage::from_fn(4, 4, |x, y| Rgb([60 * x as u8, 60 * y as u8, 128]));
        let fixed = (0..50).filter(|&i| {
            let mut rng = Rng::new(8).at(i);
            let drawn = jitter.apply(picture.clone(), &mut Rng::new(8).at(i));
            let mut factor = || rng.uniform(0.5, 1.5) as f32;
            let (b, c, s) = (factor(), factor(), factor());
            drawn == adjust_saturation(adjust_contrast(adjust_brightness(picture.clone(), b), c), s)
        });
        let fixed = fixed.count();
        assert!((1..30).contains(&fixed), "{fixed} of 50 in one order");
    }
}
