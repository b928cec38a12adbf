//! A picture file, by its content, as eight bits of red, green and blue.
//!
//! In reading order: [`need`] says how many pixels are wanted; [`raw`] is what every decoder gives
//! and holds its limits, and has the decoders of `image`; [`png`], [`tiff`] and [`jpeg`] are those
//! formats of which more is asked. Here the content of a file decides between them, and what comes
//! out is turned, laid on white and shrunk. [`glance`] decodes nothing where it can.

mod need;
mod raw;

mod jpeg;
mod png;
mod tiff;

mod glance;

use std::io::Read;
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, ImageFormat, RgbImage, guess_format};

use crate::error::DataError;
use crate::file::open_file;
use crate::guard::hushed;
use crate::limits::MAX_BYTES;
pub(crate) use glance::{glance_bytes, glance_file};
pub use need::Need;
use raw::{Raw, with_image};

/// Reads a picture: JPEG, PNG, WebP, GIF (the first frame of an animation), BMP, TIFF (the first
/// page), ICO (the largest), QOI or PNM, told by the content of the file and not by its name.
///
/// Gray becomes equal red, green and blue, sixteen bits become eight, what is transparent shows
/// white, and a photograph that says which side is up (EXIF) is turned accordingly. Color profiles
/// and texts are not read.
///
/// # Errors
/// When the path is that of a folder, a pipe or a device, or the file cannot be opened, is no
/// picture, is damaged, of a kind that is not read, is longer than [`MAX_BYTES`], or has no pixels
/// or more than [`MAX_PIXELS`](crate::MAX_PIXELS). The size is read before the pixels: a picture
/// that is too large costs no memory. A decoder that panics is an error too, and nothing is
/// printed.
///
/// # Examples
/// ```
/// let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pictures");
/// let picture = taper_data::decode(format!("{root}/train/animal/badger.png"))?;
/// assert_eq!(picture.dimensions(), (64, 64));
/// # Ok::<(), taper_data::DataError>(())
/// ```
pub fn decode(path: impl AsRef<Path>) -> Result<RgbImage, DataError> {
    decode_needed(path, Need::All)
}

/// [`decode`] with no more pixels than are needed: a JPEG is decoded at a half, a quarter or an
/// eighth of its size where that is at least three times of what is needed; the rest of the way,
/// and any other picture, is shrunk by [`Need::of`].
///
/// # Errors
/// As there.
///
/// # Examples
/// ```
/// use taper_data::{Need, decode_needed};
/// let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pictures");
/// let picture = decode_needed(format!("{root}/train/animal/badger.png"), Need::ShortSide(32))?;
/// assert_eq!(picture.dimensions(), (32, 32));
/// # Ok::<(), taper_data::DataError>(())
/// ```
pub fn decode_needed(path: impl AsRef<Path>, need: Need) -> Result<RgbImage, DataError> {
    let path = path.as_ref();
    decode_bytes_needed(&read_bytes(path)?, path, need)
}

/// The content of a file that may be a picture.
pub(crate) fn read_bytes(path: &Path) -> Result<Vec<u8>, DataError> {
    let failed = |reason| DataError::Open { path: path.into(), reason };
    let (file, bytes) = open_file(path, failed)?;
    if bytes > MAX_BYTES {
        return Err(DataError::TooLong { path: path.into(), bytes });
    }
    let mut content = Vec::with_capacity(bytes as usize);
    file.take(MAX_BYTES).read_to_end(&mut content).map_err(failed)?;
    Ok(content)
}

/// [`decode`] of the content of a file, which errors call `name`.
///
/// # Errors
/// As there.
pub fn decode_bytes(content: &[u8], name: impl AsRef<Path>) -> Result<RgbImage, DataError> {
    decode_bytes_needed(content, name, Need::All)
}

/// [`decode_needed`] of the content of a file, which errors call `name`.
///
/// # Errors
/// As there.
pub fn decode_bytes_needed(content: &[u8], name: impl AsRef<Path>, need: Need) -> Result<RgbImage, DataError> {
    let path = name.as_ref();
    let read = || -> Result<RgbImage, DataError> {
        if let Some(kind) = foreign(content) {
            return Err(DataError::Foreign { path: path.into(), kind });
        }
        let mut whole = None;
        let Raw { mut picture, orientation } = match guess_format(content) {
            Err(_) => return Err(DataError::NotAPicture { path: path.into() }),
            Ok(ImageFormat::Jpeg) => {
                whole = Some(jpeg::glance(content, path)?);
                jpeg::decode(content, path, need)?
            }
            Ok(ImageFormat::Png) => png::decode(content, path)?,
            Ok(ImageFormat::Ico) => png::icon(content, path)?,
            Ok(ImageFormat::Tiff) => tiff::decode(content, path)?,
            Ok(format) => with_image(content, format, path)?,
        };
        picture.apply_orientation(orientation);
        let picture = on_white(picture);
        let whole = match whole {
            Some((width, height)) if on_its_side(orientation) => (height, width),
            whole => whole.unwrap_or(picture.dimensions()),
        };
        Ok(need.shrunk(picture, whole))
    };
    hushed(read).unwrap_or_else(|message| {
        let reason = format!("the decoder panicked ({message})").into();
        Err(DataError::Decode { path: path.into(), reason })
    })
}

/// Whether a picture is as wide, turned as it was held, as it is high in its file.
fn on_its_side(orientation: Orientation) -> bool {
    use Orientation as O;
    matches!(orientation, O::Rotate90 | O::Rotate270 | O::Rotate90FlipH | O::Rotate270FlipH)
}

/// The kind of a picture that nothing here reads, by how it begins.
///
/// ```text
/// length, ftyp, brand, version    4 bytes each; the length is that of all of this
/// brands                          4 bytes each: others that it is compatible with
/// ```
fn foreign(content: &[u8]) -> Option<&'static str> {
    let brand = content.get(4..12)?.strip_prefix(b"ftyp")?;
    let length = u32::from_be_bytes(*content.first_chunk()?) as usize;
    let others = content.get(16..length).unwrap_or_default().as_chunks::<4>().0;
    match brand {
        b"avif" | b"avis" => Some("AVIF"),
        b"mif1" | b"msf1" if others.iter().any(|brand| matches!(brand, b"avif" | b"avis")) => Some("AVIF"),
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1" => Some("HEIC"),
        _ => None,
    }
}

/// A channel on white: x = (alpha c + (255 - alpha) 255) / 255, rounded.
pub(crate) fn over_white(channel: u8, alpha: u8) -> u8 {
    let alpha = u32::from(alpha);
    ((alpha * u32::from(channel) + (255 - alpha) * 255 + 127) / 255) as u8
}

/// Composites on white.
fn on_white(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let rgba = picture.into_rgba8();
    let mut rgb = RgbImage::new(rgba.width(), rgba.height());
    for (to, from) in rgb.pixels_mut().zip(rgba.pixels()) {
        let [colors @ .., alpha] = from.0;
        to.0 = colors.map(|c| over_white(c, alpha));
    }
    rgb
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::pictures;
    use image::{ExtendedColorType, ImageBuffer, ImageEncoder, Luma, Rgb, Rgba};
    use std::fs::File;

    #[test]
    fn every_format_is_read_by_content_whatever_the_name() {
        let folder = tempfile::tempdir().unwrap();
        let picture = RgbImage::from_fn(16, 8, |x, _| Rgb([(x * 16) as u8, 40, 200]));
        for (format, error) in [
            (ImageFormat::Png, 0),
            (ImageFormat::Bmp, 0),
            (ImageFormat::Tiff, 0),
            (ImageFormat::Ico, 0),
            (ImageFormat::Qoi, 0),
            (ImageFormat::Pnm, 0),
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
    fn alpha_shows_white_and_sixteen_bits_and_gray_are_converted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        let mut clear = ImageBuffer::from_pixel(3, 1, Rgba([10u8, 20, 30, 255]));
        clear.put_pixel(1, 0, Rgba([10, 20, 30, 0]));
        clear.put_pixel(2, 0, Rgba([0, 100, 255, 128]));
        clear.save(&path).unwrap();
        // 127 of 255 of white and 128 of 255 of the color: 127, 127 + 50.2, 255.
        let wanted = [10, 20, 30, 255, 255, 255, 127, 177, 255];
        assert_eq!(decode(&path).unwrap().into_raw(), wanted);

        let gray = ImageBuffer::from_pixel(1, 1, Luma([0x8080u16]));
        gray.save(&path).unwrap();
        assert_eq!(decode(&path).unwrap().into_raw(), [128, 128, 128]);
        let deep = ImageBuffer::from_pixel(1, 1, Rgba([0xffffu16, 0, 0x8080, 0xffff]));
        deep.save(&path).unwrap();
        assert_eq!(decode(&path).unwrap().into_raw(), [255, 0, 128]);
    }

    #[test]
    fn a_photograph_is_turned_the_way_it_was_held() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("held.png");
        // TIFF header, little endian; one entry: 0x0112 (orientation), SHORT, 1 value, 6 = turn
        // right.
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
        let whole = std::fs::read(pictures().join("train/animal/badger.png")).unwrap();
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
        #[cfg(unix)]
        let no_files = [folder.path(), Path::new("/dev/zero")];
        #[cfg(not(unix))]
        let no_files = [folder.path()];
        for path in no_files {
            let error = decode(path).unwrap_err();
            assert!(matches!(error, DataError::NotAFile { .. }), "{error}");
        }
        let missing = decode(folder.path().join("none.png")).unwrap_err();
        assert!(matches!(missing, DataError::Open { .. }), "{missing}");
    }

    #[test]
    fn a_picture_cut_off_anywhere_is_noticed_in_every_format() {
        let folder = tempfile::tempdir().unwrap();
        let picture = RgbImage::from_fn(64, 48, |x, y| Rgb([(x * 7) as u8, (x * y) as u8, y as u8]));
        for ending in ["png", "jpg", "webp", "gif", "bmp", "tif", "ico", "qoi", "ppm"] {
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
