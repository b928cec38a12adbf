//! PNG, without what lies in it besides pixels and orientation.
//!
//! Color profiles and texts are compressed: a few kilobytes of them can unpack to gigabytes.
//! Neither is wanted, so neither is unpacked. An icon that is a PNG is read the same way.

use std::io::Cursor;
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, ImageBuffer, ImageFormat};
use png::{BitDepth, ColorType, Decoder, DecodingError, Limits, Transformations};

use super::raw::{MAX_ALLOC, Raw, fits, with_image};
use crate::error::DataError;

/// What a PNG begins with.
const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// The last chunk of a PNG: its length of 0, its name, its checksum.
const END: [u8; 12] = *b"\0\0\0\0IEND\xaeB`\x82";

/// Whether the bytes of a PNG have its last chunk.
pub(crate) fn has_end(content: &[u8]) -> bool {
    content.windows(END.len()).rev().any(|bytes| bytes == END)
}

/// The width and height in the header of a PNG.
pub(crate) fn glance(content: &[u8], path: &Path) -> Result<(u32, u32), DataError> {
    let damaged = |reason: DecodingError| DataError::Decode { path: path.into(), reason: reason.into() };
    let mut decoder = Decoder::new_with_limits(Cursor::new(content), Limits { bytes: MAX_ALLOC });
    let (width, height) = decoder.read_header_info().map_err(damaged)?.size();
    fits(path, width, height).map(|()| (width, height))
}

/// The picture in the bytes of a PNG.
pub(crate) fn decode(content: &[u8], path: &Path) -> Result<Raw, DataError> {
    let damaged = |reason: DecodingError| DataError::Decode { path: path.into(), reason: reason.into() };
    let mut decoder = Decoder::new_with_limits(Cursor::new(content), Limits { bytes: MAX_ALLOC });
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.set_transformations(Transformations::EXPAND);
    let (width, height) = decoder.read_header_info().map_err(damaged)?.size();
    fits(path, width, height)?;
    let mut reader = decoder.read_info().map_err(damaged)?;
    let mut bytes = vec![0; reader.output_buffer_size().unwrap_or(0)];
    reader.next_frame(&mut bytes).map_err(damaged)?;
    let exif = reader.info().exif_metadata.as_deref();
    let orientation = exif.and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms);
    let (color, depth) = reader.output_color_type();
    let picture = if depth == BitDepth::Sixteen {
        let deep = bytes.as_chunks().0.iter().map(|&pair| u16::from_be_bytes(pair)).collect();
        match color {
            ColorType::Grayscale => ImageBuffer::from_raw(width, height, deep).map(DynamicImage::ImageLuma16),
            ColorType::GrayscaleAlpha => ImageBuffer::from_raw(width, height, deep).map(DynamicImage::ImageLumaA16),
            ColorType::Rgb => ImageBuffer::from_raw(width, height, deep).map(DynamicImage::ImageRgb16),
            ColorType::Rgba => ImageBuffer::from_raw(width, height, deep).map(DynamicImage::ImageRgba16),
            ColorType::Indexed => None,
        }
    } else {
        match color {
            ColorType::Grayscale => ImageBuffer::from_raw(width, height, bytes).map(DynamicImage::ImageLuma8),
            ColorType::GrayscaleAlpha => ImageBuffer::from_raw(width, height, bytes).map(DynamicImage::ImageLumaA8),
            ColorType::Rgb => ImageBuffer::from_raw(width, height, bytes).map(DynamicImage::ImageRgb8),
            ColorType::Rgba => ImageBuffer::from_raw(width, height, bytes).map(DynamicImage::ImageRgba8),
            ColorType::Indexed => None,
        }
    };
    let unexpected = || DataError::Decode { path: path.into(), reason: format!("{color:?} was not expanded").into() };
    Ok(Raw { picture: picture.ok_or_else(unexpected)?, orientation })
}

/// The largest picture in the bytes of an icon; of several, the deepest.
///
/// ```text
/// 0, 1, count               a little-endian 16-bit number each
/// entries                   16 bytes each: width and height (0 is 256), ..., bits a pixel at 6,
///                           length at 8, place at 12
/// ```
pub(crate) fn icon(content: &[u8], path: &Path) -> Result<Raw, DataError> {
    let damaged = |reason: &str| DataError::Decode { path: path.into(), reason: reason.into() };
    let count = content.get(4..6).map_or(0, |two| usize::from(u16::from_le_bytes([two[0], two[1]])));
    let entries = content.get(6..).unwrap_or_default().as_chunks::<16>().0.iter().take(count);
    let side = |byte: u8| if byte == 0 { 256 } else { u32::from(byte) };
    let score = |entry: &&[u8; 16]| (side(entry[0]) * side(entry[1]), u16::from_le_bytes([entry[6], entry[7]]));
    let entry = entries.max_by_key(score).ok_or_else(|| damaged("an icon without pictures"))?;
    let number = |at: usize| u32::from_le_bytes([entry[at], entry[at + 1], entry[at + 2], entry[at + 3]]);
    let (length, place) = (number(8) as usize, number(12) as usize);
    let inner = content.get(place..).and_then(|rest| rest.get(..length));
    let inner = inner.ok_or_else(|| damaged("the icon ends before its picture does"))?;
    if inner.starts_with(&SIGNATURE) {
        return decode(inner, path);
    }
    // An icon of this picture alone: what else lies in the file may not be chosen in its place.
    let mut entry = *entry;
    entry[12..].copy_from_slice(&22u32.to_le_bytes());
    with_image(&[&[0, 0, 1, 0, 1, 0], &entry[..], inner].concat(), ImageFormat::Ico, path)
}
