//! What a call asks for.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// What the command line says.
pub(crate) struct Wanted<'a> {
    /// Names of sets and of recipes; none for all.
    pub(crate) sets: &'a [String],
    pub(crate) recipes: &'a [String],
    /// Where the pictures are, or are made.
    pub(crate) data: PathBuf,
    /// Where the runs are kept.
    pub(crate) runs: PathBuf,
    /// The folder with the files of Fashion-MNIST.
    pub(crate) fashion: &'a Path,
    /// A Python that has what the data sets are made with.
    pub(crate) python: &'a Path,
    /// A Python that has the other programs.
    pub(crate) peers: Option<&'a Path>,
    pub(crate) seeds: u64,
    pub(crate) threads: usize,
}

/// What has these names in a table.
pub(super) fn by_name<T>(
    what: &str,
    names: &[String],
    table: &'static [T],
    name: impl Fn(&T) -> &'static str,
) -> Result<Vec<&'static T>> {
    for wanted in names {
        if !table.iter().any(|entry| name(entry) == wanted) {
            let known: Vec<&str> = table.iter().map(&name).collect();
            bail!("there is no {what} {wanted:?}; known are {}", known.join(", "));
        }
    }
    Ok(table.iter().filter(|entry| names.is_empty() || names.iter().any(|wanted| wanted == name(entry))).collect())
}
