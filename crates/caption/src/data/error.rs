//! What can be wrong with pictures that have captions.

use std::path::PathBuf;

use taper_augment::AugmentError;
use taper_data::DataError;
use taper_trainer::files::FileError;

/// Pictures with captions that cannot be read. The text names the file and the entry.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptionError {
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file is no JSON, or not Karpathy's.
    #[error("{} is no file of captions: wanted {{\"images\": [{{\"filename\", \"split\", \"sentences\"}}]}}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where, and what was expected there.
        source: serde_json::Error,
    },
    /// An entry of a file is invalid.
    #[error("{}, {entry}: wanted {wanted}; got {got}", path.display())]
    Entry {
        /// The file.
        path: PathBuf,
        /// Which entry: `image 7 ("cat.jpg")`.
        entry: String,
        /// What its place takes.
        wanted: &'static str,
        /// What is there.
        got: String,
    },
    /// A picture that a file names is nowhere.
    #[error(
        "{}, {entry}: there is no such picture; looked for {looked:?} (--images FOLDER says where the pictures are)",
        path.display()
    )]
    NoPicture {
        /// The file.
        path: PathBuf,
        /// Which entry.
        entry: String,
        /// Where it was looked for.
        looked: Vec<PathBuf>,
    },
    /// A folder has no file of captions.
    #[error("{} has no captions: wanted a file captions.json or dataset*.json in it, or the file itself", path.display())]
    Unknown {
        /// The folder.
        path: PathBuf,
    },
    /// A folder has several files of captions.
    #[error("{} has several files of captions, {found:?}: name the one that is meant", path.display())]
    Several {
        /// The folder.
        path: PathBuf,
        /// Their names.
        found: Vec<String>,
    },
    /// A part of a data set has no picture.
    #[error("{} has no {part} pictures: the split of one or more must be {part:?}", path.display())]
    NoPart {
        /// The data set.
        path: PathBuf,
        /// `train`, `val` or `test`.
        part: &'static str,
    },
    /// A picture cannot be read.
    #[error(transparent)]
    Picture(#[from] DataError),
    /// Pictures cannot be normalized.
    #[error(transparent)]
    Augment(#[from] AugmentError),
    /// A batch cannot be made a tensor.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}
