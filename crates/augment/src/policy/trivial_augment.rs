//! One operation at a random strength.

use image::RgbImage;
use taper_tensor::Rng;

use super::magnitude::{KINDS, WIDE, sign};
use crate::geometry::Border;
use crate::transform::Transform;

/// One operation of [`RandAugment`](crate::RandAugment)'s kinds at a strength that is drawn too:
/// nothing to tune, and as good. Full strength is the wide one: shear by 0.99, shift by 32 pixels,
/// 135 degrees, factors 0.01 or 1.99, 6 bits, solarize from 0.
///
/// # References
/// S. G. Müller, F. Hutter, *TrivialAugment: Tuning-free Yet State-of-the-Art Data Augmentation*,
/// 2021.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrivialAugment {
    /// What lies beyond the edge.
    pub border: Border,
}

impl Transform for TrivialAugment {
    fn apply(&self, image: RgbImage, rng: &mut Rng) -> RgbImage {
        let (kind, part, sign) = (rng.below(KINDS), rng.below(31) as f64 / 30.0, sign(rng));
        WIDE.at(kind, part, sign, image.dimensions(), self.border).of(image)
    }
}
