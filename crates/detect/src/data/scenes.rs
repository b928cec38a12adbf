//! Pictures composed of cut out ones, whose boxes are known exactly.
//!
//! For trying a detector, and for tests: small drawings on white, each of a class, are put in many
//! sizes on backgrounds of two colors and some disks, a few over another. By the seed they are
//! always the same.

use std::path::Path;

use image::Rgb;
use taper_augment::{Interpolation, resize};
use taper_data::{RgbImage, decode};
use taper_tensor::Rng;
use taper_trainer::files;

use super::coco::{CocoAnnotation, CocoCategory, CocoFile, CocoImage};
use super::error::AnnotationError;
use super::files::pictures;
use super::set::Object;
use crate::boxes::BBox;

/// The darkest color of the ground that drawings lie on.
const WHITE: u8 = 245;

/// A drawing on white.
#[derive(Clone, Debug)]
pub struct Cutout {
    /// The number of its class.
    pub class: usize,
    /// The drawing.
    pub picture: RgbImage,
}

/// How scenes are composed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SceneConfig {
    /// The least and the most of a picture's sides, pixels. Default 160 and 224.
    pub sides: (u32, u32),
    /// The least and the most drawings on one. Default 1 and 6.
    pub objects: (usize, usize),
    /// The least and the most of a drawing's side, pixels. Default 24 and 112.
    pub sizes: (u32, u32),
    /// The most that two boxes may overlap, IoU. Default 0.3.
    pub overlap: f32,
    /// How many different drawings there are on one at most; 0 for any number. Default 0.
    pub kinds: usize,
}

impl Default for SceneConfig {
    fn default() -> Self {
        Self { sides: (160, 224), objects: (1, 6), sizes: (24, 112), overlap: 0.3, kinds: 0 }
    }
}

/// The drawings of a folder with a folder for each class, and the names of the classes.
///
/// # Errors
/// When a folder cannot be listed, or a picture not be read.
pub fn cutouts(folder: &Path) -> Result<(Vec<String>, Vec<Cutout>), AnnotationError> {
    let failed = |source| AnnotationError::List { path: folder.into(), source };
    let entries = std::fs::read_dir(folder).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    let mut folders: Vec<_> = entries.into_iter().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    let name = |path: &std::path::PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut all = Vec::new();
    for (class, folder) in folders.iter().enumerate() {
        for path in pictures(folder)? {
            all.push(Cutout { class, picture: decode(&path)? });
        }
    }
    Ok((folders.iter().map(name).collect(), all))
}

/// A picture of some of these drawings, and their boxes: the pixels that each covers, whatever
/// covers it.
pub fn compose(cutouts: &[Cutout], config: &SceneConfig, rng: &mut Rng) -> (RgbImage, Vec<Object>) {
    let between = |rng: &mut Rng, (least, most): (u32, u32)| least + rng.below((most - least + 1) as usize) as u32;
    let (width, height) = (between(rng, config.sides), between(rng, config.sides));
    let mut picture = background(width, height, rng);
    let mut objects: Vec<Object> = Vec::new();
    let drawn = |_| &cutouts[rng.below(cutouts.len())];
    let cutouts: Vec<&Cutout> = match config.kinds {
        kinds if kinds > 0 && !cutouts.is_empty() => (0..kinds).map(drawn).collect(),
        _ => cutouts.iter().collect(),
    };
    let wanted = config.objects.0 + rng.below(config.objects.1 - config.objects.0 + 1);
    // Where there is no room a drawing is left out.
    for _ in 0..wanted * 8 {
        if objects.len() == wanted || cutouts.is_empty() {
            break;
        }
        let cutout = cutouts[rng.below(cutouts.len())];
        let (least, most) = (f64::from(config.sizes.0), f64::from(config.sizes.1));
        let side = (rng.uniform(least.ln(), most.ln()).exp().round() as u32).min(width).min(height);
        let drawing = resize(cutout.picture.clone(), side, side, Interpolation::Bilinear);
        let mask = covered(&drawing);
        let (left, top) =
            (rng.below((width - side + 1) as usize) as u32, rng.below((height - side + 1) as usize) as u32);
        let Some(bbox) = around(&mask, side).map(|bbox| bbox.moved(left as f32, top as f32)) else { continue };
        if objects.iter().any(|other| other.bbox.iou(&bbox) > config.overlap) {
            continue;
        }
        for (pixel, (x, y, color)) in drawing.enumerate_pixels().enumerate() {
            if mask[pixel] {
                picture.put_pixel(left + x, top + y, *color);
            }
        }
        objects.push(Object { bbox, class: cutout.class, ignored: false });
    }
    (picture, objects)
}

/// Two colors from the top to the bottom, and some disks.
fn background(width: u32, height: u32, rng: &mut Rng) -> RgbImage {
    let mut color = |least: usize| [0; 3].map(|_: u8| (least + rng.below(250 - least)) as u8);
    let (top, bottom, disks) = (color(40), color(40), [0; 4].map(|_| color(0)));
    let count = rng.below(disks.len());
    let mut circle = |color: [u8; 3]| {
        let (x, y) = (rng.below(width as usize) as i64, rng.below(height as usize) as i64);
        (x, y, (5 + rng.below(30)) as i64, color)
    };
    let disks: Vec<_> = disks.into_iter().take(count).map(&mut circle).collect();
    RgbImage::from_fn(width, height, |x, y| {
        let inside =
            |(a, b, r, _): &&(i64, i64, i64, [u8; 3])| (i64::from(x) - a).pow(2) + (i64::from(y) - b).pow(2) <= r * r;
        if let Some((.., color)) = disks.iter().rev().find(inside) {
            return Rgb(*color);
        }
        let share = y as f32 / height.max(2) as f32;
        let mixed = |i: usize| (f32::from(top[i]) * (1.0 - share) + f32::from(bottom[i]) * share).round() as u8;
        Rgb([mixed(0), mixed(1), mixed(2)])
    })
}

/// Which pixels a drawing covers: all but the white that leads to the edge.
fn covered(drawing: &RgbImage) -> Vec<bool> {
    let (width, height) = drawing.dimensions();
    let place = |x: u32, y: u32| (y * width + x) as usize;
    let mut covered = vec![true; (width * height) as usize];
    let edge = |x: u32, y: u32| x == 0 || y == 0 || x + 1 == width || y + 1 == height;
    let mut open: Vec<(u32, u32)> = (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).collect();
    open.retain(|&(x, y)| edge(x, y));
    while let Some((x, y)) = open.pop() {
        let white = drawing.get_pixel(x, y).0.iter().all(|&value| value > WHITE);
        if !white || !covered[place(x, y)] {
            continue;
        }
        covered[place(x, y)] = false;
        let sides = [(x.wrapping_sub(1), y), (x + 1, y), (x, y.wrapping_sub(1)), (x, y + 1)];
        open.extend(sides.into_iter().filter(|&(x, y)| x < width && y < height));
    }
    covered
}

/// The box around the pixels of a mask of rows of this width.
fn around(mask: &[bool], width: u32) -> Option<BBox> {
    let places = || mask.iter().enumerate().filter(|(_, on)| **on).map(|(i, _)| (i as u32 % width, i as u32 / width));
    let (x1, x2) = (places().map(|(x, _)| x).min()?, places().map(|(x, _)| x).max()?);
    let (y1, y2) = (places().map(|(_, y)| y).min()?, places().map(|(_, y)| y).max()?);
    Some(BBox::new(x1 as f32, y1 as f32, (x2 + 1) as f32, (y2 + 1) as f32))
}

/// Composes scenes into `folder/SIDE/*.png` with `folder/SIDE.json`, an annotation file of COCO's
/// that is written last.
///
/// # Errors
/// When a file cannot be written.
pub fn write(
    folder: &Path,
    (side, count): (&str, usize),
    (classes, cutouts): (&[String], &[Cutout]),
    config: &SceneConfig,
    rng: &Rng,
) -> Result<(), AnnotationError> {
    let (rng, place) = (rng.fork(side), folder.join(side));
    let made = |source| files::FileError::Make { path: place.clone(), source };
    std::fs::create_dir_all(&place).map_err(made)?;
    let category = |(id, name): (usize, &String)| CocoCategory { id: id as u64 + 1, name: name.clone() };
    let mut file = CocoFile { categories: classes.iter().enumerate().map(category).collect(), ..CocoFile::default() };
    for number in 0..count {
        let (picture, objects) = compose(cutouts, config, &mut rng.at(number as u64));
        let (id, file_name) = (number as u64 + 1, format!("{number:04}.png"));
        files::write(&place.join(&file_name), &files::png(&picture)?)?;
        let (width, height) = picture.dimensions();
        file.images.push(CocoImage { id, file_name, width, height });
        for Object { bbox, class, .. } in objects {
            let numbers = [bbox.x1, bbox.y1, bbox.width(), bbox.height()].map(f64::from);
            file.annotations.push(CocoAnnotation {
                id: file.annotations.len() as u64 + 1,
                image_id: id,
                category_id: class as u64 + 1,
                bbox: numbers,
                area: f64::from(bbox.area()),
                iscrowd: 0,
            });
        }
    }
    let path = folder.join(format!("{side}.json"));
    let bytes = serde_json::to_vec(&file).map_err(|source| AnnotationError::Json { path: path.clone(), source })?;
    Ok(files::write(&path, &bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scene_of_one_kind_repeats_it_and_other_scenes_are_as_they_were() {
        let cutout = |class| Cutout { class, picture: RgbImage::from_pixel(8, 8, Rgb([9 * class as u8, 0, 0])) };
        let cutouts: Vec<Cutout> = (0..9).map(cutout).collect();
        let config = SceneConfig { objects: (4, 4), sizes: (12, 20), ..SceneConfig::default() };
        let kinds = |config: &SceneConfig| {
            let (_, objects) = compose(&cutouts, config, &mut Rng::new(2));
            let classes: std::collections::BTreeSet<usize> = objects.iter().map(|object| object.class).collect();
            (objects.len(), classes.len())
        };
        assert_eq!(kinds(&SceneConfig { kinds: 1, ..config }), (4, 1));
        assert!(kinds(&config).1 > 1);
        assert!(compose(&[], &SceneConfig { kinds: 2, ..config }, &mut Rng::new(2)).1.is_empty());
    }
}
