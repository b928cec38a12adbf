//! What a picture file says of itself, without decoding it.

use std::path::Path;

use image::{ImageFormat, guess_format};
use sha2::{Digest, Sha256};

use super::{decode_bytes, jpeg, png, read_bytes};
use crate::dataset::Known;
use crate::error::DataError;

/// What can be known of the picture in a file without decoding it, where the format allows that.
pub(crate) fn glance_file(path: &Path) -> Result<Known, DataError> {
    glance_bytes(&read_bytes(path)?, path)
}

/// [`glance_file`] of the content of one.
pub(crate) fn glance_bytes(content: &[u8], path: &Path) -> Result<Known, DataError> {
    let size = match glance(content, path)? {
        Some(size) => size,
        None => decode_bytes(content, path)?.dimensions(),
    };
    Ok(Known { size, content: Sha256::digest(content).into() })
}

/// The width and height of the picture in a file, as they lie there, of a JPEG and a PNG: the
/// header is read, and it is seen whether they have their end; what lies between is not. None of a
/// file of another format, and of a PNG without an end: these have to be decoded.
///
/// # Errors
/// When the file is seen to be cut off, of a kind that is not read, or too large, as decoding has
/// it. A file that is damaged between its ends passes here and fails there.
fn glance(content: &[u8], path: &Path) -> Result<Option<(u32, u32)>, DataError> {
    match guess_format(content) {
        Ok(ImageFormat::Jpeg) => jpeg::glance(content, path).map(Some),
        Ok(ImageFormat::Png) if png::has_end(content) => png::glance(content, path).map(Some),
        _ => Ok(None),
    }
}
