//! TIFF, with the colors of a palette, which `image` leaves out.

use std::path::Path;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

use super::raw::{Raw, with_image};
use crate::error::DataError;

/// The picture in the bytes of a TIFF.
pub(crate) fn decode(content: &[u8], path: &Path) -> Result<Raw, DataError> {
    let Some(Palette { kind_at, colors }) = Palette::of(content) else {
        return with_image(content, ImageFormat::Tiff, path);
    };
    // The numbers of the colors are read as gray: of the kind 3, in either order of bytes, 1 is
    // left.
    let mut gray = content.to_vec();
    gray[kind_at..kind_at + 2].iter_mut().for_each(|byte| *byte &= 1);
    let Raw { picture, orientation } = with_image(&gray, ImageFormat::Tiff, path)?;
    let DynamicImage::ImageLuma8(numbers) = picture else {
        let feature = "a TIFF with a palette and more than a number of 8 bits for each pixel".into();
        return Err(DataError::Unsupported { path: path.into(), feature });
    };
    let color = |number: u8| Rgb([0, COLORS, 2 * COLORS].map(|channel| colors[channel + usize::from(number)]));
    let picture = RgbImage::from_fn(numbers.width(), numbers.height(), |x, y| color(numbers.get_pixel(x, y).0[0]));
    Ok(Raw { picture: picture.into(), orientation })
}

/// How many colors a palette has for numbers of 8 bits.
const COLORS: usize = 256;

/// The palette of a TIFF.
///
/// ```text
/// II*\0 or MM\0*    the byte order, little-endian or big-endian
/// place             32 bits, of the list of tags of the first page
/// count, tags       16 bits, and 12 bytes each: number and type (16 bits each), count, and place of
///                   the values (32 bits each); a value alone lies in its place
/// ```
struct Palette {
    /// Where the photometric interpretation lies, 16 bits: 3, for indices into a palette.
    kind_at: usize,
    /// All reds, then all greens, then all blues.
    colors: Vec<u8>,
}

impl Palette {
    /// That of the first page; none where it has no palette of 256 colors.
    fn of(content: &[u8]) -> Option<Self> {
        let little = content.starts_with(b"II");
        let short = |at: usize| -> Option<u16> {
            let two = *content.get(at..)?.first_chunk()?;
            Some(if little { u16::from_le_bytes(two) } else { u16::from_be_bytes(two) })
        };
        let long = |at: usize| -> Option<usize> {
            let four = *content.get(at..)?.first_chunk()?;
            Some(if little { u32::from_le_bytes(four) } else { u32::from_be_bytes(four) } as usize)
        };
        let list = long(4)?;
        let tags = (0..usize::from(short(list)?)).map(|number| list + 2 + 12 * number);
        // Of 16-bit values, which are the type 3.
        let values_of = |tag: u16, count: usize| {
            let mut tags = tags.clone();
            let tag = tags.find(|&at| (short(at), short(at + 2), long(at + 4)) == (Some(tag), Some(3), Some(count)));
            tag.map(|at| at + 8)
        };
        let kind_at = values_of(262, 1).filter(|&at| short(at) == Some(3))?;
        let map_at = long(values_of(320, 3 * COLORS)?)?;
        let values = (0..3 * COLORS).map(|number| short(map_at + 2 * number));
        let colors = values.map(|value| value.map(|value| (value >> 8) as u8)).collect::<Option<_>>()?;
        Some(Self { kind_at, colors })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of two pixels, of the colors 1 and 255, in an order of bytes.
    fn written(little: bool) -> Vec<u8> {
        let short = |value: u16| if little { value.to_le_bytes() } else { value.to_be_bytes() };
        let long = |value: u32| if little { value.to_le_bytes() } else { value.to_be_bytes() };
        let value = |value: u16| [short(value), [0, 0]].concat();
        let one = |number: u16, of: u16| [&short(number)[..], &short(3), &long(1), &value(of)].concat();
        // The tags end at 8 + 2 + 10 * 12 + 4 = 134; there the two pixels lie, and then the colors.
        let tags = [
            [(256, 2), (257, 1), (258, 8), (259, 1), (262, 3), (273, 134), (277, 1), (278, 1), (279, 2)]
                .map(|(number, of)| one(number, of))
                .concat(),
            [&short(320)[..], &short(3), &long(768), &long(136)].concat(),
        ];
        let mut colors = [0u16; 768];
        (colors[1], colors[256 + 255], colors[512 + 255]) = (0x1234, 0x5678, 0xffff);
        let order: &[u8] = if little { b"II*\0" } else { b"MM\0*" };
        let colors = colors.map(short).concat();
        [order, &long(8), &short(10), &tags.concat(), &long(0), &[1, 255], &colors].concat()
    }

    #[test]
    fn numbers_become_the_colors_of_the_palette() {
        for little in [true, false] {
            let Raw { picture, .. } = decode(&written(little), Path::new("x.tif")).unwrap();
            assert_eq!(picture.into_rgb8().into_raw(), [0x12, 0, 0, 0, 0x56, 0xff]);
        }
    }

    #[test]
    fn a_palette_that_is_cut_off_is_an_error_with_the_name() {
        let whole = written(true);
        let error = decode(&whole[..whole.len() - 1], Path::new("x.tif")).err().unwrap();
        assert!(matches!(error, DataError::Unsupported { .. }) && error.to_string().contains("x.tif"), "{error}");
    }
}
