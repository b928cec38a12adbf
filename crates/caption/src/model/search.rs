//! How captions are looked for.

use serde::{Deserialize, Serialize};
use taper_trainer::epochs::SettingError;

/// How captions are looked for: the most likely of those that a beam keeps.
///
/// With a beam of 1 each word is the most likely one (greedy). With B, the B most likely beginnings
/// of captions go on by a word each time; a caption that has ended is kept aside, and the search
/// ends where B have ended and none that goes on is more likely than the last of those. A caption
/// that has `most` words ends there. `<start>` and `<unk>` are never said. Of equally likely words
/// the one with the smaller number is taken.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Search {
    /// How many captions are kept on the way. Default 3; Vinyals et al. took 20, and 3 in 2016.
    pub beam: usize,
    /// The most words of a caption. Default 20.
    pub most: usize,
}

impl Default for Search {
    fn default() -> Self {
        Self { beam: 3, most: 20 }
    }
}

impl Search {
    /// Refuses numbers out of their range.
    ///
    /// # Errors
    /// Names the setting.
    pub fn check(&self) -> Result<(), SettingError> {
        SettingError::whole(&[("search.beam", self.beam, 1, 1000), ("search.most", self.most, 1, 1000)])
    }
}
