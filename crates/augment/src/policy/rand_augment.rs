//! Several operations at one strength.

use image::RgbImage;
use taper_tensor::Rng;

use super::magnitude::{KINDS, MODEST, sign};
use crate::check::check_number;
use crate::error::AugmentError;
use crate::geometry::Border;
use crate::transform::Transform;

/// So many operations, each any of 14 kinds, all at one strength.
///
/// ```text
/// identity, shear x and y, translate x and y, rotate, brightness, saturation, contrast, sharpness,
/// posterize, solarize, autocontrast, equalize
/// ```
///
/// Full strength: shear by 0.3, shift by 150/331 of the side, 30 degrees, factors 0.1 or 1.9, 4
/// bits, solarize from 0.
///
/// # Differs from PyTorch
/// Shears are about the middle, there about the upper left corner.
///
/// # References
/// E. D. Cubuk, B. Zoph, J. Shlens, Q. V. Le, *RandAugment: Practical Automated Data Augmentation
/// with a Reduced Search Space*, 2020.
#[derive(Clone, Debug, PartialEq)]
pub struct RandAugment {
    operations: u32,
    strength: f64,
    border: Border,
}

impl RandAugment {
    /// `operations` of them (torchvision's 2) at `strength`, a fraction of full strength
    /// (torchvision's 9 of 30).
    ///
    /// # Errors
    /// More than 100 operations, `strength` outside [0, 1].
    pub fn new(operations: u32, strength: f64, border: Border) -> Result<Self, AugmentError> {
        check_number("operations", operations.into(), "0 to 100", |n| n <= 100.0)?;
        check_number("strength", strength, "a fraction within [0, 1]", |s| (0.0..=1.0).contains(&s))?;
        Ok(Self { operations, strength, border })
    }
}

impl Transform for RandAugment {
    fn apply(&self, image: RgbImage, rng: &mut Rng) -> RgbImage {
        (0..self.operations).fold(image, |image, _| {
            let (kind, sign) = (rng.below(KINDS), sign(rng));
            MODEST.at(kind, self.strength, sign, image.dimensions(), self.border).of(image)
        })
    }
}
