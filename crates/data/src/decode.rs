//! A picture file, by its content, as eight bits of red, green and blue.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};

use crate::error::DataError;

/// The most pixels a picture may have, width x height: 100 megapixels.
pub const MAX_PIXELS: u64 = 100_000_000;

/// The longest file that is read, bytes: 512 MB.
pub const MAX_BYTES: u64 = 1 << 29;

/// The endings of the files that count as pictures, in small letters.
pub const EXTENSIONS: [&str; 6] = ["png", "jpg", "jpeg", "webp", "gif", "bmp"];

/// Reads a picture: PNG, JPEG, WebP, GIF (the first picture of a film) or BMP, told by the content of the
/// file and not by its name.
///
/// Grey becomes equal red, green and blue, sixteen bits become eight, what is transparent shows white,
/// and a photograph that says which side is up (EXIF) is turned accordingly. Colour profiles are not
/// applied.
///
/// # Errors
/// When the file cannot be opened, is no picture, is damaged, is longer than [`MAX_BYTES`], or has no pixels or more than
/// [`MAX_PIXELS`]. The size is read before the pixels: a picture that is too large costs no memory.
///
/// # Examples
/// ```
/// let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/emoji");
/// let picture = taper_data::decode(format!("{root}/train/animal/badger.png"))?;
/// assert_eq!(picture.dimensions(), (64, 64));
/// # Ok::<(), taper_data::DataError>(())
/// ```
pub fn decode(path: impl AsRef<Path>) -> Result<RgbImage, DataError> {
    let path = path.as_ref();
    let open = |reason| DataError::Open { path: path.into(), reason };
    let file = File::open(path).map_err(open)?;
    let bytes = file.metadata().map_err(open)?.len();
    if bytes > MAX_BYTES {
        return Err(DataError::TooLong { path: path.into(), bytes });
    }
    let mut content = Vec::with_capacity(bytes as usize);
    file.take(MAX_BYTES).read_to_end(&mut content).map_err(open)?;
    decode_bytes(&content, path)
}

/// [`decode`] of the content of a file, which errors call `name`.
///
/// # Errors
/// As there.
pub fn decode_bytes(content: &[u8], name: impl AsRef<Path>) -> Result<RgbImage, DataError> {
    let path = name.as_ref();
    let open = |reason| DataError::Open { path: path.into(), reason };
    let damaged = |reason| DataError::Decode { path: path.into(), reason };
    // A reader made from the path would fall back on the ending where the content says nothing.
    let mut reader = ImageReader::new(Cursor::new(content)).with_guessed_format().map_err(open)?;
    if reader.format().is_none() {
        return Err(DataError::NotAPicture { path: path.into() });
    }
    // The decoder fills what is missing of a JPEG with grey and says nothing.
    if reader.format() == Some(ImageFormat::Jpeg) && !jpeg_ends(content) {
        return Err(DataError::CutOff { path: path.into() });
    }
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(16 * MAX_PIXELS); // twice RGBA of sixteen bits: room for a decoder's own buffers
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(DataError::TooLarge { path: path.into(), width, height });
    }
    if width == 0 || height == 0 {
        return Err(DataError::NoPixels { path: path.into() });
    }
    // What cannot be understood of how it was held leaves the picture as it lies.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    picture.apply_orientation(orientation);
    Ok(on_white(picture))
}

/// Whether the first scan of a JPEG is followed by an end marker (FF D9) anywhere. The segments before
/// the scan are stepped over by their lengths: a thumbnail in them has an end marker of its own.
fn jpeg_ends(bytes: &[u8]) -> bool {
    let mut at = 2;
    while let Some(&[marker, kind, high, low]) = bytes.get(at..at + 4) {
        at += match (marker, kind) {
            (0xff, 0xda) => return bytes[at..].windows(2).rev().any(|pair| pair == [0xff, 0xd9]),
            (0xff, 0xff) => 1,
            (0xff, _) => 2 + usize::from(u16::from_be_bytes([high, low])),
            _ => 1,
        };
    }
    false
}

/// Composites on white: x = (alpha c + (255 - alpha) 255) / 255, rounded.
fn on_white(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let rgba = picture.into_rgba8();
    let mut rgb = RgbImage::new(rgba.width(), rgba.height());
    for (to, from) in rgb.pixels_mut().zip(rgba.pixels()) {
        let [colors @ .., alpha] = from.0;
        let alpha = u32::from(alpha);
        to.0 = colors.map(|c| ((alpha * u32::from(c) + (255 - alpha) * 255 + 127) / 255) as u8);
    }
    rgb
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::emoji;
    use image::{ExtendedColorType, ImageBuffer, ImageEncoder, Luma, Rgb, Rgba};

    #[test]
    fn every_format_is_read_by_content_whatever_the_name() {
        let folder = tempfile::tempdir().unwrap();
        let picture = RgbImage::from_fn(16, 8, |x, _| Rgb([(x * 16) as u8, 40, 200]));
        for (format, error) in [
            (ImageFormat::Png, 0),
            (ImageFormat::Bmp, 0),
            (ImageFormat::WebP, 0),
            (ImageFormat::Gif, 12),
            (ImageFormat::Jpeg, 24),
        ] {
            let path = folder.path().join("picture.gif");
            picture.save_with_format(&path, format).unwrap();
            let read = decode(&path).unwrap();
            assert_eq!(read.dimensions(), (16, 8));
            let worst = picture.iter().zip(read.iter()).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(worst <= Some(error), "{format:?} differs by {worst:?} of 255");
        }
    }

    #[test]
    fn alpha_shows_white_and_sixteen_bits_and_grey_are_converted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        let mut clear = ImageBuffer::from_pixel(3, 1, Rgba([10u8, 20, 30, 255]));
        clear.put_pixel(1, 0, Rgba([10, 20, 30, 0]));
        clear.put_pixel(2, 0, Rgba([0, 100, 255, 128]));
        clear.save(&path).unwrap();
        // 127 of 255 of white and 128 of 255 of the colour: 127, 127 + 50.2, 255.
        let wanted = [10, 20, 30, 255, 255, 255, 127, 177, 255];
        assert_eq!(decode(&path).unwrap().into_raw(), wanted);

        let grey = ImageBuffer::from_pixel(1, 1, Luma([0x8080u16]));
        grey.save(&path).unwrap();
        assert_eq!(decode(&path).unwrap().into_raw(), [128, 128, 128]);
        let deep = ImageBuffer::from_pixel(1, 1, Rgba([0xffffu16, 0, 0x8080, 0xffff]));
        deep.save(&path).unwrap();
        assert_eq!(decode(&path).unwrap().into_raw(), [255, 0, 128]);
    }

    #[test]
    fn a_photograph_is_turned_the_way_it_was_held() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("held.png");
        // TIFF header, little endian; one entry: 0x0112 (orientation), SHORT, 1 value, 6 = turn right.
        let exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
        let mut encoder = image::codecs::png::PngEncoder::new(File::create(&path).unwrap());
        encoder.set_exif_metadata(exif.to_vec()).unwrap();
        encoder.write_image(&[1, 1, 1, 2, 2, 2], 2, 1, ExtendedColorType::Rgb8).unwrap();
        let picture = decode(&path).unwrap();
        assert_eq!(picture.dimensions(), (1, 2));
        assert_eq!(picture.into_raw(), [1, 1, 1, 2, 2, 2]);
    }

    #[test]
    fn broken_files_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let whole = std::fs::read(emoji().join("train/animal/badger.png")).unwrap();
        let path = folder.path().join("cut.png");
        std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        let cut = decode(&path).unwrap_err();
        assert!(matches!(cut, DataError::Decode { .. }), "{cut}");
        assert!(cut.to_string().contains("cut.png"), "{cut}");

        for content in [&b"this is a letter, not a picture"[..], b""] {
            let path = folder.path().join("letter.png");
            std::fs::write(&path, content).unwrap();
            let letter = decode(&path).unwrap_err();
            assert!(
                matches!(letter, DataError::NotAPicture { .. }) && letter.to_string().contains("letter.png"),
                "{letter}"
            );
        }
        let missing = decode(folder.path().join("none.png")).unwrap_err();
        assert!(matches!(missing, DataError::Open { .. }), "{missing}");
    }

    #[test]
    fn a_picture_cut_off_anywhere_is_noticed_in_every_format() {
        let folder = tempfile::tempdir().unwrap();
        let picture = RgbImage::from_fn(64, 48, |x, y| Rgb([(x * 7) as u8, (x * y) as u8, y as u8]));
        for ending in ["png", "jpg", "webp", "gif", "bmp"] {
            let path = folder.path().join(format!("cut.{ending}"));
            picture.save(&path).unwrap();
            let whole = std::fs::read(&path).unwrap();
            for percent in [1, 10, 50, 90] {
                std::fs::write(&path, &whole[..whole.len() * percent / 100]).unwrap();
                let error = decode(&path).unwrap_err().to_string();
                assert!(error.contains("cut."), "{percent} % of {ending}: {error}");
            }
        }
    }

    #[test]
    fn the_end_of_a_thumbnail_is_not_the_end_of_a_jpeg() {
        let thumbnail = [0xff, 0xd8, 0xff, 0xe1, 0, 4, 0xff, 0xd9];
        let scan = [0xff, 0xda, 0, 2, 0x12, 0xff, 0, 0x34];
        let cut = [&thumbnail[..], &scan].concat();
        assert!(!jpeg_ends(&cut) && !jpeg_ends(&thumbnail) && !jpeg_ends(&[]));
        // Cameras append what they like.
        assert!(jpeg_ends(&[&cut[..], &[0xff, 0xd9], b"motion"].concat()));
    }

    #[test]
    fn a_picture_too_large_is_refused_before_its_pixels_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wall.bmp");
        RgbImage::new(1, 1).save(&path).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[18..22].copy_from_slice(&20_000u32.to_le_bytes());
        bytes[22..26].copy_from_slice(&20_000u32.to_le_bytes());
        std::fs::write(&path, bytes).unwrap();
        let error = decode(&path).unwrap_err().to_string();
        assert!(error.contains("20000 x 20000") && error.contains("100000000"), "{error}");
    }
}
