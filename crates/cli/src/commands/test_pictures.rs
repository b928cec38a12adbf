//! The pictures that a run is measured on.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use taper_data::{Dataset, open_to_measure};
use taper_trainer::build::model;
use taper_trainer::recipe::Recipe;
use taper_trainer::store::hub_data::local;
use taper_trainer::store::origin;
use taper_trainer::store::pictures::{splits, tell};

use crate::output::shell;
use crate::terminal::Terminal;

/// The recipe of the run, or of the run that a file of weights is part of.
pub(super) fn recipe(run: &Path) -> Result<Recipe> {
    Ok(origin::recipe(model::folder(run))?)
}

/// The pictures to measure a run on, its own validation pictures where no others are named, and
/// where they came from.
pub(super) fn pictures(run: &Path, data: Option<&Path>) -> Result<(Arc<dyn Dataset>, PathBuf)> {
    if let Some(path) = data {
        // What the columns of a table are called is what they were called in training.
        let config = recipe(run).map(|recipe| recipe.data.open_config()).unwrap_or_default();
        let (pictures, left_out) = open_to_measure(local(path, &Terminal)?, &config)?;
        tell(&left_out, &Terminal);
        return Ok((pictures, path.to_path_buf()));
    }
    let recipe = recipe(run).with_context(|| format!("name the pictures: taper eval {} DATA", shell(run)))?;
    origin::require_pictures(model::folder(run), &recipe)?;
    Ok((splits(&recipe, &Terminal)?.val, recipe.data.path))
}
