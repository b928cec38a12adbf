//! The folder that a run was begun in, which the paths in its recipe are seen from.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::files;
use crate::files::json;
use crate::recipe::Recipe;
use crate::store::error::PicturesMissing;
use crate::store::hub_data;

/// `origin.json`, beside a recipe.
#[derive(Debug, Deserialize, Serialize)]
struct Origin {
    /// Version of this file: 1.
    schema: u32,
    /// The working folder of the process that wrote the recipe.
    folder: PathBuf,
}

/// What the file is called.
pub(crate) const FILE: &str = "origin.json";

/// Writes down beside a recipe which folder its paths are seen from. Where that has no name that
/// can be written, nothing is.
///
/// # Errors
/// When the file cannot be written.
pub fn record(run: &Path) -> Result<()> {
    match std::env::current_dir() {
        Ok(folder) if folder.to_str().is_some() => {
            Ok(files::write(&run.join(FILE), &json(&Origin { schema: 1, folder })?)?)
        }
        _ => Ok(()),
    }
}

/// The recipe of a run folder, its paths as they are seen from here.
///
/// # Errors
/// When the file is missing or invalid.
pub fn recipe(run: &Path) -> Result<Recipe> {
    let path = run.join("recipe.toml");
    let mut recipe = Recipe::parse(&files::read_text(&path)?, &path)?;
    settle(run, &mut recipe);
    Ok(recipe)
}

/// Turns the paths of a recipe that lies in `folder` to what they name: what they named where it
/// was written, if that is still there.
pub fn settle(folder: &Path, recipe: &mut Recipe) {
    for path in [Some(&mut recipe.data.path), recipe.weights.as_mut()].into_iter().flatten() {
        *path = settled(folder, path);
    }
}

/// What a path names that stands in a recipe in `folder`: what it named where that was written, if
/// that is still there; else the path as it is.
pub fn settled(folder: &Path, path: &Path) -> PathBuf {
    let moved = read(folder).filter(|origin| std::env::current_dir().map_or(true, |here| here != *origin));
    let there = moved.map(|origin| origin.join(path)).filter(|there| taper_data::is_there(there));
    there.filter(|_| !path.as_os_str().is_empty()).unwrap_or_else(|| path.to_owned())
}

/// Refuses a run whose pictures are neither where they were nor here.
///
/// # Errors
/// [`PicturesMissing`].
pub fn require_pictures(run: &Path, recipe: &Recipe) -> Result<()> {
    let path = &recipe.data.path;
    if taper_data::is_there(path) || hub_data::name(path).is_some() {
        return Ok(());
    }
    let origin = read(run).filter(|_| path.is_relative());
    Err(PicturesMissing { run: run.into(), path: path.clone(), origin }.into())
}

/// Whether the recipe in this folder is that of a run, which is whole: what it lacks did not exist
/// when it was written.
pub fn is_run(folder: &Path) -> bool {
    read(folder).is_some()
}

fn read(folder: &Path) -> Option<PathBuf> {
    let text = files::read_text(&folder.join(FILE)).ok()?;
    serde_json::from_str::<Origin>(&text).ok().map(|origin| origin.folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_seen_from_where_a_run_was_begun_if_they_are_there() -> Result<(), Box<dyn std::error::Error>> {
        let place = tempfile::tempdir()?;
        let run = place.path().join("run");
        std::fs::create_dir_all(run.join("elsewhere"))?;
        let mut recipe = Recipe { weights: Some("w.pth".into()), ..Recipe::default() };
        recipe.data.path = "pics".into();
        files::write(&run.join("recipe.toml"), toml::to_string(&recipe)?.as_bytes())?;
        // Begun here, or nobody knows where: as they are.
        assert_eq!(self::recipe(&run)?, recipe);
        record(&run)?;
        assert_eq!(self::recipe(&run)?, recipe);
        // Begun elsewhere, and the pictures are there, the weights are not.
        let origin = Origin { schema: 1, folder: place.path().into() };
        files::write(&run.join(FILE), &json(&origin)?)?;
        std::fs::create_dir(place.path().join("pics"))?;
        let found = self::recipe(&run)?;
        assert_eq!((&found.data.path, &found.weights), (&place.path().join("pics"), &recipe.weights));
        require_pictures(&run, &found)?;
        std::fs::remove_dir(place.path().join("pics"))?;
        let said = require_pictures(&run, &self::recipe(&run)?).unwrap_err().to_string();
        assert!(said.contains("\"pics\"") && said.contains(&*place.path().to_string_lossy()), "{said}");
        Ok(())
    }
}
