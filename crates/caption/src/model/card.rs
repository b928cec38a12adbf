//! What a captioner is, as a file.

use std::path::Path;

use serde::{Deserialize, Serialize};
use taper_augment::Normalize;
use taper_trainer::epochs::SettingError;

use super::error::ModelError;
use super::recurrent::Cell;
use super::search::Search;
use crate::data::Loading;
use crate::text::Vocabulary;

/// `model.json`: what the weights beside it are weights of.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CaptionCard {
    /// Version of this file: 1.
    pub schema: u32,
    /// The backbone, a name that [`taper_transfer::backbone`] knows.
    pub model: String,
    /// The recurrent cell.
    pub cell: Cell,
    /// Numbers of a hidden state.
    pub hidden: usize,
    /// Numbers of a word, and of what the cell is given of a picture.
    pub embed: usize,
    /// Side of a picture as the network sees it, pixels.
    pub size: u32,
    /// Mean of each channel, of values in 0..1.
    pub mean: [f32; 3],
    /// Standard deviation of each channel.
    pub std: [f32; 3],
    /// How captions are looked for.
    pub search: Search,
    /// The words in the order of their numbers.
    pub vocabulary: Vocabulary,
}

impl CaptionCard {
    /// Reads a `model.json`.
    ///
    /// # Errors
    /// When the file cannot be read, is no card of a captioner, or has a number out of its range.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        let text = taper_trainer::files::read_text(path)?;
        let card: Self =
            serde_json::from_str(&text).map_err(|source| ModelError::Card { path: path.into(), source })?;
        card.check()?;
        Ok(card)
    }

    /// Refuses numbers out of their range.
    ///
    /// # Errors
    /// Names the setting.
    pub fn check(&self) -> Result<(), ModelError> {
        let size = self.size;
        if !(16..=2048).contains(&size) {
            let (field, wanted) = ("size", "in 16..=2048 pixels");
            return Err(SettingError::new(field, wanted, size).into());
        }
        SettingError::whole(&[("hidden", self.hidden, 1, 8192), ("embed", self.embed, 1, 8192)])?;
        Ok(self.search.check()?)
    }

    /// How pictures become what the network sees.
    ///
    /// # Errors
    /// When the card has impossible colors.
    pub fn loading(&self) -> Result<Loading, ModelError> {
        let normalize = Normalize::new(self.mean, self.std).map_err(|source| {
            let (field, wanted) = ("mean and std", "finite numbers, std above 0");
            SettingError::new(field, wanted, source)
        })?;
        Ok(Loading { size: self.size, normalize })
    }
}
