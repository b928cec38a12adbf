//! Erasing a random rectangle.

use image::RgbImage;
use taper_tensor::Rng;

use super::fill::{Fill, hide};
use crate::check::{check_number, check_range};
use crate::error::AugmentError;
use crate::geometry::draw;
use crate::transform::Transform;

/// Settings of [`RandomErasing`]; the default is that of torchvision.
#[derive(Clone, Debug, PartialEq)]
pub struct RandomErasingConfig {
    /// The probability that something is erased.
    pub p: f64,
    /// Area of what is erased, as a fraction of the picture's area: from, to.
    pub scale: (f64, f64),
    /// Height / width of what is erased: from, to.
    pub ratio: (f64, f64),
    /// What it is filled with.
    pub fill: Fill,
}

impl Default for RandomErasingConfig {
    fn default() -> Self {
        Self { p: 0.5, scale: (0.02, 0.33), ratio: (0.3, 3.3), fill: Fill::default() }
    }
}

/// Erases a random rectangle of the picture, so that a network cannot rely on one part of an
/// object.
///
/// ```text
/// with probability p:  a ~ U(scale) · width · height,  log r ~ U(log ratio)
/// rectangle = round(√(a r)) high and round(√(a / r)) wide, its place uniform
/// ```
///
/// A rectangle that does not fit is drawn again, up to ten times; after that the picture stays
/// whole.
///
/// # Examples
/// ```
/// use taper_augment::{RandomErasing, RandomErasingConfig, RgbImage, Rng, Transform};
/// # fn main() -> Result<(), taper_augment::AugmentError> {
/// let erasing = RandomErasing::new(RandomErasingConfig { p: 1.0, ..Default::default() })?;
/// let picture = erasing.apply(RgbImage::new(32, 32), &mut Rng::new(1));
/// assert!(picture.pixels().any(|pixel| pixel.0 == [124, 116, 104]));
/// # Ok(()) }
/// ```
///
/// # Differs from torchvision
/// It works on pictures and not on normalized tensors: the default color is the one that normalizes
/// to zero.
///
/// # References
/// Z. Zhong, L. Zheng, G. Kang, S. Li, Y. Yang, *Random Erasing Data Augmentation*, 2017.
#[derive(Clone, Debug, PartialEq)]
pub struct RandomErasing(RandomErasingConfig);

impl RandomErasing {
    /// Checks the settings.
    ///
    /// # Errors
    /// `p` outside [0, 1]; `scale` reversed or outside (0, 1]; `ratio` reversed, not positive or
    /// not finite.
    pub fn new(config: RandomErasingConfig) -> Result<Self, AugmentError> {
        check_number("p", config.p, "0 <= p <= 1", |p| (0.0..=1.0).contains(&p))?;
        check_range("scale", config.scale, "0 < low <= high <= 1", |s| s > 0.0 && s <= 1.0)?;
        check_range("ratio", config.ratio, "0 < low <= high", |r| r > 0.0)?;
        Ok(Self(config))
    }
}

impl Transform for RandomErasing {
    fn apply(&self, mut image: RgbImage, rng: &mut Rng) -> RgbImage {
        let RandomErasingConfig { p, scale, ratio, fill } = self.0;
        // Here the ratio is height over width.
        let sides = |a: f64, r: f64| ((a / r).sqrt().round() as u32, (a * r).sqrt().round() as u32);
        if rng.chance(p)
            && let Some(rect) = draw(image.dimensions(), scale, ratio, sides, rng)
        {
            hide(&mut image, rect, fill, rng);
        }
        image
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INK: Fill = Fill::Color([255, 0, 255]);

    /// How many pixels of a black picture are hidden, draw by draw.
    fn hidden(transform: &dyn Transform, size: (u32, u32), draws: u64) -> Vec<usize> {
        let ink = |image: RgbImage| image.pixels().filter(|pixel| pixel.0 == [255, 0, 255]).count();
        (0..draws).map(|k| ink(transform.apply(RgbImage::new(size.0, size.1), &mut Rng::new(4).at(k)))).collect()
    }

    #[test]
    fn areas_and_rate_are_those_of_the_settings() {
        let config = RandomErasingConfig { p: 0.3, scale: (0.1, 0.2), fill: INK, ..Default::default() };
        let counts = hidden(&RandomErasing::new(config).unwrap(), (60, 40), 2000);
        let erased: Vec<f64> = counts.iter().filter(|&&n| n > 0).map(|&n| n as f64 / 2400.0).collect();
        let rate = erased.len() as f64 / 2000.0;
        assert!((rate - 0.3).abs() < 5.0 * (0.21f64 / 2000.0).sqrt(), "{rate}");
        // Rounded sides move an area by a few pixels.
        assert!(erased.iter().all(|area| (0.09..0.215).contains(area)), "{erased:?}");
        let mean = erased.iter().sum::<f64>() / erased.len() as f64;
        assert!((mean - 0.15).abs() < 0.005, "{mean}");
    }

    #[test]
    fn noise_is_drawn_for_every_value() {
        let config = RandomErasingConfig { p: 1.0, scale: (0.95, 1.0), ratio: (1.0, 1.0), fill: Fill::Noise };
        let image = RandomErasing::new(config).unwrap().apply(RgbImage::new(64, 64), &mut Rng::new(1));
        let mean = image.as_raw().iter().map(|&v| f64::from(v)).sum::<f64>() / image.as_raw().len() as f64;
        assert!((110.0..130.0).contains(&mean), "{mean}");
    }

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let default = RandomErasingConfig::default;
        for (config, name) in [
            (RandomErasingConfig { p: 1.5, ..default() }, "p is"),
            (RandomErasingConfig { p: f64::NAN, ..default() }, "p is"),
            (RandomErasingConfig { scale: (0.0, 0.5), ..default() }, "scale is"),
            (RandomErasingConfig { ratio: (2.0, 1.0), ..default() }, "ratio is"),
        ] {
            let said = RandomErasing::new(config).unwrap_err().to_string();
            assert!(said.starts_with(name), "{said}");
        }
    }
}
