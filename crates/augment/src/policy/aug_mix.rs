//! A picture mixed with chains of operations of it.

use image::RgbImage;
use taper_tensor::Rng;

use super::magnitude::{KINDS, MODEST, Scale, sign};
use crate::check::check_number;
use crate::error::AugmentError;
use crate::geometry::Border;
use crate::transform::Transform;

/// The picture mixed with three chains of one to three operations of it: far from it and still like
/// it.
///
/// ```text
/// y = (1 - m) x + m Σ w_i chain_i(x),   m ~ U(0, 1),  w ~ Dirichlet(1, 1, 1)
/// ```
///
/// Each operation is of [`RandAugment`](crate::RandAugment)'s kinds but the identity, its strength
/// uniform up to `strength`.
///
/// # References
/// D. Hendrycks et al., *AugMix: A Simple Data Processing Method to Improve Robustness and
/// Uncertainty*, 2020.
#[derive(Clone, Debug, PartialEq)]
pub struct AugMix {
    strength: f64,
    border: Border,
}

impl AugMix {
    /// Chains of operations of up to `strength`, a fraction of full strength (the paper's 0.3).
    ///
    /// # Errors
    /// `strength` outside [0, 1].
    pub fn new(strength: f64, border: Border) -> Result<Self, AugmentError> {
        check_number("strength", strength, "a fraction within [0, 1]", |s| (0.0..=1.0).contains(&s))?;
        Ok(Self { strength, border })
    }
}

impl Transform for AugMix {
    fn apply(&self, image: RgbImage, rng: &mut Rng) -> RgbImage {
        const CHAINS: usize = 3;
        let scale = Scale { translate: (1.0 / 3.0, 0.0), ..MODEST };
        let m = rng.uniform(0.0, 1.0);
        // Exponential numbers over their sum are a draw from the Dirichlet distribution of ones.
        let parts = [0.0; CHAINS].map(|_: f64| -(1.0 - rng.uniform(0.0, 1.0)).ln() + f64::MIN_POSITIVE);
        let whole: f64 = parts.iter().sum();
        let mut mixed: Vec<f64> = image.iter().map(|&value| (1.0 - m) * f64::from(value)).collect();
        for part in parts {
            let chain = (0..=rng.below(3)).fold(image.clone(), |image, _| {
                let (kind, sign) = (1 + rng.below(KINDS - 1), sign(rng));
                let part = rng.uniform(0.0, self.strength);
                scale.at(kind, part, sign, image.dimensions(), self.border).of(image)
            });
            let weight = m * part / whole;
            mixed.iter_mut().zip(chain.iter()).for_each(|(sum, &value)| *sum += weight * f64::from(value));
        }
        let mut image = image;
        image.iter_mut().zip(mixed).for_each(|(value, sum)| *value = sum.round() as u8);
        image
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mixture_of_one_color_is_near_it() {
        // Nothing that moves pixels changes it; what changes colors is weak here.
        let plain = RgbImage::from_pixel(9, 7, image::Rgb([100, 120, 140]));
        let mix = AugMix::new(0.0, Border::Reflect).unwrap();
        for seed in 0..20 {
            let mixed = mix.apply(plain.clone(), &mut Rng::new(seed));
            assert!(mixed.iter().zip(plain.iter()).all(|(a, b)| a.abs_diff(*b) <= 1), "{seed}");
        }
    }
}
