//! Pictures to transfer to: those that are made, and those that are given.

use std::path::Path;

use image::RgbImage;
use taper_data::{Dataset, OpenConfig};
use taper_tensor::Rng;

use crate::error::GalleryError;
use crate::nets::Set;
use crate::setting::Setting;
use crate::shapes::{self, Look, Pictures};

/// Side of a picture, pixels.
const SIDE: u32 = 64;

/// Where pictures come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Generated shapes.
    Made,
    /// A folder of the caller's.
    Given,
}

impl Kind {
    /// Its name in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Made => "shapes",
            Self::Given => "given",
        }
    }
}

/// A kind, few and many pictures to learn from, and those to test by.
pub(crate) type FewAndMany = (Kind, [Set; 2], Set);

/// Shapes, and where a folder is given its pictures.
pub(crate) fn few_and_many(setting: &Setting, rng: &Rng) -> Result<Vec<FewAndMany>, GalleryError> {
    let look = Look { side: SIDE, noise: 40.0, turn: 0.6, ..Look::default() };
    let made = |name: &str, count| Set::maps(&shapes::pictures(count, look, &rng.fork(name)));
    let (few, many, val) = (setting.many(40).max(24), setting.many(640).max(48), setting.many(400).max(80));
    let mut all = vec![(Kind::Made, [made("few", few)?, made("many", many)?], made("val", val)?)];
    if let Some(folder) = &setting.data {
        let (train, val) = given(folder, rng)?;
        let of = |each: usize| part(&train, each);
        all.push((Kind::Given, [Set::maps(&of(4))?, Set::maps(&of(usize::MAX))?], Set::maps(&val)?));
    }
    Ok(all)
}

/// The first pictures of each class.
fn part(all: &Pictures, each: usize) -> Pictures {
    let mut counts = vec![0; all.classes.len()];
    let mut some = Pictures { classes: all.classes.clone(), ..Pictures::default() };
    for (image, &label) in all.images.iter().zip(&all.labels) {
        if counts[label] < each {
            counts[label] += 1;
            some.images.push(image.clone());
            some.labels.push(label);
        }
    }
    some
}

/// The pictures of a folder, in squares.
fn given(folder: &Path, rng: &Rng) -> Result<(Pictures, Pictures), GalleryError> {
    let refuse = |reason: String| GalleryError::Data { reason };
    let splits = taper_data::open(folder, &OpenConfig::default(), &rng.fork("split"))
        .map_err(|error| refuse(error.to_string()))?;
    let read = |set: &dyn Dataset| -> Result<Pictures, GalleryError> {
        let mut all = Pictures { classes: set.classes().to_vec(), ..Pictures::default() };
        for index in 0..set.len() {
            let picture = set.get(index).map_err(|error| refuse(error.to_string()))?;
            let label = set.label(index);
            all.images.push(square(&picture));
            all.labels.push(label);
        }
        if all.classes.len() < 2 || all.images.is_empty() {
            return Err(refuse(format!("{} has no two classes of pictures", folder.display())));
        }
        Ok(all)
    };
    Ok((read(splits.train.as_ref())?, read(splits.val.as_ref())?))
}

/// The middle of a picture, as large as it goes, scaled.
fn square(picture: &RgbImage) -> RgbImage {
    let side = picture.width().min(picture.height()).max(1);
    let (x, y) = ((picture.width() - side) / 2, (picture.height() - side) / 2);
    let middle = image::imageops::crop_imm(picture, x, y, side, side).to_image();
    image::imageops::resize(&middle, SIDE, SIDE, image::imageops::FilterType::Triangle)
}
