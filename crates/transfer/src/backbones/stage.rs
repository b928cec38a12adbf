//! A part of a backbone.

use crate::names::is_below;

/// A part of a backbone, as deep as its place in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// What it is called, such as `fire4-5`.
    pub name: &'static str,
    /// Channels of its output.
    pub channels: usize,
    /// Pixels of the picture per pixel of its output, in both directions; 0 for a fully connected
    /// layer, whose output is one for the whole picture.
    pub stride: usize,
    /// What the names of its parameters begin with, whole parts: `features.3` owns
    /// `features.3.weight` and not `features.30.weight`.
    pub prefixes: &'static [&'static str],
}

/// A [`Stage`] in one line, for the tables of networks.
pub(crate) const fn stage(
    name: &'static str,
    channels: usize,
    stride: usize,
    prefixes: &'static [&'static str],
) -> Stage {
    Stage { name, channels, stride, prefixes }
}

impl Stage {
    /// Whether a parameter of this full name belongs to the stage.
    pub fn owns(&self, parameter: &str) -> bool {
        self.prefixes.iter().any(|prefix| is_below(parameter, prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_whole_parts_of_a_name() {
        let stage = Stage { name: "a", channels: 1, stride: 1, prefixes: &["features.1", "stem"] };
        for (name, wanted) in
            [("features.1.weight", true), ("features.10.weight", false), ("stem", true), ("stem2", false)]
        {
            assert_eq!(stage.owns(name), wanted, "{name}");
        }
    }
}
