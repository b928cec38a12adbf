//! Vectors by word.

use std::collections::BTreeMap;

/// Vectors of some words.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WordVectors {
    /// How many numbers each has.
    pub width: usize,
    /// The words and their vectors.
    pub words: BTreeMap<String, Vec<f32>>,
}
