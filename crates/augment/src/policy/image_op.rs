//! What can be done to a picture without chance, as data.

use image::RgbImage;
use taper_tensor::Rng;

use crate::geometry::{Affine, Sampling, affine, hflip, vflip};
use crate::pixels::{
    adjust_brightness, adjust_contrast, adjust_gamma, adjust_hue, adjust_saturation, adjust_sharpness, autocontrast,
    blur, equalize, grayscale, invert, posterize, solarize,
};
use crate::transform::Transform;

/// One change of a picture, with its strength. As a [`Transform`] it draws nothing;
/// [`Maybe`](crate::Maybe) and [`OneOf`](crate::OneOf) bring chance to it, policies such as
/// [`RandAugment`](crate::RandAugment) choose among many.
///
/// # Examples
/// ```
/// use taper_augment::{Maybe, ImageOp, RgbImage, Rng, Transform};
/// # fn main() -> Result<(), taper_augment::AugmentError> {
/// let sometimes_gray = Maybe::new(0.2, ImageOp::Grayscale)?;
/// assert_eq!(sometimes_gray.apply(RgbImage::new(8, 8), &mut Rng::new(1)).dimensions(), (8, 8));
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ImageOp {
    /// Nothing.
    Identity,
    /// [`hflip`].
    HorizontalFlip,
    /// [`vflip`].
    VerticalFlip,
    /// [`affine`], and how the picture is read.
    Affine(Affine, Sampling),
    /// [`adjust_brightness`] by a factor.
    Brightness(f32),
    /// [`adjust_contrast`] by a factor.
    Contrast(f32),
    /// [`adjust_saturation`] by a factor.
    Saturation(f32),
    /// [`adjust_hue`] by a part of the circle.
    Hue(f64),
    /// [`adjust_gamma`].
    Gamma(f64),
    /// [`adjust_sharpness`] by a factor.
    Sharpness(f32),
    /// [`blur`] with a standard deviation, pixels.
    Blur(f32),
    /// [`posterize`] to so many bits.
    Posterize(u32),
    /// [`solarize`] from a value on.
    Solarize(u32),
    /// [`autocontrast`].
    Autocontrast,
    /// [`equalize`].
    Equalize,
    /// [`invert`].
    Invert,
    /// [`grayscale`].
    Grayscale,
}

impl ImageOp {
    /// The changed picture, of the same size.
    pub fn of(self, image: RgbImage) -> RgbImage {
        match self {
            Self::Identity => image,
            Self::HorizontalFlip => hflip(image),
            Self::VerticalFlip => vflip(image),
            Self::Affine(map, sampling) => affine(image, &map, sampling),
            Self::Brightness(factor) => adjust_brightness(image, factor),
            Self::Contrast(factor) => adjust_contrast(image, factor),
            Self::Saturation(factor) => adjust_saturation(image, factor),
            Self::Hue(turn) => adjust_hue(image, turn),
            Self::Gamma(gamma) => adjust_gamma(image, gamma),
            Self::Sharpness(factor) => adjust_sharpness(image, factor),
            Self::Blur(sigma) => blur(image, sigma),
            Self::Posterize(bits) => posterize(image, bits),
            Self::Solarize(threshold) => solarize(image, threshold),
            Self::Autocontrast => autocontrast(image),
            Self::Equalize => equalize(image),
            Self::Invert => invert(image),
            Self::Grayscale => grayscale(image),
        }
    }
}

impl Transform for ImageOp {
    fn apply(&self, image: RgbImage, _: &mut Rng) -> RgbImage {
        self.of(image)
    }
}
