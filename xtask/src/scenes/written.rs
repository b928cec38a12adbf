//! The scenes and their captions.

use std::path::Path;

use anyhow::{Context, Result, bail};
use taper_caption::data::grammar::{Thing, captions};
use taper_caption::data::karpathy::{KarpathyFile, KarpathyImage, KarpathySentence};
use taper_caption::text::tokens;
use taper_detect::data::scenes::{Cutout, SceneConfig, cutouts, write};
use taper_detect::data::{Side, open_side};
use taper_tensor::Rng;
use taper_trainer::files;

use super::args::ScenesArgs;

/// Drawings with a name that a sentence can have, and that word vectors know.
const NAMED: [&str; 20] = [
    "apple",
    "badger",
    "banana",
    "broccoli",
    "bus",
    "butterfly",
    "camel",
    "cat",
    "cow",
    "crab",
    "dog",
    "dolphin",
    "monkey",
    "penguin",
    "pig",
    "rabbit",
    "rocket",
    "snail",
    "snake",
    "strawberry",
];

/// The folders that they lie in.
const KINDS: [&str; 3] = ["animal", "food", "vehicle"];

/// Captions of a scene at most.
const CAPTIONS: usize = 5;

/// Writes the scenes, and their captions where these are asked for.
pub(crate) fn scenes(root: &Path, args: &ScenesArgs) -> Result<()> {
    let rng = Rng::new(args.seed).fork("scenes");
    let mut file = KarpathyFile { dataset: "scenes".to_owned(), ..KarpathyFile::default() };
    for (side, name, count) in [(Side::Train, "train", args.train), (Side::Val, "val", args.val)] {
        let folder = root.join("tests/data/emoji").join(name);
        let ((classes, drawings), config) = match args.captions {
            true => {
                let (sides, sizes) = ((128, 160), (36, 80));
                (named(&folder)?, SceneConfig { sides, sizes, objects: (1, 4), kinds: 3, ..SceneConfig::default() })
            }
            false => (cutouts(&folder)?, SceneConfig::default()),
        };
        write(&args.out, (name, count), (&classes, &drawings), &config, &rng)?;
        if args.captions {
            file.images.extend(captioned(&args.out, (side, name), &rng.fork("captions").fork(name))?);
        }
    }
    if args.captions {
        files::write(&args.out.join("captions.json"), &serde_json::to_vec(&file)?)?;
    }
    Ok(())
}

/// The drawings of a folder that have a name, each a class of its own.
fn named(folder: &Path) -> Result<(Vec<String>, Vec<Cutout>)> {
    let mut all = Vec::new();
    for (class, name) in NAMED.iter().enumerate() {
        let places = KINDS.map(|kind| folder.join(kind).join(format!("{name}.png")));
        let Some(path) = places.iter().find(|path| path.is_file()) else {
            bail!("{} has no {name}.png in {}", folder.display(), KINDS.join(", "));
        };
        all.push(Cutout { class, picture: taper_data::decode(path)? });
    }
    Ok((NAMED.map(str::to_owned).to_vec(), all))
}

/// The scenes of a side with what is said of them; those on which nothing found room are left out.
fn captioned(folder: &Path, (side, split): (Side, &str), rng: &Rng) -> Result<Vec<KarpathyImage>> {
    let set = open_side(folder, side)?;
    let mut images = Vec::new();
    for (number, picture) in set.pictures.iter().enumerate() {
        let thing = |object: &taper_detect::data::Object| Thing {
            name: set.classes[object.class].clone(),
            edges: object.bbox.edges(),
        };
        let things: Vec<Thing> = picture.objects.iter().map(thing).collect();
        let said = captions(&things, CAPTIONS, &mut rng.at(number as u64));
        let sentences: Vec<KarpathySentence> =
            said.into_iter().map(|raw| KarpathySentence { tokens: tokens(&raw), raw }).collect();
        if !sentences.is_empty() {
            let filename = picture.path.file_name().context("a picture without a name")?;
            let (filename, filepath) = (filename.to_string_lossy().into_owned(), split.to_owned());
            images.push(KarpathyImage { filepath, filename, split: split.to_owned(), sentences });
        }
    }
    Ok(images)
}
