//! What the sides of a split are called.

use std::path::Path;

use super::listing::name;

/// What the folder to train on is called where there is a split, in lower case.
pub(crate) const TRAIN: [&str; 2] = ["train", "training"];
/// What the folder to validate on is called.
pub(crate) const VALIDATION: [&str; 5] = ["val", "valid", "validation", "dev", "eval"];
/// What is called so is kept for a test.
pub(super) const TEST: [&str; 2] = ["test", "testing"];

/// Whether a folder has one of these names, in upper or lower case.
pub(crate) fn is_called(path: &Path, names: &[&str]) -> bool {
    names.contains(&name(path).to_lowercase().as_str())
}
