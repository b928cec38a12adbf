//! What can go wrong with what lies on the disk.

use std::path::PathBuf;

use taper_data::DataError;

use crate::files::FileError;
use crate::recipe::RecipeError;

/// A run folder, or the pictures of a run, that cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The folder of all runs cannot be made.
    #[error("cannot make the folder runs")]
    MakeRuns {
        /// What the system says.
        source: std::io::Error,
    },
    /// The folder of a run cannot be made.
    #[error("cannot make the run folder {}", path.display())]
    MakeRun {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The folder of a run is a file.
    #[error("{} is a file; the run needs a folder", path.display())]
    IsFile {
        /// The path.
        path: PathBuf,
    },
    /// Something lies in the folder of a new run.
    #[error("{} is not empty", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// Another process trains in a folder.
    #[error("another process trains in {}: wait for its end, or stop it; the lock of a killed process is free", path.display())]
    Taken {
        /// The folder.
        path: PathBuf,
    },
    /// A build that fetches nothing was given a data set of the hub.
    #[error(
        "hf://datasets/{name} is to be fetched, which this build does not do: build it with the feature `hub`, or give files"
    )]
    NoHub {
        /// The data set.
        name: String,
    },
    /// All names of runs are taken.
    #[error("no free name for the run")]
    NoFreeName,
    /// A lock cannot be taken.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A file is no `summary.json`.
    #[error("{} is no summary of a run", path.display())]
    NoSummary {
        /// The file.
        path: PathBuf,
        /// Line, column and reason.
        source: serde_json::Error,
    },
    /// The recipe that a run was begun with cannot be read by this version.
    #[error("it was begun by another version of taper: begin a new run")]
    BegunByOther {
        /// What is wrong with it.
        source: RecipeError,
    },
    /// A picture cannot be read, and none may be left out.
    #[error(transparent)]
    Unreadable(DataError),
    /// Too many pictures cannot be read to go on without them.
    #[error("{count} of {all} pictures cannot be read, more than {most:.0} %: mend or remove them (listed above)")]
    TooManyUnreadable {
        /// How many cannot.
        count: usize,
        /// How many there are.
        all: usize,
        /// How many may be left out, percent.
        most: f64,
    },
}

/// A file that cannot be locked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// The file system knows no locks.
    #[error("cannot lock {}: does its file system know locks?", path.display())]
    Unlockable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It is a folder, a pipe or a device.
    #[error("{} must be a plain file to lock, and is not: remove it", path.display())]
    NoFile {
        /// The path.
        path: PathBuf,
    },
    /// It cannot be opened.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The pictures of a run are neither where they were nor here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[error(
    "the pictures of {} are missing: its recipe.toml has path = {:?}, which is {}",
    run.display(),
    path.display().to_string(),
    match origin {
        Some(origin) => format!("neither in {}, where the run was begun, nor in this folder", origin.display()),
        None => "not there".to_owned(),
    }
)]
pub struct PicturesMissing {
    /// The run folder.
    pub run: PathBuf,
    /// What its recipe says of them.
    pub path: PathBuf,
    /// The folder that the run was begun in, where that is known and the path is seen from it.
    pub origin: Option<PathBuf>,
}
