//! A picture read at places that any function gives.

use image::RgbImage;

use super::sampling::Sampling;
use super::source::Source;

/// The picture read at the place that `source` gives for each pixel, within its size. Places are
/// counted from the corner, a pixel's middle half a pixel in.
pub(super) fn warp(image: &RgbImage, sampling: Sampling, source: impl Fn(f64, f64) -> (f64, f64)) -> RgbImage {
    let (width, height) = image.dimensions();
    let pixels = Source::new(image, sampling);
    let (right, lower) = (f64::from(width) - 0.51, f64::from(height) - 0.51);
    RgbImage::from_fn(width, height, |column, row| {
        let (x, y) = source(f64::from(column) + 0.5, f64::from(row) + 0.5);
        // Beyond any picture it is the border, and of what is no number too.
        let (x, y) = (if x.abs() < 1e6 { x } else { -1e6 }, if y.abs() < 1e6 { y } else { -1e6 });
        image::Rgb(if pixels.is_bilinear() && x > 0.51 && y > 0.51 && x < right && y < lower {
            pixels.inside(x as f32, y as f32)
        } else {
            pixels.at(x as f32, y as f32)
        })
    })
}
