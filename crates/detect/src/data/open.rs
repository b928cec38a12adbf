//! A data set by what lies in its folder.

use std::path::{Path, PathBuf};

use super::error::AnnotationError;
use super::files::with_extension;
use super::set::DetectionSet;
use super::{coco, voc, yolo};
use taper_trainer::files;

/// What pictures are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// To train on.
    Train,
    /// To measure on.
    Val,
}

impl Side {
    /// What it is called in errors.
    fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
        }
    }

    /// What its files and folders are called; the first that is there is taken.
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Train => &["train", "train2017", "train2014"],
            Self::Val => &["val", "valid", "val2017", "val2014", "test"],
        }
    }
}

/// The pictures to train on and those to measure on.
#[derive(Clone, Debug)]
pub struct Sides {
    /// To train on.
    pub train: DetectionSet,
    /// To measure on, with the classes of the others.
    pub val: DetectionSet,
}

/// Opens a data set in any of these forms, with `train` and `val` (`valid`, `test`; COCO's
/// `train2017`):
///
/// ```text
/// COCO  train.json + train/*                    annotations/instances_train.json + train/*
///       train/_annotations.coco.json + train/*
/// YOLO  images/train/* + labels/train/*.txt     train/images/* + train/labels/*.txt
///       with the names of the classes in data.yaml or classes.txt
/// VOC   Annotations/*.xml + JPEGImages/* + ImageSets/Main/train.txt
///       train/*.xml + train/*
/// ```
///
/// # Errors
/// When it is none of them, a side is missing or empty, or a file is not what it should be.
pub fn open(path: &Path) -> Result<Sides, AnnotationError> {
    let train = open_side(path, Side::Train)?;
    train.require_objects(path)?;
    let val = open_side(path, Side::Val)?.with_classes(&train.classes)?;
    val.require_objects(path)?;
    Ok(Sides { train, val })
}

/// One side of a data set; of a file of COCO's, whose pictures lie beside it or in the folder of
/// its stem, all of it.
///
/// # Errors
/// As [`open`](open()).
pub fn open_side(path: &Path, side: Side) -> Result<DetectionSet, AnnotationError> {
    if path.is_file() {
        return coco::read(path, &beside(path));
    }
    for reader in [of_coco, of_yolo, of_voc] {
        for name in side.names() {
            if let Some(set) = reader(path, name)? {
                return Ok(set);
            }
        }
    }
    let other = if side == Side::Train { Side::Val } else { Side::Train };
    let has = |reader: &Reader| other.names().iter().any(|name| !matches!(reader(path, name), Ok(None)));
    let readers: [Reader; 3] = [of_coco, of_yolo, of_voc];
    Err(match readers.iter().any(has) {
        true => AnnotationError::NoSide { path: path.into(), side: side.name() },
        false => AnnotationError::Unknown { path: path.into() },
    })
}

type Reader = fn(&Path, &str) -> Result<Option<DetectionSet>, AnnotationError>;

/// Where the pictures of a file of COCO's are: `train/` for `train.json`, or its own folder.
fn beside(file: &Path) -> PathBuf {
    let folder = file.with_extension("");
    if folder.is_dir() { folder } else { file.parent().unwrap_or(Path::new(".")).to_owned() }
}

fn of_coco(path: &Path, side: &str) -> Result<Option<DetectionSet>, AnnotationError> {
    let plain = path.join(format!("{side}.json"));
    let official = path.join(format!("annotations/instances_{side}.json"));
    let inside = path.join(side).join("_annotations.coco.json");
    let (file, folder) = match () {
        () if plain.is_file() => (plain.clone(), beside(&plain)),
        () if official.is_file() => (official, path.join(side)),
        () if inside.is_file() => (inside, path.join(side)),
        () => return Ok(None),
    };
    coco::read(&file, &folder).map(Some)
}

fn of_yolo(path: &Path, side: &str) -> Result<Option<DetectionSet>, AnnotationError> {
    let kinds = [("images", side), (side, "images")].map(|(a, b)| path.join(a).join(b));
    let labels = [("labels", side), (side, "labels")].map(|(a, b)| path.join(a).join(b));
    let found = kinds.iter().zip(&labels).find(|(images, labels)| images.is_dir() && labels.is_dir());
    let (Some((images, labels)), Some(classes)) = (found, yolo::classes(path)?) else { return Ok(None) };
    yolo::read(images, labels, &classes).map(Some)
}

fn of_voc(path: &Path, side: &str) -> Result<Option<DetectionSet>, AnnotationError> {
    let list = path.join(format!("ImageSets/Main/{side}.txt"));
    if list.is_file() && path.join("Annotations").is_dir() {
        let text = files::read_text(&list)?;
        let names = text.lines().filter_map(|line| line.split_whitespace().next());
        let found = names.map(|name| path.join("Annotations").join(format!("{name}.xml"))).collect::<Vec<_>>();
        return voc::read(&found, &path.join("JPEGImages")).map(Some);
    }
    let folder = path.join(side);
    let found = if folder.is_dir() { with_extension(&folder, &["xml"])? } else { Vec::new() };
    if found.is_empty() { Ok(None) } else { voc::read(&found, &folder).map(Some) }
}
