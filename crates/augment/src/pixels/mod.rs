//! Transforms that change pixels where they are: color, light, noise, erasing.
//!
//! In reading order:
//!
//! - color: [`blend`] is what is shared, then [`color`], [`hue`], and [`color_jitter`] of both;
//!   tables for
//!   single values in [`point`]; [`lighting`] along the principal components of a data set;
//! - what cameras and files do: [`sharpness`], [`blur`](mod@blur), [`noise`], and [`jpeg`], which
//!   works on frequencies of blocks ([`dct`]);
//! - erasing a part: [`fill`] is what it is filled with, by [`random_erasing`] and [`cutout`].

mod blend;
mod color;
mod color_jitter;
mod hue;

mod lighting;
mod point;

mod blur;
mod dct;
mod jpeg;
mod noise;
mod sharpness;

mod cutout;
mod fill;
mod random_erasing;

pub use blur::blur;
pub use color::{adjust_brightness, adjust_contrast, adjust_saturation};
pub use color_jitter::{ColorJitter, ColorJitterConfig};
pub use cutout::Cutout;
pub use fill::Fill;
pub use hue::adjust_hue;
pub use jpeg::{JpegArtifacts, jpeg_artifacts};
pub use lighting::Lighting;
pub use noise::GaussianNoise;
pub use point::{adjust_gamma, autocontrast, equalize, grayscale, invert, posterize, solarize};
pub use random_erasing::{RandomErasing, RandomErasingConfig};
pub use sharpness::adjust_sharpness;
