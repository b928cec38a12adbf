//! The data sets that recipes are compared on: all can be had without a data set's own server.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::outcome::Part;
use super::wanted::{Wanted, by_name};

/// A data set with three parts: to train on, to choose by, to test with once.
pub(crate) struct Set {
    /// What `recipe/data_sets.py` calls it.
    pub(crate) name: &'static str,
    /// Side of the square that the network sees, pixels, where a recipe does not say another.
    pub(crate) side: u32,
    /// What it is.
    pub(crate) about: &'static str,
}

/// All, the smallest first.
pub(crate) const SETS: &[Set] = &[
    Set {
        name: "textures",
        side: 96,
        about: "squares from six gray pictures of scikit-image, six of each to train on",
    },
    Set {
        name: "photographs",
        side: 96,
        about: "squares from eight color pictures of scikit-image, eight of each to train on",
    },
    Set { name: "digits", side: 96, about: "scikit-learn's handwritten digits of 8x8 pixels" },
    Set { name: "emoji", side: 160, about: "the same things as three artists draw them, one in each part" },
    Set { name: "fashion", side: 96, about: "Fashion-MNIST, 100 pictures of each class to train on" },
];

impl Set {
    /// Its folder, made where it is not there yet.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn folder(&self, root: &Path, wanted: &Wanted<'_>) -> Result<PathBuf> {
        let folder = wanted.data.join(self.name);
        if !folder.is_dir() {
            std::fs::create_dir_all(&wanted.data)?;
            let script = root.join("xtask/src/experiments/recipe/data_sets.py");
            let mut made = Command::new(wanted.python);
            made.arg(&script).arg(root).arg(&folder).arg(self.name).arg("--fashion").arg(wanted.fashion);
            let made = made.status().with_context(|| format!("cannot start {}", wanted.python.display()))?;
            ensure!(
                made.success(),
                "{} did not make {}: it says at its top what it needs",
                script.display(),
                self.name
            );
        }
        for part in Part::ALL {
            let part = folder.join(part.name());
            ensure!(part.is_dir(), "{} is missing: remove the folder above it, and it is made anew", part.display());
        }
        Ok(folder)
    }
}

/// The sets of these names, in the order of the table; all where there are no names.
///
/// # Errors
/// When there is none of a name; the error has those that there are.
pub(crate) fn chosen(names: &[String]) -> Result<Vec<&'static Set>> {
    by_name("data set", names, SETS, |set| set.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_come_in_the_order_of_the_table_and_unknown_ones_are_refused() {
        let names = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            chosen(&names).map(|sets| sets.iter().map(|set| set.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&["emoji", "textures"]).unwrap(), ["textures", "emoji"]);
        assert_eq!(names(&[]).unwrap().len(), SETS.len());
        assert!(names(&["emojis"]).unwrap_err().to_string().contains("digits"));
        let script = include_str!("data_sets.py");
        assert!(SETS.iter().all(|set| script.contains(&format!("\ndef {}(", set.name))));
    }
}
