//! A small data set: a disk and a square, side by side.

use std::path::Path;

use taper_caption::data::grammar::{Thing, captions};
use taper_caption::data::karpathy::{KarpathyFile, KarpathyImage, KarpathySentence};
use taper_data::RgbImage;
use taper_tensor::Rng;
use taper_trainer::files;

/// A picture of one or two things, and what they are.
fn scene(rng: &mut Rng) -> (RgbImage, Vec<Thing>) {
    let mut picture = RgbImage::from_pixel(48, 48, image::Rgb([230; 3]));
    let both = [("disk", [200, 20, 30]), ("square", [20, 40, 200])];
    let (first, count) = (rng.below(2), 1 + rng.below(2));
    let mut things = Vec::new();
    for place in 0..count {
        let (name, color) = both[(first + place) % 2];
        let (x, y) = (12 + 24 * place as i32, 14 + rng.below(20) as i32);
        for (u, v, pixel) in picture.enumerate_pixels_mut() {
            let (a, b) = (u as i32 - x, v as i32 - y);
            let inside = if name == "disk" { a * a + b * b < 81 } else { a.abs() < 8 && b.abs() < 8 };
            if inside {
                pixel.0 = color;
            }
        }
        let (x, y) = (x as f32, y as f32);
        things.push(Thing { name: name.to_owned(), edges: [x - 8.0, y - 8.0, x + 8.0, y + 8.0] });
    }
    (picture, things)
}

/// Writes so many pictures to train and to validate on, with captions.json.
pub(crate) fn captioned(folder: &Path, train: usize, val: usize) {
    let mut file = KarpathyFile::default();
    for (split, count) in [("train", train), ("val", val)] {
        for number in 0..count {
            let mut rng = Rng::new(3).fork(split).at(number as u64);
            let (picture, things) = scene(&mut rng);
            let filename = format!("{split}{number}.png");
            files::write(&folder.join(&filename), &files::png(&picture).unwrap()).unwrap();
            let sentence = |raw| KarpathySentence { raw, ..KarpathySentence::default() };
            let sentences = captions(&things, 4, &mut rng).into_iter().map(sentence).collect();
            let split = split.to_owned();
            file.images.push(KarpathyImage { filename, split, sentences, ..KarpathyImage::default() });
        }
    }
    std::fs::write(folder.join("captions.json"), serde_json::to_vec(&file).unwrap()).unwrap();
}
