//! JPEG, by the decoder that reads it as libjpeg does.
//!
//! Of the two decoders neither is right everywhere, which `tests/jpeg` holds against libjpeg over a
//! grid of samplings, scans and codings. `zune-jpeg` is fast and reads what nearly all files are;
//! of components that lie in scans of their own, or where the first is not the one with the most
//! samples, it makes other pictures, or it panics. `jpeg-decoder` reads these, except for
//! components in scans of their own that have some of the samples of the finest, neither all nor
//! one for many. It alone can leave out the high frequencies of each block, which makes a picture
//! of a half, a quarter or an eighth of the size: what takes the time of a large photograph is the
//! reading of its codes then, about half of decoding it whole. `tests/reduced` holds that to what
//! libjpeg makes of it.

mod header;
mod kind;

use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, ImageFormat, RgbImage};
use jpeg_decoder::{Decoder, PixelFormat};

use super::need::Need;
use super::raw::{Raw, fits, with_image};
use crate::error::DataError;
use crate::guard::hushed;
use header::Header;

/// The most scans that are read of a file; progressive ones have about ten. Each scan passes over
/// all pixels.
const MAX_SCANS: usize = 100;

/// The picture in the bytes of a JPEG, at half, a quarter or an eighth of its size where that is
/// enough.
pub(crate) fn decode(content: &[u8], path: &Path, need: Need) -> Result<Raw, DataError> {
    let header = checked(content, path)?;
    // At an eighth a block of a coarser component is one number, and the detail that libjpeg takes
    // from it would be lost; a quarter takes no longer.
    let least = if header.is_coarse() { 2 } else { 1 };
    let eighths = need.eighths(u32::from(header.size.0), u32::from(header.size.1)).max(least);
    if !header.usual() {
        return by_jpeg_decoder(content, &header, path, eighths);
    }
    // What it refuses of a damaged file the other may read: then that is the picture.
    let scaled = (eighths < 8).then(|| hushed(|| by_jpeg_decoder(content, &header, path, eighths)));
    match scaled {
        Some(Ok(Ok(raw))) => Ok(raw),
        _ => with_image(content, ImageFormat::Jpeg, path),
    }
}

/// The width and height in the header of a JPEG.
pub(crate) fn glance(content: &[u8], path: &Path) -> Result<(u32, u32), DataError> {
    checked(content, path).map(|header| (u32::from(header.size.0), u32::from(header.size.1)))
}

/// The header of a JPEG that has its end and that a decoder reads.
fn checked(content: &[u8], path: &Path) -> Result<Header, DataError> {
    // The decoders fill what is missing with gray and say nothing.
    let cut_off = || DataError::CutOff { path: path.into() };
    let header = Header::read(content).ok_or_else(cut_off)?;
    if !content[header.scan_at..].windows(2).rev().any(|pair| pair == [0xff, 0xd9]) {
        return Err(cut_off());
    }
    if header.size.0 > 0 && header.size.1 == 0 {
        let feature = "a JPEG whose height follows its pixels (DNL)".into();
        return Err(DataError::Unsupported { path: path.into(), feature });
    }
    fits(path, u32::from(header.size.0), u32::from(header.size.1))?;
    match header.unsupported() {
        Some(feature) => Err(DataError::Unsupported { path: path.into(), feature }),
        None => Ok(header),
    }
}

/// The picture by `jpeg-decoder`, at so many eighths of its size: 1, 2, 4 or 8.
fn by_jpeg_decoder(content: &[u8], header: &Header, path: &Path, eighths: u32) -> Result<Raw, DataError> {
    let unsupported = |feature: String| DataError::Unsupported { path: path.into(), feature };
    let scans = content[header.scan_at..].windows(2).filter(|pair| pair == &[0xff, 0xda]).count();
    if scans > MAX_SCANS {
        return Err(unsupported(format!("a JPEG of {scans} scans, more than {MAX_SCANS}")));
    }
    let mut decoder = Decoder::new(content);
    decoder.set_color_transform(header.transform());
    let damaged = |reason| DataError::Decode { path: path.into(), reason };
    decoder.read_info().map_err(|reason| damaged(reason.into()))?;
    let info = decoder.info();
    // What was checked is the size in our header: the decoder must have read the same.
    if info.is_none_or(|info| (info.width, info.height) != header.size) {
        return Err(damaged("it has another size by another reading of its markers".into()));
    }
    let side = |pixels: u16| (u32::from(pixels) * eighths).div_ceil(8) as u16;
    let size = decoder.scale(side(header.size.0), side(header.size.1)).map_err(|reason| damaged(reason.into()))?;
    let pixels = decoder.decode().map_err(|reason| damaged(reason.into()))?;
    let format = info.map(|info| info.pixel_format);
    let (width, height) = (u32::from(size.0), u32::from(size.1));
    let picture = match format {
        Some(PixelFormat::L8) => GrayImage::from_raw(width, height, pixels).map(DynamicImage::from),
        Some(PixelFormat::RGB24) => RgbImage::from_raw(width, height, pixels).map(DynamicImage::from),
        Some(PixelFormat::CMYK32) => RgbImage::from_raw(width, height, cmyk_to_rgb(&pixels)).map(DynamicImage::from),
        _ => None,
    };
    let picture = picture.ok_or_else(|| damaged("the size of the pixels is not that of the header".into()))?;
    let orientation = decoder.exif_data().and_then(Orientation::from_exif_chunk);
    Ok(Raw { picture, orientation: orientation.unwrap_or(Orientation::NoTransforms) })
}

/// Red, green and blue of CMYK: what is left of white by each ink and by black.
fn cmyk_to_rgb(inks: &[u8]) -> Vec<u8> {
    let left = |ink: u8| 255 - u32::from(ink);
    let light = |&[cyan, magenta, yellow, black]: &[u8; 4]| {
        [cyan, magenta, yellow].map(|ink| ((left(ink) * left(black) + 127) / 255) as u8)
    };
    inks.as_chunks::<4>().0.iter().flat_map(light).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_markers_of_a_thumbnail_are_not_those_of_the_picture() {
        let thumbnail = [0xff, 0xd8, 0xff, 0xe1, 0, 6, 0xff, 0xd9, 0xff, 0xda];
        assert!(Header::read(&thumbnail).is_none() && Header::read(&[]).is_none());
        let scan = [0xff, 0xda, 0, 3, 1, 0x12, 0xff, 0, 0x34];
        let cut = [&thumbnail[..], &scan].concat();
        assert_eq!(Header::read(&cut).map(|header| (header.scan_at, header.first_scan)), Some((10, 1)));
        let said = decode(&cut, Path::new("cut.jpg"), Need::All).err().map(|error| error.to_string());
        assert!(said.is_some_and(|said| said.contains("cut.jpg is cut off")));
    }
}
