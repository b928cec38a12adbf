//! Luma, and the way from one value to another: what changes of color have in common.

use image::Rgb;

use crate::vectors::byte;

/// `from + factor * (to - from)` in single precision, fractions dropped, cut off at 0 and 255.
#[inline(always)]
pub(super) fn blend(from: u8, to: u8, factor: f32) -> u8 {
    let (from, to) = (f32::from(from), f32::from(to));
    byte(from + factor * (to - from))
}

/// The luma of a pixel (ITU-R 601), in PIL's integer arithmetic.
#[inline(always)]
pub(super) fn luma(&Rgb([r, g, b]): &Rgb<u8>) -> u8 {
    ((u32::from(r) * 19_595 + u32::from(g) * 38_470 + u32::from(b) * 7_471 + 32_768) >> 16) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn luma_weighs_the_channels_and_keeps_grays() {
        assert_eq!(luma(&Rgb([255, 0, 0])), 76); // 76.245
        assert_eq!(luma(&Rgb([0, 255, 0])), 150); // 149.685
        assert_eq!(luma(&Rgb([0, 0, 255])), 29); // 29.07
        assert!((0..=255).all(|v| luma(&Rgb([v; 3])) == v));
    }
}
