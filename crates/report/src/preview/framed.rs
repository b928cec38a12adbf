//! A picture with boxes drawn into it, each with its name.

use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};
use plotters::style::RGBColor;

use super::sheet::SheetError;
use crate::draw::{Letters, picture, png};

/// What is in a box.
#[derive(Clone, Debug, PartialEq)]
pub struct Framed {
    /// What is written at its upper edge.
    pub name: String,
    /// The number of its class, which decides its color.
    pub class: usize,
    /// Left, upper, right and lower edge, pixels from the upper left corner of the picture.
    pub edges: [f32; 4],
}

/// A picture whose longer side is shorter is enlarged, by whole pixels, until it is not: letters
/// have to be read beside what they name.
const LEGIBLE: u32 = 480;
/// Height of a name and its margin, and width of a letter of it, pixels of the SVG, which the PNG
/// has twice of.
const HEIGHT: f64 = 11.0;
const MARGIN: f64 = 3.0;
const LETTER: f64 = 6.2;

/// The color of a class: far from those of the classes beside it.
fn color(class: usize) -> [u8; 3] {
    // The hue goes on by the golden ratio, so that few classes are far apart and none come twice.
    let hue = (class as f64 * 0.618_033_988_749_895).fract() * 6.0;
    [5.0, 3.0, 1.0].map(|shift: f64| {
        let k = (shift + hue) % 6.0;
        (255.0 * (1.0 - k.min(4.0 - k).clamp(0.0, 1.0))) as u8
    })
}

/// The picture with the edges of boxes in the colors of their classes, and their names; the first
/// box lies above the others.
///
/// # Errors
/// When a name cannot be drawn.
///
/// # Examples
/// ```
/// use image::RgbImage;
/// use taper_report::preview::{Framed, framed};
/// let found = [Framed { name: "apple 98 %".into(), class: 0, edges: [10.0, 20.0, 50.0, 60.0] }];
/// assert_eq!(framed(&RgbImage::new(96, 64), &found)?.dimensions(), (480, 320));
/// # Ok::<(), taper_report::preview::SheetError>(())
/// ```
pub fn framed(image: &RgbImage, boxes: &[Framed]) -> Result<RgbImage, SheetError> {
    let (width, height) = image.dimensions();
    let scale = LEGIBLE.div_ceil(width.max(height).max(1));
    let mut drawn = match scale {
        1 => image.clone(),
        _ => imageops::resize(image, width * scale, height * scale, FilterType::Nearest),
    };
    let wide = i64::from((drawn.width().min(drawn.height()) / 150).max(2));
    for Framed { name, class, edges } in boxes.iter().rev() {
        let [left, upper, right, lower] = edges.map(|edge| (edge * scale as f32).round() as i64);
        let color = color(*class);
        let mut fill = |[left, upper, right, lower]: [i64; 4]| fill(&mut drawn, [left, upper, right, lower], color);
        fill([left, upper, right, upper + wide]);
        fill([left, lower - wide, right, lower]);
        fill([left, upper, left + wide, lower]);
        fill([right - wide, upper, right, lower]);
        let tag = tag(name, color)?;
        // Above the box where there is room, else within it; and always within the picture.
        let tall = i64::from(tag.height());
        let y = if upper >= tall { upper - tall } else { upper.max(0) };
        let x = left.min(i64::from(drawn.width()) - i64::from(tag.width())).max(0);
        imageops::replace(&mut drawn, &tag, x, y);
    }
    Ok(drawn)
}

fn fill(picture: &mut RgbImage, [left, upper, right, lower]: [i64; 4], color: [u8; 3]) {
    let (width, height) = (i64::from(picture.width()), i64::from(picture.height()));
    for y in upper.max(0)..lower.min(height) {
        for x in left.max(0)..right.min(width) {
            picture.put_pixel(x as u32, y as u32, Rgb(color));
        }
    }
}

/// A name on the color of its class, black or white, whichever is read better.
fn tag(name: &str, color: [u8; 3]) -> Result<RgbImage, SheetError> {
    let [red, green, blue] = color.map(f64::from);
    let light = 0.299 * red + 0.587 * green + 0.114 * blue > 140.0;
    let ink = if light { RGBColor(0, 0, 0) } else { RGBColor(255, 255, 255) };
    let size = [2.0 * MARGIN + LETTER * name.chars().count() as f64, HEIGHT + MARGIN];
    let [width, height] = size.map(f64::round);
    let svg = picture([width, height], |canvas| {
        canvas.fill(
            &[[0.0, 0.0], [width, 0.0], [width, height], [0.0, height]],
            RGBColor(color[0], color[1], color[2]),
        )?;
        canvas.text(name, [MARGIN, height / 2.0], Letters { color: ink, size: 10.0, ..Letters::SMALL })
    })?;
    let drawn = image::load_from_memory(&png(&svg)?).map_err(|source| SheetError::Drawing { source })?;
    Ok(drawn.into_rgb8())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apple(class: usize, edges: [f32; 4]) -> Framed {
        Framed { name: "apple".into(), class, edges }
    }

    #[test]
    fn a_box_has_its_edges_its_name_and_nothing_inside() {
        let found = framed(&RgbImage::new(480, 400), &[apple(1, [50.0, 100.0, 300.0, 350.0])]).unwrap();
        assert_eq!(found.dimensions(), (480, 400));
        let at = |x, y| found.get_pixel(x, y).0;
        assert_eq!([at(200, 100), at(50, 200), at(299, 200), at(200, 349)], [color(1); 4]);
        assert_eq!([at(200, 200), at(300, 200), at(49, 200)], [[0; 3]; 3]);
        // The name stands above, on the color of its class.
        assert_eq!(at(52, 80), color(1));
        assert!((50..130).any(|x| (73..100).any(|y| ![color(1), [0; 3]].contains(&at(x, y)))));
        assert_ne!(color(0), color(1));
    }

    #[test]
    fn small_pictures_are_enlarged_and_boxes_beyond_the_edge_are_cut() {
        let picture = RgbImage::from_pixel(100, 50, Rgb([9; 3]));
        let found =
            framed(&picture, &[apple(0, [-20.0, -5.0, 300.0, 20.0]), apple(2, [95.0, 40.0, 99.0, 49.0])]).unwrap();
        assert_eq!(found.dimensions(), (500, 250));
        assert_eq!(found.get_pixel(250, 99).0, color(0));
        assert_eq!(framed(&picture, &[]).unwrap().get_pixel(499, 249).0, [9; 3]);
    }
}
