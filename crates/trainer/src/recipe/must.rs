//! What a setting must be, given the others.

use super::error::RecipeError;
use super::root::Recipe;

/// What a setting must be, given the others.
pub(super) struct Must {
    pub(super) field: &'static str,
    pub(super) wanted: &'static str,
    /// What it is, where it is something else.
    pub(super) broken: fn(&Recipe) -> Option<String>,
}

impl Recipe {
    /// Refuses the first setting that is not what it must be.
    pub(super) fn must(&self, rules: &[Must]) -> Result<(), RecipeError> {
        rules.iter().try_for_each(|&Must { field, wanted, broken }| match broken(self) {
            Some(got) => Err(RecipeError::Field { field, wanted, got }),
            None => Ok(()),
        })
    }
}
