//! Boxes drawn into a picture.

use image::Rgb;
use taper_data::RgbImage;

use crate::boxes::BBox;
use crate::model::Detection;

/// The color of a class: far from those of the classes beside it.
pub fn color(class: usize) -> [u8; 3] {
    // The hue goes on by the golden ratio, so that few classes are far apart and none come twice.
    let hue = (class as f64 * 0.618_033_988_749_895).fract() * 6.0;
    [5.0, 3.0, 1.0].map(|shift: f64| {
        let k = (shift + hue) % 6.0;
        (255.0 * (1.0 - k.min(4.0 - k).clamp(0.0, 1.0))) as u8
    })
}

/// Draws the edges of boxes in the [color] of their classes, the best last; lines are as wide as a
/// hundredth of the picture's short side, and a pixel at least.
pub fn draw(picture: &mut RgbImage, found: &[Detection]) {
    let wide = (picture.width().min(picture.height()) / 100).max(1) as i64;
    for Detection { bbox, class, .. } in found.iter().rev() {
        frame(picture, bbox, wide, Rgb(color(*class)));
    }
}

fn frame(picture: &mut RgbImage, bbox: &BBox, wide: i64, color: Rgb<u8>) {
    let [x1, y1, x2, y2] = bbox.edges().map(|edge| edge.round() as i64);
    let (width, height) = (i64::from(picture.width()), i64::from(picture.height()));
    let mut fill = |left: i64, top: i64, right: i64, bottom: i64| {
        for y in top.max(0)..bottom.min(height) {
            for x in left.max(0)..right.min(width) {
                picture.put_pixel(x as u32, y as u32, color);
            }
        }
    };
    fill(x1, y1, x2, y1 + wide);
    fill(x1, y2 - wide, x2, y2);
    fill(x1, y1, x1 + wide, y2);
    fill(x2 - wide, y1, x2, y2);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_has_its_edges_and_nothing_inside() {
        let mut picture = RgbImage::new(20, 10);
        let found = Detection { bbox: BBox::new(-5.0, 2.0, 9.0, 8.0), class: 1, score: 0.9 };
        draw(&mut picture, &[found]);
        assert_eq!(picture.get_pixel(4, 2).0, color(1));
        assert_eq!(picture.get_pixel(8, 5).0, color(1));
        assert_eq!((picture.get_pixel(4, 5).0, picture.get_pixel(9, 5).0), ([0; 3], [0; 3]));
        assert_ne!(color(0), color(1));
    }
}
