//! The files of a run.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::row::{Columns, EpochRow};
use super::state::{State, Tensors};
use crate::build::model::save_weights;
use crate::error::Result;
use crate::files::{self, FileError};
use crate::listener::Listener;
use crate::store::CheckpointError;
use crate::store::checkpoint::{CheckpointFiles, Checkpoints, Every};
use crate::store::origin;

/// What a run begins with.
pub const RECIPE: &str = "recipe.toml";

/// What a run has at its end.
pub const SUMMARY: &str = "summary.json";

/// Writes down what a run is: its recipe as TOML, and where its paths are seen from.
///
/// # Errors
/// When a file cannot be written.
pub fn begin(run: &Path, recipe: &str) -> Result<()> {
    origin::record(run)?;
    Ok(files::write(&run.join(RECIPE), recipe.as_bytes())?)
}

/// The recipe of a run; none where the folder is no run.
pub fn recipe(run: &Path) -> Option<PathBuf> {
    Some(run.join(RECIPE)).filter(|path| path.is_file())
}

/// Whether a run is at its end.
pub fn is_at_end(run: &Path) -> bool {
    run.join(SUMMARY).is_file()
}

/// What the runs on these data are called.
pub fn name(verb: &str, data: &Path) -> String {
    let stem = data.is_file().then(|| data.file_stem()).flatten().map(ToOwned::to_owned);
    let folder = || taper_data::folder_of(data).file_name().map(ToOwned::to_owned);
    let name = stem.or_else(folder).map_or_else(|| "data".to_owned(), |name| name.to_string_lossy().into_owned());
    format!("{verb}-{name}")
}

/// The last whole checkpoint of a run with these columns, if there is any.
///
/// # Errors
/// When it was written by another version.
pub fn latest(run: &Path, columns: &Columns, listener: &dyn Listener) -> Result<Option<State>, CheckpointError> {
    CheckpointFiles::new(run, Every::Epoch).latest(|path| State::read(path, columns), listener)
}

/// Writes the epochs that are done.
///
/// # Errors
/// When the file cannot be written.
pub fn write_history(run: &Path, columns: &Columns, history: &[EpochRow]) -> Result<(), FileError> {
    files::write(&run.join("history.csv"), columns.csv(history).as_bytes())
}

/// Writes what a run ends with: weights, what they are of, and the summary last; then its
/// checkpoints go.
///
/// # Errors
/// When a file cannot be written.
pub fn end<E>(run: &Path, weights: &Tensors, card: &impl Serialize, summary: &impl Serialize) -> Result<(), E>
where
    E: From<FileError> + From<serde_json::Error>,
{
    save_weights(&run.join("model.safetensors"), weights)?;
    files::write(&run.join("model.json"), &files::json(card)?)?;
    files::write(&run.join(SUMMARY), &files::json(summary)?)?;
    Ok(Checkpoints::clear(run)?)
}
