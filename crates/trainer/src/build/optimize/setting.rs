//! Errors of the optimizers as those of a recipe.

use taper_optim::OptimError;

use crate::recipe::RecipeError;

/// An error of the optimizer's, with the table of the recipe that it is about.
pub(super) fn setting(section: &'static str) -> impl Fn(OptimError) -> RecipeError {
    move |source| RecipeError::Setting { section, source: Box::new(source) }
}
