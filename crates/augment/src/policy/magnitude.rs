//! The kinds of operations that the policies draw from, and how strong each may be.

use taper_tensor::Rng;

use super::image_op::ImageOp;
use crate::geometry::{Affine, Border};

/// How strong each kind of operation may be: the ends of the scale that magnitudes lie on.
pub(super) struct Scale {
    /// tan of the angle.
    pub(super) shear: f64,
    /// Fraction of the side, and pixels; one of them is 0.
    pub(super) translate: (f64, f64),
    /// Degrees.
    pub(super) rotate: f64,
    /// Largest change of a factor.
    pub(super) factor: f64,
    /// Bits that posterizing takes away.
    pub(super) bits: f64,
}

/// Full strength of [`RandAugment`](crate::RandAugment).
pub(super) const MODEST: Scale =
    Scale { shear: 0.3, translate: (150.0 / 331.0, 0.0), rotate: 30.0, factor: 0.9, bits: 4.0 };

/// Full strength of [`TrivialAugment`](crate::TrivialAugment).
pub(super) const WIDE: Scale = Scale { shear: 0.99, translate: (0.0, 32.0), rotate: 135.0, factor: 0.99, bits: 6.0 };

/// The kinds that the policies know, in torchvision's order.
pub(super) const KINDS: usize = 14;

impl Scale {
    /// Kind `kind` at `part` of the scale, 0 to 1, to the side that `sign` says where there are
    /// two.
    pub(super) fn at(&self, kind: usize, part: f64, sign: f64, (width, height): (u32, u32), border: Border) -> ImageOp {
        let map = |map| ImageOp::Affine(map, border.into());
        let lean = (sign * part * self.shear).atan().to_degrees();
        let shift = |side: u32| sign * (part * (self.translate.0 * f64::from(side) + self.translate.1)).trunc();
        let factor = (1.0 + sign * part * self.factor) as f32;
        match kind {
            0 => ImageOp::Identity,
            1 => map(Affine { shear: (lean, 0.0), ..Affine::default() }),
            2 => map(Affine { shear: (0.0, lean), ..Affine::default() }),
            3 => map(Affine { translate: (shift(width), 0.0), ..Affine::default() }),
            4 => map(Affine { translate: (0.0, shift(height)), ..Affine::default() }),
            5 => map(Affine { degrees: sign * part * self.rotate, ..Affine::default() }),
            6 => ImageOp::Brightness(factor),
            7 => ImageOp::Saturation(factor),
            8 => ImageOp::Contrast(factor),
            9 => ImageOp::Sharpness(factor),
            10 => ImageOp::Posterize(8 - (part * self.bits).round_ties_even() as u32),
            11 => ImageOp::Solarize((255.0 * (1.0 - part)).round() as u32),
            12 => ImageOp::Autocontrast,
            _ => ImageOp::Equalize,
        }
    }
}

pub(super) fn sign(rng: &mut Rng) -> f64 {
    if rng.chance(0.5) { 1.0 } else { -1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strengths_are_those_of_the_table() {
        let at = |kind, part| MODEST.at(kind, part, -1.0, (331, 662), Border::Reflect);
        assert_eq!(
            at(3, 1.0),
            ImageOp::Affine(Affine { translate: (-150.0, 0.0), ..Affine::default() }, Border::Reflect.into())
        );
        assert_eq!(at(5, 0.3), ImageOp::Affine(Affine { degrees: -9.0, ..Affine::default() }, Border::Reflect.into()));
        assert_eq!(
            (at(6, 1.0), at(10, 0.3), at(11, 0.3)),
            (ImageOp::Brightness(0.1), ImageOp::Posterize(7), ImageOp::Solarize(179))
        );
        let ImageOp::Affine(map, _) = at(1, 1.0) else { panic!() };
        assert!((map.shear.0.to_radians().tan() + 0.3).abs() < 1e-12);
    }
}
