//! The pictures that are trained on, cut from those of the tests.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::compare::files;

/// The folder of the pictures, in the one that runs lie in.
pub(crate) const PICTURES: &str = "pictures";

const CLASSES: [&str; 3] = ["clock", "flag", "hand"];

/// How many of each class to train on and to validate on.
const SIDES: [(&str, usize); 2] = [("train", 6), ("val", 4)];

/// Empties a folder, or makes it, and puts the pictures into it.
pub(crate) fn fresh(root: &Path, folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    put(root, &folder.join(PICTURES), SIDES)
}

/// Puts so many pictures of each class into a folder, to train on and to validate on.
pub(crate) fn put(root: &Path, folder: &Path, sides: [(&str, usize); 2]) -> Result<()> {
    for (side, count) in sides {
        for class in CLASSES {
            let from = root.join("tests/data/emoji").join(side).join(class);
            let to = folder.join(side).join(class);
            fs::create_dir_all(&to).with_context(|| format!("cannot make {}", to.display()))?;
            let names = files(&from).with_context(|| format!("cannot read {}", from.display()))?;
            for name in names.iter().take(count) {
                fs::copy(from.join(name), to.join(name)).with_context(|| format!("cannot copy {name}"))?;
            }
        }
    }
    Ok(())
}
