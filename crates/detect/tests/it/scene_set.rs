//! A small data set of scenes: two kinds of drawings.

use std::path::Path;

use image::Rgb;
use taper_data::RgbImage;
use taper_detect::data::scenes::{Cutout, SceneConfig, write};
use taper_tensor::Rng;

/// A red disk and a blue square, on white.
fn cutouts() -> (Vec<String>, Vec<Cutout>) {
    let draw = |inside: fn(i32, i32) -> bool, color| {
        RgbImage::from_fn(40, 40, |x, y| match inside(x as i32 - 20, y as i32 - 20) {
            true => Rgb(color),
            false => Rgb([255; 3]),
        })
    };
    let disk = draw(|x, y| x * x + y * y < 18 * 18, [200, 20, 30]);
    let square = draw(|x, y| x.abs() < 15 && y.abs() < 15, [20, 40, 200]);
    let all = [disk, square].into_iter().enumerate().map(|(class, picture)| Cutout { class, picture });
    (vec!["disk".to_owned(), "square".to_owned()], all.collect())
}

/// Writes so many pictures to train and to measure on.
pub(crate) fn scenes(folder: &Path, train: usize, val: usize) {
    let (classes, cutouts) = cutouts();
    let config = SceneConfig { sides: (64, 96), objects: (1, 3), sizes: (20, 48), ..SceneConfig::default() };
    for (side, count) in [("train", train), ("val", val)] {
        write(folder, (side, count), (&classes, &cutouts), &config, &Rng::new(0)).unwrap();
    }
}
