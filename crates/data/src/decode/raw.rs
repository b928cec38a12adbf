//! What every decoder gives, and the decoders of `image`.

use std::io::Cursor;
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use crate::error::DataError;
use crate::limits::MAX_PIXELS;

/// A picture as it lies in its file.
pub(crate) struct Raw {
    pub(crate) picture: DynamicImage,
    /// Which side is up.
    pub(crate) orientation: Orientation,
}

/// What a decoder may allocate for itself, bytes: for each pixel twice RGBA of sixteen bits, and a
/// few megabytes for what does not grow with the pixels.
const fn allocation(pixels: u64) -> u64 {
    16 * pixels + (4 << 20)
}

/// The same for the largest picture.
pub(crate) const MAX_ALLOC: usize = allocation(MAX_PIXELS) as usize;

/// A picture by the decoder that `image` has for its format.
pub(crate) fn with_image(content: &[u8], format: ImageFormat, path: &Path) -> Result<Raw, DataError> {
    let failed = |reason: ImageError| match reason {
        ImageError::Unsupported(reason) => {
            DataError::Unsupported { path: path.into(), feature: format!("of a rare kind ({reason})") }
        }
        reason => DataError::Decode { path: path.into(), reason: reason.into() },
    };
    let mut reader = ImageReader::with_format(Cursor::new(content), format);
    let limits = |bytes| {
        let mut limits = Limits::no_limits();
        limits.max_alloc = Some(bytes);
        limits
    };
    reader.limits(limits(allocation(MAX_PIXELS)));
    let mut decoder = reader.into_decoder().map_err(failed)?;
    let (width, height) = decoder.dimensions();
    fits(path, width, height)?;
    decoder.set_limits(limits(allocation(u64::from(width) * u64::from(height)))).map_err(failed)?;
    // What cannot be understood of how it was held leaves the picture as it lies.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    Ok(Raw { picture: DynamicImage::from_decoder(decoder).map_err(failed)?, orientation })
}

/// Whether a picture may have so many pixels.
pub(crate) fn fits(path: &Path, width: u32, height: u32) -> Result<(), DataError> {
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(DataError::TooLarge { path: path.into(), width, height });
    }
    if width == 0 || height == 0 {
        return Err(DataError::NoPixels { path: path.into() });
    }
    Ok(())
}
