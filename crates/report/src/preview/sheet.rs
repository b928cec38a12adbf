//! Contact sheets: rows of small pictures with a name beside each.

use image::{Rgb, RgbImage, imageops};

use crate::draw::{DrawError, Letters, TEXT, picture, png};

/// Some pictures, and what is written beside them.
#[derive(Clone, Debug)]
pub struct Row {
    /// Lines of text.
    pub label: Vec<String>,
    /// From left to right.
    pub pictures: Vec<RgbImage>,
}

/// Between two pictures, pixels.
const GAP: u32 = 6;
/// Width of the labels, in pixels of the sheet: twice those that they are drawn in.
const LABEL: u32 = 380;
const LINE: f64 = 15.0;
/// The most pixels that a sheet may have; each takes three bytes.
const MOST: u64 = 200_000_000;

/// A sheet that cannot be drawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SheetError {
    /// It has more pixels than there is room for.
    #[error(
        "a sheet of {rows} rows with {columns} pictures of {side}x{side} pixels has more than {} megapixels: \
         {fit} rows fit, or more with a smaller side",
        MOST / 1_000_000
    )]
    TooLarge {
        /// How many rows were wanted.
        rows: usize,
        /// Pictures in a row.
        columns: usize,
        /// Side of a picture, pixels.
        side: u32,
        /// How many rows would fit.
        fit: u64,
    },
    /// Its text cannot be drawn.
    #[error(transparent)]
    Text(#[from] DrawError),
    /// A drawing of its text cannot be read.
    #[error("a drawing is no picture")]
    Drawing {
        /// What the codec says.
        source: image::ImageError,
    },
    /// The number of pixels is not a whole number of rows.
    #[error("the sheet has no whole rows")]
    Rows,
}

/// Rows below each other on white, every picture scaled into a square of `side` pixels, under a
/// heading.
#[derive(Debug)]
pub struct Sheet {
    side: u32,
    width: u32,
    rows: usize,
    pixels: Vec<u8>,
}

impl Sheet {
    /// A sheet for at most so many rows and columns, with nothing on it but the heading.
    ///
    /// # Errors
    /// [`SheetError::TooLarge`]; when the text cannot be drawn.
    pub fn new(heading: &[String], (rows, columns): (usize, usize), side: u32) -> Result<Self, SheetError> {
        let cell = u64::from(side) + u64::from(GAP);
        let lines = heading.len() as u64 + 1;
        let width = cell.saturating_mul(columns as u64).saturating_add(u64::from(LABEL + GAP));
        let top = if heading.is_empty() { u64::from(GAP) } else { lines.saturating_mul((2.0 * LINE) as u64) };
        let fit = (MOST / width).saturating_sub(top) / cell;
        let size = (u32::try_from(width), u32::try_from(top));
        let (Ok(width), Ok(top), true) = (size.0, size.1, rows.max(1) as u64 <= fit) else {
            return Err(SheetError::TooLarge { rows, columns, side, fit });
        };
        let mut strip = white(width, top);
        place(&mut strip, &text(heading, width, top)?, 0);
        Ok(Self { side, width, rows: 0, pixels: strip.into_raw() })
    }

    /// Adds a row below the others.
    ///
    /// # Errors
    /// When the text cannot be drawn.
    pub fn add(&mut self, row: &Row) -> Result<(), SheetError> {
        let mut strip = white(self.width, self.side + GAP);
        place(&mut strip, &text(&row.label, LABEL, self.side)?, 0);
        for (picture, x) in row.pictures.iter().zip((LABEL..).step_by((self.side + GAP) as usize)) {
            place(&mut strip, &fitted(picture, self.side), x);
        }
        self.pixels.extend_from_slice(&strip);
        self.rows += 1;
        Ok(())
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The whole as a picture.
    ///
    /// # Errors
    /// Never: all strips are of one width.
    pub fn picture(self) -> Result<RgbImage, SheetError> {
        let height = u32::try_from(self.pixels.len() / 3 / self.width as usize).map_err(|_| SheetError::Rows)?;
        RgbImage::from_raw(self.width, height, self.pixels).ok_or(SheetError::Rows)
    }
}

fn white(width: u32, height: u32) -> RgbImage {
    RgbImage::from_pixel(width, height, Rgb([255; 3]))
}

fn place(strip: &mut RgbImage, picture: &RgbImage, x: u32) {
    imageops::replace(strip, picture, i64::from(x), 0);
}

/// As large as fits into a square, with whole pixels where it is much smaller.
fn fitted(picture: &RgbImage, side: u32) -> RgbImage {
    let longest = picture.width().max(picture.height()).max(1);
    let scaled = |length: u32| (u64::from(length) * u64::from(side) / u64::from(longest)).max(1) as u32;
    let filter = if 3 * longest < side { imageops::FilterType::Nearest } else { imageops::FilterType::Triangle };
    imageops::resize(picture, scaled(picture.width()), scaled(picture.height()), filter)
}

/// Lines of text on white.
fn text(lines: &[String], width: u32, height: u32) -> Result<RgbImage, SheetError> {
    let size = [f64::from(width) / 2.0, f64::from(height) / 2.0];
    let svg = picture(size, |canvas| {
        let letters = Letters { color: TEXT, ..Letters::SMALL };
        lines.iter().zip(1..).try_for_each(|(line, row)| canvas.text(line, [6.0, LINE * f64::from(row)], letters))
    })?;
    let drawn = image::load_from_memory(&png(&svg)?).map_err(|source| SheetError::Drawing { source })?;
    Ok(drawn.into_rgb8())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_picture_has_its_place_beside_its_name() {
        let color = |r, g, b| RgbImage::from_pixel(20, 10, Rgb([r, g, b]));
        let row = |label: &str, pictures| Row { label: vec![label.to_owned()], pictures };
        // One row fewer than there is room for.
        let mut sheet = Sheet::new(&[], (3, 2), 40).unwrap();
        sheet.add(&row("a", vec![color(255, 0, 0), color(0, 255, 0)])).unwrap();
        sheet.add(&row("b", vec![color(0, 0, 255)])).unwrap();
        assert_eq!(sheet.rows(), 2);
        let sheet = sheet.picture().unwrap();
        assert_eq!(sheet.dimensions(), (LABEL + 2 * 46 + 6, 6 + 2 * 46));
        let at = |column: u32, row: u32| sheet[(LABEL + column * 46 + 20, 6 + row * 46 + 10)].0;
        assert_eq!([at(0, 0), at(1, 0), at(0, 1), at(1, 1)], [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255; 3]]);
        let dark = |row: u32| (0..40).flat_map(move |y| (0..LABEL).map(move |x| (x, 6 + row * 46 + y)));
        assert!((0..2).all(|row| dark(row).any(|place| sheet[place].0[0] < 0x80)));
    }

    #[test]
    fn a_sheet_without_end_is_refused_with_what_fits() {
        let said = |rows, columns, side| Sheet::new(&[], (rows, columns), side).err().unwrap().to_string();
        let large = said(400, 3, 2048);
        assert!(large.contains("400 rows with 3 pictures of 2048x2048") && large.contains("14 rows fit"), "{large}");
        for (rows, columns, side) in [(usize::MAX, 3, 32), (1, usize::MAX, 32), (1, 3, u32::MAX), (1 << 20, 1, 4096)] {
            assert!(said(rows, columns, side).contains("rows fit"));
        }
        // The largest that augment makes.
        assert!(Sheet::new(&[], (50, 51), 150).is_ok());
    }
}
