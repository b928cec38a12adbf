//! Recipes by what they cost.

use super::{AverageRecipe, Plan, Recipe};

/// How long a run may take. What each makes of `tests/data/emoji` stands in the README.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preset {
    /// The head alone, on four variants of each picture that the network sees once: seconds.
    Quick,
    /// All layers above the first stage.
    #[default]
    Default,
    /// The same for twice as many epochs, and the average of the weights.
    Thorough,
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
                recipe.optimize.average = AverageRecipe::Ema { decay: 0.99, warm_up: true };
            }
        }
        recipe
    }
}
