//! Transforms that move pixels: crops, flips, other sizes, and maps of the plane.
//!
//! In reading order:
//!
//! - a part of the picture: [`rect`], [`crop`], [`random_crop`], [`ten_crop`]; mirrored: [`flip`];
//! - another size: [`resize`], and with a random part ([`random_rect`]) [`random_resized_crop`];
//! - a map: how a picture is read between its pixels ([`sampling`]) and the reading itself
//!   ([`source`]), by which [`affine`] and [`random_affine`] work, and, by way of [`warp`],
//!   [`perspective`], [`lens`] and [`elastic`].

mod rect;

mod crop;
mod flip;

mod sampling;

mod random_rect;
mod random_resized_crop;
mod resize;

mod source;

mod random_crop;
mod ten_crop;

mod affine;
mod random_affine;

mod elastic;
mod lens;
mod perspective;
mod warp;

pub use affine::{Affine, affine, rotate};
pub use crop::{CenterCrop, center_crop, crop};
pub use elastic::{Elastic, elastic};
pub use flip::{HorizontalFlip, hflip, vflip};
pub use lens::{RandomLens, lens_distortion};
pub use perspective::{Corners, RandomPerspective, perspective};
pub use random_affine::{RandomAffine, RandomAffineConfig};
pub use random_crop::{RandomCrop, RandomScaleCrop};
pub(crate) use random_rect::draw;
pub use random_resized_crop::{RandomResizedCrop, RandomResizedCropConfig};
pub use rect::Rect;
pub use resize::{MAX_ASPECT, Resize, ResizeTo, resize, resize_short_side, resized_crop};
pub use sampling::{Border, Interpolation, Sampling};
pub use ten_crop::{TEN, TenCrop, ten_crop};
