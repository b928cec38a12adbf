//! What the sides of a split are called.

use std::path::Path;

use super::listing::name;

/// What the folder to train on is called where there is a split, in lower case.
pub(crate) const TRAIN: [&str; 2] = ["train", "training"];
/// What the folder to validate on is called.
pub(crate) const VALIDATION: [&str; 5] = ["val", "valid", "validation", "dev", "eval"];
/// What is called so is kept for a test.
pub(crate) const TEST: [&str; 2] = ["test", "testing"];

/// A side of a split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    Train,
    Val,
    Test,
}

impl Side {
    /// The side that is called so, in letters of any size.
    pub(crate) fn called(name: &str) -> Option<Self> {
        let name = name.trim().to_lowercase();
        let named = |names: &[&str]| names.contains(&name.as_str());
        match () {
            () if named(&TRAIN) => Some(Self::Train),
            () if named(&VALIDATION) => Some(Self::Val),
            () if named(&TEST) => Some(Self::Test),
            () => None,
        }
    }

    /// The side that a file is of: by a word in its name (`train-00000-of-00002.parquet`), else by
    /// the folder that it lies in.
    pub(crate) fn of_file(path: &Path) -> Option<Self> {
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let word = stem.split(|c: char| !c.is_alphabetic()).find_map(Self::called);
        word.or_else(|| Self::called(&name(path.parent()?)))
    }
}

/// Whether a folder has one of these names, in upper or lower case.
pub(crate) fn is_called(path: &Path, names: &[&str]) -> bool {
    names.contains(&name(path).to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_say_what_side_they_are_of() {
        let of = |path: &str| Side::of_file(Path::new(path));
        assert_eq!(of("data/train-00000-of-00002.parquet"), Some(Side::Train));
        assert_eq!(of("validation-00000.parquet"), Some(Side::Val));
        assert_eq!(of("test/0.tar"), Some(Side::Test));
        assert_eq!(of("imagenet_VAL.000.tar"), Some(Side::Val));
        assert_eq!(of("shards/contest-1.tar"), None);
    }
}
