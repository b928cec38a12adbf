//! How many pixels of a picture are needed, and a picture with no more of them.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;

/// How many pixels of a picture are needed.
///
/// What comes of it is a function of the file and of this alone, so that a picture which was kept
/// is the picture that would be decoded again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// A short side of so many pixels. A picture whose short side is longer is shrunk to it, in
    /// proportion; a JPEG is decoded at a half, a quarter or an eighth of its size where that is at
    /// least three times of what is needed.
    ShortSide(u32),
    /// All.
    #[default]
    All,
}

/// A picture longer than so many times its short side is left as it is: pipelines take its middle.
const MAX_ASPECT: u32 = 16;

/// How many times what is needed a JPEG is decoded at, at least: what lies beyond is averaged by
/// the decoder in squares, and of coarser chromas in larger ones, which shows where little is left
/// to be averaged afterwards.
const GAP: u32 = 3;

impl Need {
    /// The size that a picture of `width` x `height` is shrunk to; none where it is left as it is.
    ///
    /// ```text
    /// long side = floor(short_side * long / short)
    /// ```
    pub fn size(self, width: u32, height: u32) -> Option<(u32, u32)> {
        let (Self::ShortSide(wanted), short) = (self, width.min(height)) else { return None };
        if wanted == 0 || short <= wanted || u64::from(width.max(height)) > u64::from(short) * u64::from(MAX_ASPECT) {
            return None;
        }
        let scaled = |side: u32| (u64::from(wanted) * u64::from(side) / u64::from(short)) as u32;
        Some((scaled(width), scaled(height)))
    }

    /// The eighths of its size that a JPEG of `width` x `height` is decoded at: 1, 2, 4 or 8.
    pub(super) fn eighths(self, width: u32, height: u32) -> u32 {
        let Some((w, h)) = self.size(width, height) else { return 8 };
        let enough = |k: &u32| (width.min(height) * k).div_ceil(8) >= GAP * w.min(h);
        [1, 2, 4].into_iter().find(enough).unwrap_or(8)
    }

    /// The picture with as many pixels as are needed: every output pixel is the mean, weighted by a
    /// triangle, of what it covers, first along the rows, then along the columns, as PIL's bilinear
    /// filter does.
    pub fn of(self, picture: RgbImage) -> RgbImage {
        let size = picture.dimensions();
        self.shrunk(picture, size)
    }

    /// [`of`](Self::of) a picture that may be a part of its whole size already, with as many pixels
    /// as are needed of that.
    pub(super) fn shrunk(self, picture: RgbImage, whole: (u32, u32)) -> RgbImage {
        let Some((w, h)) = self.size(whole.0, whole.1) else { return picture };
        let height = picture.height();
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
        let mut resizer = Resizer::new();
        let mut resized = |from: &RgbImage, w: u32, h: u32| {
            let mut to = RgbImage::new(w, h);
            // As pictures of this one kind of pixel: the face for any holds the code of all.
            let from = TypedImageRef::<U8x3>::from_buffer(from.width(), from.height(), from.as_raw()).ok()?;
            let mut into = TypedImage::from_buffer(w, h, &mut to).ok()?;
            resizer.resize_typed(&from, &mut into, &options).ok()?;
            Some(to)
        };
        let shrunk = resized(&picture, w, height).and_then(|wide| resized(&wide, w, h));
        // Not reached: both sizes have pixels.
        shrunk.unwrap_or(picture)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn a_jpeg_is_decoded_at_three_times_of_what_is_needed_at_least() {
        let eighths = |short| Need::ShortSide(short).eighths(4000, 3000);
        // 3000 / 8 = 375, / 4 = 750, / 2 = 1500.
        assert_eq!([100, 125, 126, 250, 251, 500, 501, 4000].map(eighths), [1, 1, 2, 2, 4, 4, 8, 8]);
        assert_eq!(Need::All.eighths(4000, 3000), 8);
        assert_eq!(Need::ShortSide(10).eighths(100_000, 1000), 8);
    }

    #[test]
    fn a_picture_is_shrunk_in_proportion_and_never_enlarged() {
        let size = |short, w, h| Need::ShortSide(short).of(RgbImage::new(w, h)).dimensions();
        assert_eq!(size(224, 500, 375), (298, 224));
        assert_eq!(size(224, 375, 500), (224, 298));
        assert_eq!(size(375, 500, 375), (500, 375));
        assert_eq!(size(9, 8, 8), (8, 8));
        assert_eq!(size(2, 8000, 13), (8000, 13));
        assert_eq!(size(4, 0, 9), (0, 9));
        let pair = RgbImage::from_fn(2, 2, |x, _| Rgb([x as u8 * 100; 3]));
        assert_eq!(Need::ShortSide(1).of(pair)[(0, 0)], Rgb([50; 3]));
    }
}
