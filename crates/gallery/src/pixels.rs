//! Pictures of pixels: PNG files, and boxes drawn into them.

use image::{ExtendedColorType, ImageEncoder, Rgb, RgbImage, codecs::png::PngEncoder};
use taper_report::preview::{Row, Sheet};
use taper_tensor::Rng;

use crate::error::GalleryError;
use crate::setting::Setting;
use crate::shapes::{self, Look};

/// A picture as a PNG file.
pub(crate) fn png(picture: &RgbImage) -> Result<Vec<u8>, GalleryError> {
    let mut bytes = Vec::new();
    let encoder = PngEncoder::new(&mut bytes);
    encoder.write_image(picture.as_raw(), picture.width(), picture.height(), ExtendedColorType::Rgb8)?;
    Ok(bytes)
}

/// Rows of pictures with names beside them, as a PNG file.
pub(crate) fn sheet(rows: &[Row], columns: usize, side: u32) -> Result<Vec<u8>, GalleryError> {
    let mut sheet = Sheet::new(&[], (rows.len(), columns), side)?;
    for row in rows {
        sheet.add(row)?;
    }
    png(&sheet.picture()?)
}

/// Pictures side by side, so many in a row, as a PNG file: each as wide as given.
pub(crate) fn strip(pictures: &[RgbImage], columns: u32, width: u32) -> Result<Vec<u8>, GalleryError> {
    const GAP: u32 = 6;
    let scaled: Vec<RgbImage> = pictures
        .iter()
        .map(|picture| {
            let height = (width * picture.height()).div_ceil(picture.width().max(1)).max(1);
            image::imageops::resize(picture, width, height, image::imageops::FilterType::Triangle)
        })
        .collect();
    let height = scaled.iter().map(RgbImage::height).max().unwrap_or(1);
    let rows = (pictures.len() as u32).div_ceil(columns).max(1);
    let mut all = RgbImage::from_pixel(columns * (width + GAP) - GAP, rows * (height + GAP) - GAP, Rgb([255; 3]));
    for (index, picture) in (0u32..).zip(&scaled) {
        let place = [index % columns * (width + GAP), index / columns * (height + GAP)];
        image::imageops::replace(&mut all, picture, place[0].into(), place[1].into());
    }
    png(&all)
}

/// The frame of a rectangle, `width` pixels inward.
pub(crate) fn frame(picture: &mut RgbImage, [left, top, right, bottom]: [u32; 4], color: [u8; 3], width: u32) {
    for y in top..bottom.min(picture.height()) {
        for x in left..right.min(picture.width()) {
            let inward = (x - left).min(right - 1 - x).min(y - top).min(bottom - 1 - y);
            if inward < width {
                picture.put_pixel(x, y, Rgb(color));
            }
        }
    }
}

/// A large picture to look at: shapes of many colors before a slope of two others.
pub(crate) fn scene(setting: &Setting, width: u32, height: u32) -> RgbImage {
    let mut rng = Rng::new(setting.seed).fork("scene");
    let color = |rng: &mut Rng| [0; 3].map(|_| rng.uniform(30.0, 235.0));
    let (a, b) = (color(&mut rng), color(&mut rng));
    let mut picture = RgbImage::from_fn(width, height, |x, y| {
        let share = (f64::from(x) / f64::from(width) + f64::from(y) / f64::from(height)) / 2.0;
        Rgb([0, 1, 2].map(|i| (a[i] * (1.0 - share) + b[i] * share) as u8))
    });
    for class in 0..shapes::CLASSES.len() {
        let mut rng = rng.at(class as u64);
        let side = (f64::from(height) * rng.uniform(0.25, 0.5)) as u32;
        let look = Look { side, noise: 6.0, turn: 0.6, ..Look::default() };
        let small = shapes::picture(class, look, &mut rng);
        let (x, y) = (rng.below((width - side) as usize), rng.below((height - side) as usize));
        image::imageops::replace(&mut picture, &small, x as i64, y as i64);
    }
    picture
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strip_has_a_place_for_each() {
        let bytes = strip(&[RgbImage::new(4, 2), RgbImage::new(2, 2), RgbImage::new(4, 4)], 2, 8).unwrap();
        let whole = image::load_from_memory(&bytes).unwrap();
        assert_eq!((whole.width(), whole.height()), (2 * 8 + 6, 2 * 8 + 6));
    }

    #[test]
    fn a_frame_is_drawn_inward_and_cut_off_at_the_edge() {
        let mut picture = RgbImage::new(6, 6);
        frame(&mut picture, [1, 1, 5, 9], [9; 3], 1);
        let on = picture.pixels().filter(|pixel| pixel.0 == [9; 3]).count();
        // Upper edge of 4, two sides of 4 more rows each; the lower edge lies outside.
        assert_eq!(on, 4 + 2 * 4);
        assert!(png(&picture).unwrap().starts_with(b"\x89PNG"));
    }
}
