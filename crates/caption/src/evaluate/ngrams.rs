//! Runs of words, and how often each occurs.

use std::collections::BTreeMap;

/// The longest run that is counted.
pub(super) const LONGEST: usize = 4;

/// A caption of a picture beside those that it is judged by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judged {
    /// The words of the caption.
    pub said: Vec<String>,
    /// The words of each of the others.
    pub references: Vec<Vec<String>>,
}

/// How often each run of one to four words occurs in a caption, in their order.
pub(super) type Counts<'a> = BTreeMap<&'a [String], usize>;

pub(super) fn counts(words: &[String]) -> Counts<'_> {
    let mut counts = Counts::new();
    for run in (1..=LONGEST).flat_map(|length| words.windows(length)) {
        *counts.entry(run).or_default() += 1;
    }
    counts
}
