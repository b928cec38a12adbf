//! JPEG, by the decoder that reads it as libjpeg does.
//!
//! Of the two decoders neither is right everywhere, which `tests/jpeg` holds against libjpeg over a grid of samplings, scans and codings.
//! `zune-jpeg` is fast and reads what nearly all files are; of components that lie in scans of their own, or where the first is not
//! the one with the most samples, it makes other pictures, or it panics. `jpeg-decoder` reads these, except for components in scans of
//! their own that have some of the samples of the finest, neither all nor one for many.

use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, ImageFormat, RgbImage};
use jpeg_decoder::{ColorTransform, Decoder, PixelFormat};

use crate::decode::{Raw, fits, with_image};
use crate::error::DataError;

/// The most scans that are read of a file; progressive ones have about ten. Each scan passes over all pixels.
const MAX_SCANS: usize = 100;

/// What a JPEG says of itself before its first scan, and how it begins that.
#[derive(Debug, Default)]
struct Header {
    /// The marker of the frame (`SOF`), which tells the coding.
    coding: u8,
    /// Bits of a sample.
    precision: u8,
    /// Width and height, pixels.
    size: (u16, u16),
    /// Of each component its name, and its samples across and down.
    components: Vec<(u8, [u8; 2])>,
    jfif: bool,
    /// The colour transform of Adobe's marker.
    adobe: Option<u8>,
    /// How many components the first scan has.
    first_scan: usize,
    /// Where the first scan begins.
    scan_at: usize,
}

/// The picture in the bytes of a JPEG.
pub(crate) fn decode(content: &[u8], path: &Path) -> Result<Raw, DataError> {
    // The decoders fill what is missing with grey and say nothing.
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
    if let Some(feature) = header.unsupported() {
        return Err(DataError::Unsupported { path: path.into(), feature });
    }
    if header.usual() { with_image(content, ImageFormat::Jpeg, path) } else { unusual(content, &header, path) }
}

/// The picture in a JPEG that is not [usual](Header::usual).
fn unusual(content: &[u8], header: &Header, path: &Path) -> Result<Raw, DataError> {
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
    let pixels = decoder.decode().map_err(|reason| damaged(reason.into()))?;
    let format = info.map(|info| info.pixel_format);
    let (width, height) = (u32::from(header.size.0), u32::from(header.size.1));
    let picture = match format {
        Some(PixelFormat::L8) => GrayImage::from_raw(width, height, pixels).map(DynamicImage::from),
        Some(PixelFormat::RGB24) => RgbImage::from_raw(width, height, pixels).map(DynamicImage::from),
        Some(PixelFormat::CMYK32) => RgbImage::from_raw(width, height, on_paper(&pixels)).map(DynamicImage::from),
        _ => None,
    };
    let picture = picture.ok_or_else(|| damaged("the size of the pixels is not that of the header".into()))?;
    let orientation = decoder.exif_data().and_then(Orientation::from_exif_chunk);
    Ok(Raw { picture, orientation: orientation.unwrap_or(Orientation::NoTransforms) })
}

/// Red, green and blue of four inks: what is left of white by the ink and by black.
fn on_paper(inks: &[u8]) -> Vec<u8> {
    let left = |ink: u8| 255 - u32::from(ink);
    let light = |&[cyan, magenta, yellow, black]: &[u8; 4]| {
        [cyan, magenta, yellow].map(|ink| ((left(ink) * left(black) + 127) / 255) as u8)
    };
    inks.as_chunks::<4>().0.iter().flat_map(light).collect()
}

impl Header {
    /// Steps over the segments before the first scan by their lengths: a thumbnail in them has markers of its own. `None` where the
    /// bytes end before a scan.
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut header = Self::default();
        let mut at = 2;
        loop {
            let [marker, kind, high, low] = *bytes.get(at..)?.first_chunk()?;
            if marker != 0xff || kind == 0xff {
                at += 1;
                continue;
            }
            // No marker, or one that has no length.
            if matches!(kind, 0x00 | 0x01 | 0xd0..=0xd7) {
                at += 2;
                continue;
            }
            let length = usize::from(u16::from_be_bytes([high, low]));
            let segment = bytes.get(at + 4..(at + 2 + length).max(at + 4))?;
            match kind {
                0xda => {
                    header.first_scan = usize::from(*segment.first()?);
                    header.scan_at = at;
                    return Some(header);
                }
                0xc0..=0xcf if !matches!(kind, 0xc4 | 0xc8 | 0xcc) => header.frame(kind, segment)?,
                0xe0 => header.jfif |= segment.starts_with(b"JFIF\0"),
                0xee if segment.starts_with(b"Adobe") => header.adobe = segment.get(11).copied(),
                _ => {}
            }
            at += 2 + length;
        }
    }

    fn frame(&mut self, coding: u8, segment: &[u8]) -> Option<()> {
        let (&[precision, y, y2, x, x2, count], components) = segment.split_first_chunk()?;
        self.coding = coding;
        self.precision = precision;
        self.size = (u16::from_be_bytes([x, x2]), u16::from_be_bytes([y, y2]));
        let components = components.get(..3 * usize::from(count))?.as_chunks::<3>().0;
        self.components = components.iter().map(|&[name, samples, _]| (name, [samples >> 4, samples & 15])).collect();
        Some(())
    }

    /// The most samples that a component has, across and down.
    fn most(&self) -> [u8; 2] {
        let most = |side: usize| self.components.iter().map(|(_, samples)| samples[side]).max().unwrap_or(0);
        [most(0), most(1)]
    }

    /// The kind of JPEG, where neither decoder reads it.
    fn unsupported(&self) -> Option<String> {
        let (most, count) = (self.most(), self.components.len());
        let coding = match self.coding {
            0xc0..=0xc2 => None,
            0xc3 => Some("a lossless JPEG"),
            0xc9..=0xcb => Some("a JPEG in arithmetic coding"),
            _ => Some("a hierarchical JPEG"),
        };
        if let Some(coding) = coding {
            return Some(coding.into());
        }
        if self.precision != 8 {
            return Some(format!("a JPEG of {} bits a sample", self.precision));
        }
        if !matches!(count, 1 | 3 | 4) {
            return Some(format!("a JPEG of {count} components"));
        }
        for (_, samples) in &self.components {
            let broken = (0..2).any(|side| samples[side] == 0 || !most[side].is_multiple_of(samples[side]));
            let some = (0..2).any(|side| samples[side] > 1 && samples[side] < most[side]);
            if broken || (some && self.in_several_scans()) {
                let samples = self.components.iter().map(|(_, [across, down])| format!("{across}x{down}"));
                return Some(format!("a JPEG sampled {}", samples.collect::<Vec<_>>().join(", ")));
            }
        }
        None
    }

    /// Whether there is a scan without some of the components.
    fn in_several_scans(&self) -> bool {
        self.coding == 0xc2 || self.first_scan != self.components.len()
    }

    /// Whether this is what nearly all files are: the first component has the most samples, others as many or one for many, and unless
    /// they come progressively all lie in one scan.
    fn usual(&self) -> bool {
        let most = self.most();
        let samples =
            |(number, (_, samples)): (usize, &(u8, [u8; 2]))| *samples == most || (number > 0 && *samples == [1, 1]);
        let in_order = self.coding == 0xc2 || self.first_scan == self.components.len();
        // zune-jpeg takes the names of components for what they are, whatever the markers say.
        let named = self.components.iter().map(|(name, _)| *name).eq(*b"RGB");
        let adobe_is_right = self.components.len() != 3 || !self.jfif || self.transform_by_adobe() == self.transform();
        most[0] != 3 && in_order && !named && adobe_is_right && self.components.iter().enumerate().all(samples)
    }

    /// What the components are, by the rules of libjpeg: JFIF knows one kind; where there is neither its marker nor Adobe's, names tell.
    fn transform(&self) -> ColorTransform {
        if self.jfif && self.components.len() == 3 { ColorTransform::YCbCr } else { self.transform_by_adobe() }
    }

    /// The same where JFIF is not asked, as decoders have it that think more of Adobe's marker.
    fn transform_by_adobe(&self) -> ColorTransform {
        let names = self.components.iter().map(|(name, _)| *name);
        match (self.components.len(), self.adobe) {
            (1, _) => ColorTransform::Grayscale,
            (3, Some(0)) => ColorTransform::RGB,
            (3, None) if names.eq(*b"RGB") => ColorTransform::RGB,
            (3, _) => ColorTransform::YCbCr,
            (_, None | Some(0)) => ColorTransform::CMYK,
            _ => ColorTransform::YCCK,
        }
    }
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
        let said = decode(&cut, Path::new("cut.jpg")).err().map(|error| error.to_string());
        assert!(said.is_some_and(|said| said.contains("cut.jpg is cut off")));
    }

    #[test]
    fn what_has_no_length_is_stepped_over() {
        let segments = [0xff, 0xd8, 0xff, 0x00, 0xff, 0x01, 0xff, 0xd0, 0xff, 0xff, 0xd7, 0xff, 0xda, 0, 3, 1];
        assert_eq!(Header::read(&segments).map(|header| header.scan_at), Some(11));
    }
}
