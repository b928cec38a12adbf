//! Policies: operations and strengths drawn from a list, so that there is little to tune.

use image::RgbImage;
use taper_tensor::Rng;

use crate::error::{AugmentError, check_number};
use crate::{Affine, Border, Operation, Transform};

/// How strong each kind of operation may be: the ends of the scale that magnitudes lie on.
struct Scale {
    /// tan of the angle.
    shear: f64,
    /// Fraction of the side, and pixels; one of them is 0.
    translate: (f64, f64),
    /// Degrees.
    rotate: f64,
    /// Largest change of a factor.
    factor: f64,
    /// Bits that posterizing takes away.
    bits: f64,
}

/// Full strength of [`RandAugment`].
const MODEST: Scale = Scale { shear: 0.3, translate: (150.0 / 331.0, 0.0), rotate: 30.0, factor: 0.9, bits: 4.0 };

/// The kinds that the policies know, in torchvision's order.
const KINDS: usize = 14;

impl Scale {
    /// Kind `kind` at `part` of the scale, 0 to 1, to the side that `sign` says where there are two.
    fn at(&self, kind: usize, part: f64, sign: f64, (width, height): (u32, u32), border: Border) -> Operation {
        let map = |map| Operation::Affine(map, border.into());
        let lean = (sign * part * self.shear).atan().to_degrees();
        let shift = |side: u32| sign * (part * (self.translate.0 * f64::from(side) + self.translate.1)).trunc();
        let factor = (1.0 + sign * part * self.factor) as f32;
        match kind {
            0 => Operation::Identity,
            1 => map(Affine { shear: (lean, 0.0), ..Affine::default() }),
            2 => map(Affine { shear: (0.0, lean), ..Affine::default() }),
            3 => map(Affine { translate: (shift(width), 0.0), ..Affine::default() }),
            4 => map(Affine { translate: (0.0, shift(height)), ..Affine::default() }),
            5 => map(Affine { degrees: sign * part * self.rotate, ..Affine::default() }),
            6 => Operation::Brightness(factor),
            7 => Operation::Saturation(factor),
            8 => Operation::Contrast(factor),
            9 => Operation::Sharpness(factor),
            10 => Operation::Posterize(8 - (part * self.bits).round_ties_even() as u32),
            11 => Operation::Solarize((255.0 * (1.0 - part)).round() as u32),
            12 => Operation::Autocontrast,
            _ => Operation::Equalize,
        }
    }
}

fn sign(rng: &mut Rng) -> f64 {
    if rng.chance(0.5) { 1.0 } else { -1.0 }
}

/// So many operations, each any of 14 kinds, all at one strength.
///
/// ```text
/// identity, shear x and y, translate x and y, rotate, brightness, saturation, contrast, sharpness, posterize, solarize,
/// autocontrast, equalize
/// ```
///
/// Full strength: shear by 0.3, shift by 150/331 of the side, 30 degrees, factors 0.1 or 1.9, 4 bits, solarize from 0.
///
/// # Differs from PyTorch
/// Shears are about the middle, there about the upper left corner.
///
/// # References
/// E. D. Cubuk, B. Zoph, J. Shlens, Q. V. Le, *RandAugment: Practical Automated Data Augmentation with a Reduced Search
/// Space*, 2020.
#[derive(Clone, Debug, PartialEq)]
pub struct RandAugment {
    operations: u32,
    strength: f64,
    border: Border,
}

impl RandAugment {
    /// `operations` of them (torchvision's 2) at `strength`, a fraction of full strength (torchvision's 9 of 30).
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

/// One operation of [`RandAugment`]'s kinds at a strength that is drawn too: nothing to tune, and as good. Full strength is
/// the wide one: shear by 0.99, shift by 32 pixels, 135 degrees, factors 0.01 or 1.99, 6 bits, solarize from 0.
///
/// # References
/// S. G. Müller, F. Hutter, *TrivialAugment: Tuning-free Yet State-of-the-Art Data Augmentation*, 2021.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrivialAugment {
    /// What lies beyond the edge.
    pub border: Border,
}

impl Transform for TrivialAugment {
    fn apply(&self, image: RgbImage, rng: &mut Rng) -> RgbImage {
        let scale = Scale { shear: 0.99, translate: (0.0, 32.0), rotate: 135.0, factor: 0.99, bits: 6.0 };
        let (kind, part, sign) = (rng.below(KINDS), rng.below(31) as f64 / 30.0, sign(rng));
        scale.at(kind, part, sign, image.dimensions(), self.border).of(image)
    }
}

/// The picture mixed with three chains of one to three operations of it: far from it and still like it.
///
/// ```text
/// y = (1 - m) x + m Σ w_i chain_i(x),   m ~ U(0, 1),  w ~ Dirichlet(1, 1, 1)
/// ```
///
/// Each operation is of [`RandAugment`]'s kinds but the identity, its strength uniform up to `strength`.
///
/// # References
/// D. Hendrycks et al., *AugMix: A Simple Data Processing Method to Improve Robustness and Uncertainty*, 2020.
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
    fn strengths_are_those_of_the_table() {
        let at = |kind, part| MODEST.at(kind, part, -1.0, (331, 662), Border::Reflect);
        assert_eq!(
            at(3, 1.0),
            Operation::Affine(Affine { translate: (-150.0, 0.0), ..Affine::default() }, Border::Reflect.into())
        );
        assert_eq!(
            at(5, 0.3),
            Operation::Affine(Affine { degrees: -9.0, ..Affine::default() }, Border::Reflect.into())
        );
        assert_eq!(
            (at(6, 1.0), at(10, 0.3), at(11, 0.3)),
            (Operation::Brightness(0.1), Operation::Posterize(7), Operation::Solarize(179))
        );
        let Operation::Affine(map, _) = at(1, 1.0) else { panic!() };
        assert!((map.shear.0.to_radians().tan() + 0.3).abs() < 1e-12);
    }

    #[test]
    fn a_mixture_of_one_colour_is_near_it() {
        // Nothing that moves pixels changes it; what changes colours is weak here.
        let plain = RgbImage::from_pixel(9, 7, image::Rgb([100, 120, 140]));
        let mix = AugMix::new(0.0, Border::Reflect).unwrap();
        for seed in 0..20 {
            let mixed = mix.apply(plain.clone(), &mut Rng::new(seed));
            assert!(mixed.iter().zip(plain.iter()).all(|(a, b)| a.abs_diff(*b) <= 1), "{seed}");
        }
    }
}
