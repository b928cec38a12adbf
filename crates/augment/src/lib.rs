//! Pictures in, pictures out: random transforms for training, fixed ones for testing.
//!
//! A network that sees the same pictures in every epoch learns them by heart. Showing it each one a
//! little differently - another cut, mirrored, brighter, turned - costs nothing but arithmetic and
//! acts as more data. At test time the same picture has to give the same numbers, so the transforms
//! used there draw nothing.
//!
//! Three rules hold throughout:
//!
//! - **A transform is a pure function of the picture and the key of its [`Rng`].** The number of
//!   threads, the order of the pictures and a restart change nothing.
//! - **What can be wrong is refused by `new`.** [`Transform::apply`] works for every picture, from
//!   one pixel to the extremes of a panorama, and neither fails nor panics.
//! - **A transform draws parameters and calls a function.** The functions ([`hflip`], [`affine`],
//!   [`adjust_contrast`], ...) are public and do the same without chance. One that may hand back
//!   the picture it got takes it by value; one that always makes a new picture borrows it.
//!
//! The arithmetic is that of torchvision on PIL pictures, which the common pretrained weights were
//! trained and measured with: point operations and cuts agree to the bit, resampling within
//! rounding.
//!
//! # Examples
//! ```
//! use taper_augment::{
//!     HorizontalFlip, Normalize, RandomResizedCrop, RandomResizedCropConfig, RgbImage, Rng, Compose, Transform,
//! };
//! # fn main() -> Result<(), taper_augment::AugmentError> {
//! let train = Compose(vec![
//!     Box::new(RandomResizedCrop::new(RandomResizedCropConfig::default())?),
//!     Box::new(HorizontalFlip::new(0.5)?),
//! ]);
//! let picture = train.apply(RgbImage::new(640, 480), &mut Rng::new(7).at(0));
//! let mut slot = vec![0.0; 224 * 224 * 3];
//! Normalize::imagenet().write(&picture, &mut slot)?;
//! # Ok(()) }
//! ```

mod check;
mod error;
mod spread;
mod transform;
mod vectors;

mod geometry;
mod pixels;
mod statistics;

mod policy;

pub use check::MAX_SIZE;
pub use error::AugmentError;
pub use geometry::{
    Affine, Border, CenterCrop, Corners, Elastic, HorizontalFlip, Interpolation, MAX_ASPECT, RandomAffine,
    RandomAffineConfig, RandomCrop, RandomLens, RandomPerspective, RandomResizedCrop, RandomResizedCropConfig,
    RandomScaleCrop, Rect, Resize, ResizeTo, Sampling, TEN, TenCrop, affine, center_crop, crop, elastic, hflip,
    lens_distortion, perspective, resize, resize_short_side, resized_crop, rotate, ten_crop, vflip,
};
pub use image::RgbImage;
pub use pixels::{
    ColorJitter, ColorJitterConfig, Cutout, Fill, GaussianNoise, JpegArtifacts, Lighting, RandomErasing,
    RandomErasingConfig, adjust_brightness, adjust_contrast, adjust_gamma, adjust_hue, adjust_saturation,
    adjust_sharpness, autocontrast, blur, equalize, grayscale, invert, jpeg_artifacts, posterize, solarize,
};
pub use policy::{AugMix, ImageOp, Maybe, OneOf, RandAugment, TrivialAugment, Varied};
pub use statistics::{ColorStatistics, Normalize, Principal};
pub use taper_tensor::Rng;
pub use transform::{Compose, Transform};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
