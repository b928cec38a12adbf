//! Other sizes: every output pixel is a weighted mean of the input pixels it covers.

use fast_image_resize::images::{TypedCroppedImage, TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ImageView, ResizeAlg, ResizeOptions, Resizer};
use image::{RgbImage, imageops};
use taper_tensor::Rng;

use super::rect::Rect;
use super::sampling::Interpolation;
use crate::check::check_size;
use crate::error::AugmentError;
use crate::transform::Transform;

/// The longest picture that [`resize_short_side`] keeps whole, as long side / short side.
pub const MAX_ASPECT: u32 = 16;

/// Scales a picture to `width` x `height` pixels, whatever becomes of its proportions.
///
/// Shrinking averages over everything an output pixel covers. A picture that has the size already
/// is returned untouched; from one without pixels comes a black one.
///
/// # Examples
/// ```
/// use taper_augment::{Interpolation, RgbImage, resize};
/// assert_eq!(resize(RgbImage::new(9, 5), 3, 4, Interpolation::Bilinear).dimensions(), (3, 4));
/// ```
pub fn resize(image: RgbImage, width: u32, height: u32, interpolation: Interpolation) -> RgbImage {
    if image.dimensions() == (width, height) {
        return image;
    }
    let whole = whole(&image);
    resized_crop(&image, whole, width, height, interpolation)
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
/// use taper_augment::{Interpolation, RgbImage, resize_short_side};
/// let picture = resize_short_side(RgbImage::new(500, 375), 256, Interpolation::Bilinear);
/// assert_eq!(picture.dimensions(), (341, 256));
/// ```
pub fn resize_short_side(image: RgbImage, short_side: u32, interpolation: Interpolation) -> RgbImage {
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
    resized_crop(&image, part, width, height, interpolation)
}

/// Crops a rectangle and scales it to `width` x `height` pixels; nothing outside the rectangle
/// reaches the result. The part of the rectangle beyond the picture is left off; where nothing
/// remains, the result is black.
///
/// # Examples
/// ```
/// use taper_augment::{Interpolation, Rect, RgbImage, resized_crop};
/// let rect = Rect { left: 10, top: 20, width: 100, height: 80 };
/// let part = resized_crop(&RgbImage::new(320, 240), rect, 64, 64, Interpolation::Bilinear);
/// assert_eq!(part.dimensions(), (64, 64));
/// ```
pub fn resized_crop(image: &RgbImage, rect: Rect, width: u32, height: u32, interpolation: Interpolation) -> RgbImage {
    let Rect { left, top, width: w, height: h } = rect.within(image);
    let mut scaled = RgbImage::new(width, height);
    if w == 0 || h == 0 || width == 0 || height == 0 {
        return scaled;
    }
    let (kernel, other) = match interpolation {
        Interpolation::Bilinear => (FilterType::Bilinear, imageops::FilterType::Triangle),
        Interpolation::Bicubic => (FilterType::CatmullRom, imageops::FilterType::CatmullRom),
    };
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(kernel));
    let mut resizer = Resizer::new();
    let mut scale = || {
        let part = TypedCroppedImage::new(pixels(image)?, left, top, w, h).ok()?;
        if w == width || h == height {
            return scale_into(&mut resizer, &part, &mut scaled, &options);
        }
        // First along the rows, as PIL does: bytes are rounded in between, so the order shows.
        let mut wide = RgbImage::new(width, h);
        scale_into(&mut resizer, &part, &mut wide, &options)?;
        scale_into(&mut resizer, &pixels(&wide)?, &mut scaled, &options)
    };
    match scale() {
        Some(()) => scaled,
        // Not reached with a rectangle within the picture; the same formula, slower.
        None => imageops::resize(&*imageops::crop_imm(image, left, top, w, h), width, height, other),
    }
}

/// The picture as what it is: the face for any picture holds the code of every kind of pixel.
fn pixels(image: &RgbImage) -> Option<TypedImageRef<'_, U8x3>> {
    TypedImageRef::from_buffer(image.width(), image.height(), image.as_raw()).ok()
}

fn scale_into(
    resizer: &mut Resizer,
    from: &impl ImageView<Pixel = U8x3>,
    to: &mut RgbImage,
    options: &ResizeOptions,
) -> Option<()> {
    let mut to = TypedImage::from_buffer(to.width(), to.height(), to).ok()?;
    resizer.resize_typed(from, &mut to, options).ok()
}

fn whole(image: &RgbImage) -> Rect {
    let (width, height) = image.dimensions();
    Rect { left: 0, top: 0, width, height }
}

/// Scales the short side to a fixed length, as [`resize_short_side`] does; draws nothing.
///
/// # Examples
/// ```
/// use taper_augment::{Interpolation, Resize, RgbImage, Rng, Transform};
/// # fn main() -> Result<(), taper_augment::AugmentError> {
/// let picture = Resize::new(64, Interpolation::Bilinear)?.apply(RgbImage::new(128, 256), &mut Rng::new(0));
/// assert_eq!(picture.dimensions(), (64, 128));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Resize {
    short_side: u32,
    interpolation: Interpolation,
}

impl Resize {
    /// A short side of `short_side` pixels.
    ///
    /// # Errors
    /// `short_side` outside 1..=[`MAX_SIZE`](crate::MAX_SIZE).
    pub fn new(short_side: u32, interpolation: Interpolation) -> Result<Self, AugmentError> {
        check_size("short_side", short_side)?;
        Ok(Self { short_side, interpolation })
    }
}

impl Transform for Resize {
    fn apply(&self, image: RgbImage, _: &mut Rng) -> RgbImage {
        resize_short_side(image, self.short_side, self.interpolation)
    }
}

/// Scales to a fixed size and ignores the proportions, as [`resize`] does; draws nothing.
///
/// # Examples
/// ```
/// use taper_augment::{Interpolation, ResizeTo, RgbImage, Rng, Transform};
/// # fn main() -> Result<(), taper_augment::AugmentError> {
/// let picture = ResizeTo::new(64, 48, Interpolation::Bilinear)?.apply(RgbImage::new(9, 9), &mut Rng::new(0));
/// assert_eq!(picture.dimensions(), (64, 48));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ResizeTo {
    width: u32,
    height: u32,
    interpolation: Interpolation,
}

impl ResizeTo {
    /// A picture of `width` x `height` pixels.
    ///
    /// # Errors
    /// `width` or `height` outside 1..=[`MAX_SIZE`](crate::MAX_SIZE).
    pub fn new(width: u32, height: u32, interpolation: Interpolation) -> Result<Self, AugmentError> {
        check_size("width", width)?;
        check_size("height", height)?;
        Ok(Self { width, height, interpolation })
    }
}

impl Transform for ResizeTo {
    fn apply(&self, image: RgbImage, _: &mut Rng) -> RgbImage {
        resize(image, self.width, self.height, self.interpolation)
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
        assert_eq!(resize(pair.clone(), 1, 1, Interpolation::Bilinear)[(0, 0)], Rgb([50; 3]));
        let four = resize(pair, 4, 1, Interpolation::Bilinear);
        let values: Vec<u8> = four.pixels().map(|p| p[0]).collect();
        assert_eq!(values, [0, 25, 75, 100]);
    }

    #[test]
    fn the_long_side_is_rounded_down_and_cut_where_extreme() {
        let size = |w, h| resize_short_side(RgbImage::new(w, h), 224, Interpolation::Bilinear).dimensions();
        assert_eq!(size(500, 375), (298, 224));
        assert_eq!(size(375, 500), (224, 298));
        assert_eq!(size(8000, 13), (224 * 16, 224));
        assert_eq!(size(1, 9000), (224, 224 * 16));
        assert_eq!(size(0, 9), (224, 224));
    }

    #[test]
    fn the_middle_of_a_line_is_that_of_the_whole_line() {
        let line = noise(200, 4);
        let whole = center_crop(resize(line.clone(), 400, 8, Interpolation::Bilinear), 16, 8);
        let cut = center_crop(resize_short_side(line, 8, Interpolation::Bilinear), 16, 8);
        assert_eq!(whole, cut);
    }

    #[test]
    fn nothing_outside_the_rectangle_is_mixed_in() {
        let (picture, rect) = (noise(40, 30), Rect { left: 7, top: 5, width: 20, height: 11 });
        for interpolation in [Interpolation::Bilinear, Interpolation::Bicubic] {
            let part = resize(crop(&picture, rect), 13, 29, interpolation);
            assert_eq!(resized_crop(&picture, rect, 13, 29, interpolation), part);
        }
        assert_eq!(resized_crop(&picture, rect, 20, 11, Interpolation::Bilinear), crop(&picture, rect));
    }
}
