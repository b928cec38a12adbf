//! Contact sheets: rows of small pictures with a name beside each.

use anyhow::{Context, Result};
use image::{RgbImage, imageops};

use crate::draw::{Letters, TEXT, picture, png};

/// Some pictures, and what is written beside them.
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

/// The rows below each other on white, every picture scaled into a square of `side` pixels, under a heading.
///
/// # Errors
/// When the text cannot be drawn.
pub fn sheet(heading: &[String], rows: &[Row], side: u32) -> Result<RgbImage> {
    let columns = rows.iter().map(|row| row.pictures.len()).max().unwrap_or(0) as u32;
    let width = LABEL + columns * (side + GAP) + GAP;
    let top = if heading.is_empty() { GAP } else { (2.0 * LINE) as u32 * (heading.len() as u32 + 1) };
    let height = top + rows.len() as u32 * (side + GAP);
    let mut sheet = RgbImage::from_pixel(width, height, image::Rgb([255; 3]));
    place(&mut sheet, &text(heading, width, top)?, (0, 0));
    for (row, y) in rows.iter().zip((0..).map(|row| top + row * (side + GAP))) {
        place(&mut sheet, &text(&row.label, LABEL, side)?, (0, y));
        for (picture, x) in row.pictures.iter().zip((0..).map(|column| LABEL + column * (side + GAP))) {
            place(&mut sheet, &fitted(picture, side), (x, y));
        }
    }
    Ok(sheet)
}

fn place(sheet: &mut RgbImage, picture: &RgbImage, (x, y): (u32, u32)) {
    imageops::replace(sheet, picture, i64::from(x), i64::from(y));
}

/// As large as fits into a square, with whole pixels where it is much smaller.
fn fitted(picture: &RgbImage, side: u32) -> RgbImage {
    let longest = picture.width().max(picture.height()).max(1);
    let scaled = |length: u32| (u64::from(length) * u64::from(side) / u64::from(longest)).max(1) as u32;
    let filter = if 3 * longest < side { imageops::FilterType::Nearest } else { imageops::FilterType::Triangle };
    imageops::resize(picture, scaled(picture.width()), scaled(picture.height()), filter)
}

/// Lines of text on white.
fn text(lines: &[String], width: u32, height: u32) -> Result<RgbImage> {
    let size = [f64::from(width) / 2.0, f64::from(height) / 2.0];
    let svg = picture(size, |canvas| {
        let letters = Letters { colour: TEXT, ..Letters::SMALL };
        lines.iter().zip(1..).try_for_each(|(line, row)| canvas.text(line, [6.0, LINE * f64::from(row)], letters))
    })?;
    Ok(image::load_from_memory(&png(&svg)?).context("a drawing is no picture")?.into_rgb8())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_picture_has_its_place_beside_its_name() {
        let colour = |r, g, b| RgbImage::from_pixel(20, 10, image::Rgb([r, g, b]));
        let row = |label: &str, pictures| Row { label: vec![label.to_owned()], pictures };
        let rows = [row("a", vec![colour(255, 0, 0), colour(0, 255, 0)]), row("b", vec![colour(0, 0, 255)])];
        let sheet = sheet(&[], &rows, 40).unwrap();
        assert_eq!(sheet.dimensions(), (LABEL + 2 * 46 + 6, 6 + 2 * 46));
        let at = |column: u32, row: u32| sheet[(LABEL + column * 46 + 20, 6 + row * 46 + 10)].0;
        assert_eq!([at(0, 0), at(1, 0), at(0, 1), at(1, 1)], [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255; 3]]);
        let dark = |row: u32| (0..40).flat_map(move |y| (0..LABEL).map(move |x| (x, 6 + row * 46 + y)));
        assert!((0..2).all(|row| dark(row).any(|place| sheet[place].0[0] < 0x80)));
    }
}
