//! Other sizes: every output pixel is a weighted mean of the input pixels it covers.

use crate::Transform;
use crate::error::{AugmentError, check_number};
use crate::geometry::Rect;
use fast_image_resize::images::CroppedImage;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::{RgbImage, imageops};
use serde::{Deserialize, Serialize};
use taper_tensor::Rng;

/// The longest side, in pixels, that a transform can be asked to make.
pub const MAX_SIZE: u32 = 8192;

/// The longest picture that [`resize_short_side`] keeps whole, as long side / short side.
pub const MAX_ASPECT: u32 = 16;

/// The weights of the input pixels around the place `t` of an output pixel, in units of one output
/// pixel where the picture shrinks (so that it is antialiased) and of one input pixel where it grows.
///
/// # References
/// R. Keys, *Cubic convolution interpolation for digital image processing*, 1981.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// A triangle, `1 - |t|` for `|t| < 1`; the usual choice of torchvision.
    #[default]
    Bilinear,
    /// Keys' cubic with `a = -0.5`, for `|t| < 2`; sharper, the usual choice of timm.
    Bicubic,
}

/// Scales a picture to `width` x `height` pixels, whatever becomes of its proportions.
///
/// Shrinking averages over everything an output pixel covers. A picture that has the size already is
/// returned untouched; from one without pixels comes a black one.
///
/// # Examples
/// ```
/// use taper_augment::{Filter, RgbImage, resize};
/// assert_eq!(resize(RgbImage::new(9, 5), 3, 4, Filter::Bilinear).dimensions(), (3, 4));
/// ```
pub fn resize(image: RgbImage, width: u32, height: u32, filter: Filter) -> RgbImage {
    if image.dimensions() == (width, height) {
        return image;
    }
    let whole = whole(&image);
    resized_crop(&image, whole, width, height, filter)
}

/// Scales a picture so that its short side has `short_side` pixels, in proportion:
///
/// ```text
/// long side = floor(short_side * long / short)
/// ```
///
/// # Differs from PyTorch
/// Of a picture longer than [`MAX_ASPECT`] times its short side only the middle is taken: a line of
/// 8000 x 13 pixels would otherwise grow to 137846 x 224. A cut from the middle, which usually
/// follows, is the same either way.
///
/// # Examples
/// ```
/// use taper_augment::{Filter, RgbImage, resize_short_side};
/// let picture = resize_short_side(RgbImage::new(500, 375), 256, Filter::Bilinear);
/// assert_eq!(picture.dimensions(), (341, 256));
/// ```
pub fn resize_short_side(image: RgbImage, short_side: u32, filter: Filter) -> RgbImage {
    let mut part = whole(&image);
    let short = part.width.min(part.height);
    let longest = short.saturating_mul(MAX_ASPECT);
    for (start, side) in [(&mut part.left, &mut part.width), (&mut part.top, &mut part.height)] {
        *start = side.saturating_sub(longest) / 2;
        *side = (*side).min(longest);
    }
    let scaled = |side: u32| match short {
        0 => short_side,
        // At most MAX_ASPECT times short_side.
        _ => (u64::from(short_side) * u64::from(side) / u64::from(short)) as u32,
    };
    let (width, height) = (scaled(part.width), scaled(part.height));
    if image.dimensions() == (width, height) {
        return image;
    }
    resized_crop(&image, part, width, height, filter)
}

/// Cuts out a rectangle and scales it to `width` x `height` pixels; nothing outside the rectangle
/// reaches the result. The part of the rectangle beyond the picture is left off; where nothing
/// remains, the result is black.
///
/// # Examples
/// ```
/// use taper_augment::{Filter, Rect, RgbImage, resized_crop};
/// let rect = Rect { left: 10, top: 20, width: 100, height: 80 };
/// let part = resized_crop(&RgbImage::new(320, 240), rect, 64, 64, Filter::Bilinear);
/// assert_eq!(part.dimensions(), (64, 64));
/// ```
pub fn resized_crop(image: &RgbImage, rect: Rect, width: u32, height: u32, filter: Filter) -> RgbImage {
    let Rect { left, top, width: w, height: h } = rect.within(image);
    let mut scaled = RgbImage::new(width, height);
    if w == 0 || h == 0 || width == 0 || height == 0 {
        return scaled;
    }
    let (kernel, other) = match filter {
        Filter::Bilinear => (FilterType::Bilinear, imageops::FilterType::Triangle),
        Filter::Bicubic => (FilterType::CatmullRom, imageops::FilterType::CatmullRom),
    };
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(kernel));
    let mut scale = || {
        let (mut resizer, part) = (Resizer::new(), CroppedImage::new(image, left, top, w, h).ok()?);
        if w == width || h == height {
            return resizer.resize(&part, &mut scaled, &options).ok();
        }
        // First along the rows, as PIL does: bytes are rounded in between, so the order shows.
        let mut wide = RgbImage::new(width, h);
        resizer.resize(&part, &mut wide, &options).ok()?;
        resizer.resize(&wide, &mut scaled, &options).ok()
    };
    match scale() {
        Some(()) => scaled,
        // Not reached with a rectangle within the picture; the same formula, slower.
        None => imageops::resize(&*imageops::crop_imm(image, left, top, w, h), width, height, other),
    }
}

fn whole(image: &RgbImage) -> Rect {
    let (width, height) = image.dimensions();
    Rect { left: 0, top: 0, width, height }
}

/// `Ok` for a side that a transform can make.
pub(crate) fn check_size(field: &'static str, side: u32) -> Result<(), AugmentError> {
    let fits = |_: f64| (1..=MAX_SIZE).contains(&side);
    check_number(field, f64::from(side), "1 to 8192 pixels", fits)
}

/// Scales the short side to a fixed length, as [`resize_short_side`] does; draws nothing.
///
/// # Examples
/// ```
/// use taper_augment::{Filter, Resize, RgbImage, Rng, Transform};
/// # fn main() -> Result<(), taper_augment::AugmentError> {
/// let picture = Resize::new(64, Filter::Bilinear)?.apply(RgbImage::new(128, 256), &mut Rng::new(0));
/// assert_eq!(picture.dimensions(), (64, 128));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Resize {
    short_side: u32,
    filter: Filter,
}

impl Resize {
    /// A short side of `short_side` pixels.
    ///
    /// # Errors
    /// `short_side` outside 1..=[`MAX_SIZE`].
    pub fn new(short_side: u32, filter: Filter) -> Result<Self, AugmentError> {
        check_size("short_side", short_side)?;
        Ok(Self { short_side, filter })
    }
}

impl Transform for Resize {
    fn apply(&self, image: RgbImage, _: &mut Rng) -> RgbImage {
        resize_short_side(image, self.short_side, self.filter)
    }
}

/// Scales to a fixed size and ignores the proportions, as [`resize`] does; draws nothing.
///
/// # Examples
/// ```
/// use taper_augment::{Filter, ResizeTo, RgbImage, Rng, Transform};
/// # fn main() -> Result<(), taper_augment::AugmentError> {
/// let picture = ResizeTo::new(64, 48, Filter::Bilinear)?.apply(RgbImage::new(9, 9), &mut Rng::new(0));
/// assert_eq!(picture.dimensions(), (64, 48));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ResizeTo {
    width: u32,
    height: u32,
    filter: Filter,
}

impl ResizeTo {
    /// A picture of `width` x `height` pixels.
    ///
    /// # Errors
    /// `width` or `height` outside 1..=[`MAX_SIZE`].
    pub fn new(width: u32, height: u32, filter: Filter) -> Result<Self, AugmentError> {
        check_size("width", width)?;
        check_size("height", height)?;
        Ok(Self { width, height, filter })
    }
}

impl Transform for ResizeTo {
    fn apply(&self, image: RgbImage, _: &mut Rng) -> RgbImage {
        resize(image, self.width, self.height, self.filter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{center_crop, crop};
    use image::Rgb;

    fn noise(width: u32, height: u32) -> RgbImage {
        let mut rng = Rng::new(u64::from(width * 31 + height));
        RgbImage::from_fn(width, height, |_, _| Rgb([0; 3].map(|_: u8| rng.below(256) as u8)))
    }

    #[test]
    fn halving_averages_and_doubling_interpolates() {
        let pair = RgbImage::from_fn(2, 1, |x, _| Rgb([x as u8 * 100; 3]));
        assert_eq!(resize(pair.clone(), 1, 1, Filter::Bilinear)[(0, 0)], Rgb([50; 3]));
        let four = resize(pair, 4, 1, Filter::Bilinear);
        let values: Vec<u8> = four.pixels().map(|p| p[0]).collect();
        assert_eq!(values, [0, 25, 75, 100]);
    }

    #[test]
    fn the_long_side_is_rounded_down_and_cut_where_extreme() {
        let size = |w, h| resize_short_side(RgbImage::new(w, h), 224, Filter::Bilinear).dimensions();
        assert_eq!(size(500, 375), (298, 224));
        assert_eq!(size(375, 500), (224, 298));
        assert_eq!(size(8000, 13), (224 * 16, 224));
        assert_eq!(size(1, 9000), (224, 224 * 16));
        assert_eq!(size(0, 9), (224, 224));
    }

    #[test]
    fn the_middle_of_a_line_is_that_of_the_whole_line() {
        let line = noise(200, 4);
        let whole = center_crop(resize(line.clone(), 400, 8, Filter::Bilinear), 16, 8);
        let cut = center_crop(resize_short_side(line, 8, Filter::Bilinear), 16, 8);
        assert_eq!(whole, cut);
    }

    #[test]
    fn nothing_outside_the_rectangle_is_mixed_in() {
        let (picture, rect) = (noise(40, 30), Rect { left: 7, top: 5, width: 20, height: 11 });
        for filter in [Filter::Bilinear, Filter::Bicubic] {
            let part = resize(crop(&picture, rect), 13, 29, filter);
            assert_eq!(resized_crop(&picture, rect, 13, 29, filter), part);
        }
        assert_eq!(resized_crop(&picture, rect, 20, 11, Filter::Bilinear), crop(&picture, rect));
    }
}
