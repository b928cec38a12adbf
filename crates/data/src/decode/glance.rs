//! What a picture file says of itself, without decoding it.

use std::path::Path;

use image::{ImageFormat, guess_format};

use super::{decode_bytes, jpeg, png};
use crate::error::DataError;

/// The width and height of the picture in a file, as they lie there.
///
/// Of a JPEG and of a PNG the header is read, and it is seen whether they have their end; what
/// lies between is not. Files of other formats, and a PNG without an end, are decoded.
///
/// # Errors
/// When the file is seen to be no picture, cut off, of a kind that is not read, or too large, as
/// [`decode_bytes`] has it. A file that is damaged between its ends passes here and fails there.
pub(crate) fn glance(content: &[u8], path: &Path) -> Result<(u32, u32), DataError> {
    match guess_format(content) {
        Ok(ImageFormat::Jpeg) => jpeg::glance(content, path),
        Ok(ImageFormat::Png) if png::has_end(content) => png::glance(content, path),
        _ => decode_bytes(content, path).map(|picture| picture.dimensions()),
    }
}
