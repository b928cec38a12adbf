//! Scenes of several shapes with exact boxes and true sentences, in a folder that goes with the
//! value.

use std::error::Error;
use std::path::Path;

use taper_caption::data::grammar::{Thing, captions};
use taper_caption::data::karpathy::{KarpathyFile, KarpathyImage, KarpathySentence};
use taper_detect::data::scenes::{Cutout, SceneConfig, write};
use taper_detect::data::{DetectionSet, Side, open_side};
use taper_tensor::Rng;
use taper_trainer::files;
use tempfile::TempDir;

use crate::error::GalleryError;
use crate::setting::Setting;
use crate::shapes::{CLASSES, drawing};

/// The shapes on them, by their numbers among all: those that sentences name well. Disks lie on the
/// grounds of scenes.
const NAMED: [usize; 5] = [1, 2, 3, 4, 5];
/// Drawings of each, and the side of one, pixels.
const DRAWINGS: u64 = 12;
const SIDE: u32 = 64;
/// Sentences of a scene at most.
const SENTENCES: usize = 4;

/// Scenes to train on and to measure on.
pub(crate) struct Scenes {
    folder: TempDir,
    /// Those to measure on.
    pub(crate) val: DetectionSet,
}

impl Scenes {
    /// So many to train on and to measure on.
    pub(crate) fn new(setting: &Setting, train: usize, val: usize) -> Result<Self, GalleryError> {
        let rng = Rng::new(setting.seed).fork("scenes");
        let folder = tempfile::tempdir().map_err(|source| failed("the scenes", source))?;
        let classes = NAMED.map(|shape| CLASSES[shape].to_owned()).to_vec();
        let config = SceneConfig { sides: (128, 160), sizes: (28, 72), objects: (1, 4), kinds: 3, overlap: 0.2 };
        let mut file = KarpathyFile { dataset: "scenes".to_owned(), ..KarpathyFile::default() };
        let mut measured = DetectionSet::default();
        for (side, name, count) in [(Side::Train, "train", train), (Side::Val, "val", val)] {
            let drawings = drawings(&rng.fork("drawings").fork(name));
            write(folder.path(), (name, count), (&classes, &drawings), &config, &rng)
                .map_err(|source| failed("the scenes", source))?;
            let set = open_side(folder.path(), side).map_err(|source| failed("the scenes", source))?;
            file.images.extend(said(&set, name, &rng.fork("sentences").fork(name)));
            measured = set;
        }
        let path = folder.path().join("captions.json");
        let written = files::json(&file).map_err(Into::into).and_then(|bytes| Ok(files::write(&path, &bytes)?));
        written.map_err(|source: Box<dyn Error + Send + Sync>| GalleryError::Write { path, source })?;
        Ok(Self { folder, val: measured })
    }

    /// Where they are, and where runs may be.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// A study of scenes that failed.
pub(crate) fn failed(what: &'static str, source: impl Error + Send + Sync + 'static) -> GalleryError {
    GalleryError::Scenes { what, source: Box::new(source) }
}

fn drawings(rng: &Rng) -> Vec<Cutout> {
    let draw = |(class, number): (usize, u64)| {
        let picture = drawing(NAMED[class], SIDE, &mut rng.at(number).fork(CLASSES[NAMED[class]]));
        Cutout { class, picture }
    };
    (0..NAMED.len()).flat_map(|class| (0..DRAWINGS).map(move |number| (class, number))).map(draw).collect()
}

/// What is said of the scenes of a side; those on which nothing found room are left out.
fn said(set: &DetectionSet, side: &str, rng: &Rng) -> Vec<KarpathyImage> {
    let scene = |(number, picture): (u64, &taper_detect::data::Annotated)| {
        let name = |class: usize| set.classes[class].clone();
        let things: Vec<Thing> =
            picture.objects.iter().map(|o| Thing { name: name(o.class), edges: o.bbox.edges() }).collect();
        let sentence = |raw: String| KarpathySentence { raw, ..KarpathySentence::default() };
        let sentences: Vec<_> = captions(&things, SENTENCES, &mut rng.at(number)).into_iter().map(sentence).collect();
        let (filepath, filename, split) = (side.to_owned(), picture.name(), side.to_owned());
        (!sentences.is_empty()).then_some(KarpathyImage { filepath, filename, split, sentences })
    };
    (0..).zip(&set.pictures).filter_map(scene).collect()
}

#[cfg(test)]
mod tests {
    use image::Rgb;
    use taper_caption::data::{Part, karpathy};

    use super::*;

    #[test]
    fn scenes_have_boxes_and_sentences_and_follow_from_the_seed() {
        let scenes = Scenes::new(&Setting::default(), 4, 3).unwrap();
        assert_eq!((scenes.val.pictures.len(), scenes.val.classes.len()), (3, NAMED.len()));
        let parts = karpathy::read(&scenes.folder().join("captions.json"), None).unwrap();
        assert!(parts.get(Part::Train).pictures.len() <= 4 && parts.get(Part::Train).captions() > 4);
        let again = Scenes::new(&Setting::default(), 4, 3).unwrap();
        let read = |scenes: &Scenes| std::fs::read(scenes.folder().join("captions.json")).unwrap();
        assert_eq!(read(&scenes), read(&again));
        assert_eq!(drawing(0, 8, &mut Rng::new(1)).get_pixel(0, 0), &Rgb([255; 3]));
    }
}
