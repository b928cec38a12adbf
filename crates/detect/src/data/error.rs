//! What can be wrong with pictures that have boxes.

use std::path::PathBuf;

use taper_augment::AugmentError;
use taper_data::DataError;
use taper_trainer::files::FileError;

/// Pictures with boxes that cannot be read. The text names the file, and the line or the entry.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnnotationError {
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A folder cannot be listed.
    #[error("cannot list {}", path.display())]
    List {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file is no JSON, or not that of COCO.
    #[error("{} is no annotation file of COCO", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where, and what was expected there.
        source: serde_json::Error,
    },
    /// A file is no XML.
    #[error("{} is no XML", path.display())]
    Xml {
        /// The file.
        path: PathBuf,
        /// Where, and what was expected there.
        source: roxmltree::Error,
    },
    /// An entry of a file is invalid.
    #[error("{}, {entry}: wanted {wanted}; got {got}", path.display())]
    Entry {
        /// The file.
        path: PathBuf,
        /// Which entry: `annotation 7`, `line 3`.
        entry: String,
        /// What its place takes.
        wanted: &'static str,
        /// What is there.
        got: String,
    },
    /// Nothing in a folder says what is where on pictures.
    #[error(
        "{} has no boxes: wanted train.json, annotations/instances_train.json or train/_annotations.coco.json (COCO), \
         images/train and labels/train (YOLO), or Annotations, ImageSets and JPEGImages (Pascal VOC)",
        path.display()
    )]
    Unknown {
        /// The folder.
        path: PathBuf,
    },
    /// A side of a data set is missing.
    #[error("{} has no {side} pictures", path.display())]
    NoSide {
        /// The data set.
        path: PathBuf,
        /// `train` or `val`.
        side: &'static str,
    },
    /// A data set has no picture, or no object on any.
    #[error("{} has {pictures} pictures with {objects} objects; wanted one of each or more", path.display())]
    Empty {
        /// The data set.
        path: PathBuf,
        /// How many pictures.
        pictures: usize,
        /// How many objects.
        objects: usize,
    },
    /// An object is of a class that is not among those asked for.
    #[error("the class {class:?} is not among {known:?}")]
    OtherClass {
        /// The class.
        class: String,
        /// Those asked for.
        known: Vec<String>,
    },
    /// A picture has another size than its annotations say.
    #[error("{} has {got:?} pixels (width, height); its annotations say {wanted:?}", path.display())]
    Size {
        /// The picture.
        path: PathBuf,
        /// What the annotations say.
        wanted: (u32, u32),
        /// What it has.
        got: (u32, u32),
    },
    /// A picture has no proposals in the file of them.
    #[error("{} has no proposals for the picture {picture:?}", path.display())]
    NoProposals {
        /// The file of proposals.
        path: PathBuf,
        /// The name of the picture.
        picture: String,
    },
    /// A picture cannot be read.
    #[error(transparent)]
    Picture(#[from] DataError),
    /// Pictures cannot be normalized.
    #[error(transparent)]
    Augment(#[from] AugmentError),
    /// A setting is out of its range.
    #[error("{field} must be {wanted}; got {got}")]
    Setting {
        /// Which.
        field: &'static str,
        /// What it takes.
        wanted: &'static str,
        /// What it is.
        got: f64,
    },
    /// A batch cannot be made a tensor.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}
