//! Recipes by what they cost.

use serde::{Deserialize, Serialize};

use super::choice::choices;
use super::plan::Plan;
use super::root::Recipe;

choices! {
    /// How long a run may take. What each makes of `tests/data/emoji` stands in the README.
    pub enum Preset, default Default {
        /// The head alone, on four variants of each picture that the network sees once: seconds.
        Quick = "quick",
        /// All layers above the first stage.
        Default = "default",
        /// The same for twice as many epochs.
        Thorough = "thorough",
    }
}

impl Preset {
    /// The recipe, from one that says what is usual.
    pub fn recipe(self, usual: &Recipe) -> Recipe {
        let mut recipe = usual.clone();
        match self {
            Self::Quick => {
                recipe.plan = Plan::Probe;
                recipe.data.variants = Some(4);
            }
            Self::Default => {}
            Self::Thorough => {
                recipe.optimize.head_epochs = 6;
                recipe.optimize.epochs = 30;
            }
        }
        recipe
    }
}
