//! The pictures that a run is measured on.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use taper_data::{Dataset, Folder, Idx, validation};
use taper_trainer::build::model;
use taper_trainer::recipe::Recipe;
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
        if path.is_dir()
            && let Some((_, test)) = Idx::sides(path)?
        {
            return Ok((Arc::new(test), path.to_path_buf()));
        }
        let side = validation(path)?;
        let root = side.as_deref().unwrap_or(path);
        let folder = Folder::partial(root)?;
        tell(folder.left_out(), &Terminal);
        return Ok((Arc::new(folder), path.to_path_buf()));
    }
    let recipe = recipe(run).with_context(|| format!("name the pictures: taper eval {} DATA", shell(run)))?;
    origin::require_pictures(model::folder(run), &recipe)?;
    Ok((splits(&recipe, &Terminal)?.val, recipe.data.path))
}
