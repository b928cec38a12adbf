//! The files of a run.

use std::path::Path;

use taper_nn::Params;
use taper_trainer::build::model::save_weights;
use taper_trainer::files;
use taper_trainer::store::origin;

use super::error::TrainError;
use super::history::{EpochRecord, csv};
use super::recipe::Recipe;
use crate::model::DetectorCard;

/// What a run has at its end.
pub(super) const SUMMARY: &str = "summary.json";

/// What a run begins with.
const RECIPE: &str = "recipe.toml";

/// Writes down what a run is.
pub(super) fn begin(run: &Path, recipe: &Recipe) -> Result<(), TrainError> {
    origin::record(run)?;
    Ok(files::write(&run.join(RECIPE), toml::to_string(recipe)?.as_bytes())?)
}

/// The recipe of a run, its paths as they are seen from here.
pub(super) fn recipe(run: &Path) -> Result<Recipe, TrainError> {
    let path = run.join(RECIPE);
    if !path.is_file() {
        return Err(TrainError::NoRun { run: run.into() });
    }
    Recipe::read(&path)
}

/// Whether a run is at its end.
pub(super) fn is_at_end(run: &Path) -> bool {
    run.join(SUMMARY).is_file()
}

/// Writes the epochs that are done.
pub(super) fn write_history(run: &Path, history: &[EpochRecord]) -> Result<(), TrainError> {
    Ok(files::write(&run.join("history.csv"), csv(history).as_bytes())?)
}

/// Writes the trained network.
pub(super) fn write_model(run: &Path, card: &DetectorCard, params: &Params) -> Result<(), TrainError> {
    save_weights(&run.join("model.safetensors"), &params.tensors())?;
    Ok(files::write(&run.join("model.json"), &files::json(card)?)?)
}
