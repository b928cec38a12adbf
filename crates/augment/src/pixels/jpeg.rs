//! What a JPEG of low quality does.

use image::RgbImage;
use image::codecs::jpeg::{JpegDecoder, JpegEncoder};
use taper_tensor::Rng;

use crate::check::check_range;
use crate::error::AugmentError;
use crate::transform::Transform;

/// The picture as a JPEG of `quality`, 1 to 100, decoded again; as it is where it cannot be one (a
/// side of 0, or beyond 65535).
pub fn jpeg_artifacts(image: RgbImage, quality: u8) -> RgbImage {
    let coded = || {
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, quality.clamp(1, 100)).encode_image(&image).ok()?;
        let decoded = image::DynamicImage::from_decoder(JpegDecoder::new(std::io::Cursor::new(bytes)).ok()?).ok()?;
        Some(decoded.into_rgb8()).filter(|decoded| decoded.dimensions() == image.dimensions())
    };
    coded().unwrap_or(image)
}

/// [`jpeg_artifacts`] of a random quality.
#[derive(Clone, Debug, PartialEq)]
pub struct JpegArtifacts {
    quality: (u8, u8),
}

impl JpegArtifacts {
    /// A quality from `quality.0` to `quality.1`, both possible.
    ///
    /// # Errors
    /// `quality` reversed or outside 1..=100.
    pub fn new(quality: (u8, u8)) -> Result<Self, AugmentError> {
        let ends = (f64::from(quality.0), f64::from(quality.1));
        check_range("quality", ends, "1 <= low <= high <= 100", |q| (1.0..=100.0).contains(&q))?;
        Ok(Self { quality })
    }
}

impl Transform for JpegArtifacts {
    fn apply(&self, image: RgbImage, rng: &mut Rng) -> RgbImage {
        let (low, high) = self.quality;
        jpeg_artifacts(image, low + rng.below(usize::from(high - low) + 1) as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_low_quality_costs_more() {
        let picture = RgbImage::from_fn(32, 24, |x, y| image::Rgb([(x * 7) as u8, (y * 9) as u8, (x * y) as u8]));
        let cost = |quality| -> u32 {
            let coded = jpeg_artifacts(picture.clone(), quality);
            coded.iter().zip(picture.iter()).map(|(a, b)| u32::from(a.abs_diff(*b))).sum()
        };
        assert!(0 < cost(95) && 2 * cost(95) < cost(10));
        assert_eq!(jpeg_artifacts(RgbImage::new(0, 3), 50).dimensions(), (0, 3));
    }
}
