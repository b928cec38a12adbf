//! A run that is no longer what it was begun as, and how the user can go on.

use std::path::{Path, PathBuf};

use crate::files;
use crate::recipe::Recipe;

/// A run that is no longer what it was begun as.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[error("{} cannot go on: it has changed since it was begun\n  {}", run.display(), what.join("\n  "))]
pub struct Changed {
    /// Its folder.
    pub run: PathBuf,
    /// In what it differs.
    pub what: Vec<String>,
    /// What else can be done than to bring back what it was.
    pub way_out: WayOut,
}

/// How the user can go on without the run that has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WayOut {
    /// With a new run of its recipe.
    Anew {
        /// The recipe in its folder.
        recipe: PathBuf,
        /// Whether it begins with pretrained weights.
        pretrained: bool,
        /// A free folder beside it.
        out: PathBuf,
    },
    /// In another folder.
    AnotherFolder,
}

impl Changed {
    /// Of a run with this recipe.
    pub fn new(run: &Path, recipe: &Recipe, what: Vec<String>) -> Self {
        Self { run: run.into(), what, way_out: anew(run, recipe) }
    }
}

/// A new run with the recipe in a run folder.
fn anew(run: &Path, recipe: &Recipe) -> WayOut {
    // `.` is the name of no new run beside it.
    let run = &if run.file_name().is_some() { run.to_path_buf() } else { run.canonicalize().unwrap_or(run.into()) };
    let name = run.file_name().unwrap_or_default();
    let numbered = |n: u32| {
        let mut name = name.to_owned();
        name.push(format!("-{n}"));
        run.with_file_name(name)
    };
    let free = (2..).map(numbered).find(|path| files::is_free(path));
    WayOut::Anew { recipe: run.join("recipe.toml"), pretrained: recipe.pretrained, out: free.unwrap_or_default() }
}
