//! Rotation, scale, translation, shear and stretch in one resampling.

use image::RgbImage;

use super::sampling::Sampling;
use super::warp::warp;

/// An affine map about the middle `c` of a picture: stretch, shear, rotation, scale, translation,
/// in this order.
///
/// ```text
/// p' = c + t + s R(a) K (p - c)
/// K  = [1, 0; -tan ky, 1] [1, -tan kx; 0, 1] [√w, 0; 0, 1/√w]
/// ```
///
/// # Differs from PyTorch
/// A positive angle rotates counter-clockwise, here as in [`rotate`]; torchvision's `affine`
/// rotates the other way than its `rotate`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    /// Angle `a`, in degrees, counter-clockwise.
    pub degrees: f64,
    /// Scale `s`: above 1 things get larger.
    pub scale: f64,
    /// Translation `t`, in pixels to the right and down.
    pub translate: (f64, f64),
    /// Shear angles `kx`, `ky`, in degrees: vertical lines lean to the right, horizontal ones rise
    /// to the right.
    pub shear: (f64, f64),
    /// Stretch `w`: how much wider things get relative to their height.
    pub stretch: f64,
}

impl Default for Affine {
    /// The identity.
    fn default() -> Self {
        Self { degrees: 0.0, scale: 1.0, translate: (0.0, 0.0), shear: (0.0, 0.0), stretch: 1.0 }
    }
}

impl Affine {
    /// The source of an output pixel as two rows `(k0, kx, ky)`: `k0 + kx x + ky y` for the pixel
    /// at column x and row y, both counted from the corner (a pixel's middle is half a pixel in).
    fn inverse(&self, width: u32, height: u32) -> [[f64; 3]; 2] {
        let (sin, cos) = self.degrees.to_radians().sin_cos();
        let (sin, cos) = (sin / self.scale, cos / self.scale);
        let (kx, ky, wide) = (self.shear.0.to_radians().tan(), self.shear.1.to_radians().tan(), self.stretch.sqrt());
        // The inverse of K behind that of the rotation.
        let unstretched = [[(1.0 + kx * ky) / wide, kx / wide], [ky * wide, wide]];
        let turned = [[cos, -sin], [sin, cos]];
        let [[a, b], [c, d]] = unstretched.map(|row| [0, 1].map(|j| row[0] * turned[0][j] + row[1] * turned[1][j]));
        let (cx, cy) = (f64::from(width) / 2.0, f64::from(height) / 2.0);
        let (x, y) = (0.5 - cx - self.translate.0, 0.5 - cy - self.translate.1);
        [[cx + a * x + b * y, a, b], [cy + c * x + d * y, c, d]]
    }
}

/// Rotates, scales, translates, shears and stretches a picture within its size, in one resampling.
///
/// For every output pixel the inverse map gives a place in the picture, whose value is interpolated
/// from the four pixels around it, or sixteen (single precision, fractions dropped as in PIL).
/// There is no antialiasing: a scale far below 1 skips pixels.
///
/// # Examples
/// ```
/// use taper_augment::{Affine, Border, RgbImage, affine};
/// let picture = RgbImage::from_fn(4, 1, |x, _| image::Rgb([x as u8 * 10; 3]));
/// let map = Affine { translate: (1.0, 0.0), ..Default::default() };
/// let shifted = affine(picture, &map, Border::Fill([9; 3]));
/// assert_eq!(shifted.pixels().map(|p| p[0]).collect::<Vec<_>>(), [9, 0, 10, 20]);
/// ```
pub fn affine(image: RgbImage, map: &Affine, sampling: impl Into<Sampling>) -> RgbImage {
    let (width, height) = image.dimensions();
    if *map == Affine::default() || width == 0 || height == 0 {
        return image;
    }
    let [[x0, xx, xy], [y0, yx, yy]] = map.inverse(width, height);
    warp(
        image,
        sampling.into(),
        #[inline(always)]
        |row, column, xs, ys| {
            let (x0, y0) = ((x0 + xy * row as f64) as f32, (y0 + yy * row as f64) as f32);
            let (xx, yx) = (xx as f32, yx as f32);
            for (i, (x, y)) in xs.iter_mut().zip(ys).enumerate() {
                let column = (column + i) as i32 as f32;
                (*x, *y) = (x0 + xx * column, y0 + yx * column);
            }
        },
    )
}

/// Rotates a picture about its middle, counter-clockwise, within its size, as [`affine`].
///
/// # Examples
/// ```
/// use taper_augment::{Border, RgbImage, rotate};
/// let turned = rotate(RgbImage::new(64, 48), 20.0, Border::Reflect);
/// assert_eq!(turned.dimensions(), (64, 48));
/// ```
pub fn rotate(image: RgbImage, degrees: f64, sampling: impl Into<Sampling>) -> RgbImage {
    affine(image, &Affine { degrees, ..Affine::default() }, sampling)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Border;
    use image::Rgb;
    use taper_tensor::Rng;

    const BLACK: Border = Border::Fill([0; 3]);

    fn noise(width: u32, height: u32) -> RgbImage {
        let mut rng = Rng::new(3);
        RgbImage::from_fn(width, height, |_, _| Rgb([0; 3].map(|_: u8| rng.below(256) as u8)))
    }

    #[test]
    fn a_quarter_turn_goes_counter_clockwise() {
        let turned = rotate(noise(8, 8), 90.0, BLACK);
        for (x, y, pixel) in turned.enumerate_pixels() {
            assert_eq!(*pixel, noise(8, 8)[(7 - y, x)], "({x}, {y})");
        }
    }

    #[test]
    fn a_shift_by_whole_pixels_copies() {
        let map = Affine { translate: (3.0, -2.0), ..Affine::default() };
        let (picture, shifted) = (noise(12, 9), affine(noise(12, 9), &map, BLACK));
        for (x, y, pixel) in shifted.enumerate_pixels() {
            let wanted = if x >= 3 && y < 7 { picture[(x - 3, y + 2)] } else { Rgb([0; 3]) };
            assert_eq!(*pixel, wanted, "({x}, {y})");
        }
        let mirrored = affine(noise(12, 9), &map, Border::Reflect);
        assert_eq!(mirrored[(0, 0)], picture[(2, 2)]);
        assert_eq!(mirrored[(5, 8)], picture[(2, 7)]);
    }

    #[test]
    fn rotating_and_scaling_back_restores_a_smooth_picture() {
        let smooth = RgbImage::from_fn(60, 40, |x, y| Rgb([4 * x as u8, 6 * y as u8, 2 * (x + y) as u8]));
        let there = Affine { degrees: 25.0, scale: 1.25, ..Affine::default() };
        let back = Affine { degrees: -25.0, scale: 0.8, ..Affine::default() };
        let again = affine(affine(smooth.clone(), &there, Border::Reflect), &back, Border::Reflect);
        for (x, y) in (20..40).flat_map(|x| (13..27).map(move |y| (x, y))) {
            assert!((0..3).all(|c| again[(x, y)][c].abs_diff(smooth[(x, y)][c]) <= 3), "({x}, {y})");
        }
    }

    #[test]
    fn maps_beyond_sense_do_no_harm() {
        for scale in [0.0, f64::NAN, 1e-30, 1e30, -1.0] {
            for border in [BLACK, Border::Reflect] {
                let map =
                    Affine { degrees: 3.0, scale, translate: (f64::MAX, 0.0), shear: (90.0, scale), stretch: scale };
                assert_eq!(affine(noise(5, 4), &map, border).dimensions(), (5, 4));
            }
        }
    }
}
