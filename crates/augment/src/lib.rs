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
//!   [`adjust_contrast`], ...) are public and do the same without chance. One that may hand back the
//!   picture it got takes it by value; one that always makes a new picture borrows it.
//!
//! The arithmetic is that of torchvision on PIL pictures, which the common pretrained weights were
//! trained and measured with: point operations and cuts agree to the bit, resampling within rounding.
//!
//! # Examples
//! ```
//! use taper_augment::{
//!     HorizontalFlip, Normalize, RandomResizedCrop, RandomResizedCropConfig, RgbImage, Rng, Sequence, Transform,
//! };
//! # fn main() -> Result<(), taper_augment::AugmentError> {
//! let train = Sequence(vec![
//!     Box::new(RandomResizedCrop::new(RandomResizedCropConfig::default())?),
//!     Box::new(HorizontalFlip::new(0.5)?),
//! ]);
//! let picture = train.apply(RgbImage::new(640, 480), &mut Rng::new(7).at(0));
//! let mut slot = vec![0.0; 224 * 224 * 3];
//! Normalize::imagenet().write(&picture, &mut slot)?;
//! # Ok(()) }
//! ```

mod transform;

mod geometry;
mod resize;

mod crop;
mod random_crop;
mod ten_crop;

mod sample;

mod affine;
mod random_warp;
mod warp;

mod color;
mod filter;
mod hue;
mod point;

mod lighting;
mod statistics;

mod erasing;
mod noise;

mod choice;
mod operation;
mod policy;

mod normalize;

mod error;

pub use affine::{Affine, RandomAffine, RandomAffineConfig, affine, rotate};
pub use choice::{Maybe, OneOf, Varied};
pub use color::{ColorJitter, ColorJitterConfig, adjust_brightness, adjust_contrast, adjust_saturation};
pub use crop::{RandomResizedCrop, RandomResizedCropConfig};
pub use erasing::{Cutout, Fill, RandomErasing, RandomErasingConfig};
pub use error::AugmentError;
pub use filter::{adjust_sharpness, blur};
pub use geometry::{CenterCrop, HorizontalFlip, Rect, center_crop, crop, hflip, vflip};
pub use hue::adjust_hue;
pub use image::RgbImage;
pub use lighting::Lighting;
pub use noise::{GaussianNoise, JpegArtifacts, jpeg_artifacts};
pub use normalize::Normalize;
pub use operation::Operation;
pub use point::{adjust_gamma, autocontrast, equalize, grayscale, invert, posterize, solarize};
pub use policy::{AugMix, RandAugment, TrivialAugment};
pub use random_crop::{RandomCrop, RandomScaleCrop};
pub use random_warp::{Elastic, RandomLens, RandomPerspective};
pub use resize::{Filter, MAX_ASPECT, MAX_SIZE, Resize, ResizeTo, resize, resize_short_side, resized_crop};
pub use sample::{Border, Sampling};
pub use statistics::{ColorStatistics, Principal};
pub use taper_tensor::Rng;
pub use ten_crop::{TEN, TenCrop, ten_crop};
pub use transform::{Sequence, Transform};
pub use warp::{Corners, elastic, lens_distortion, perspective};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
