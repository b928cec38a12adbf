//! The settings of a recipe, in the order of its file.

use super::augment::AugmentRecipe;
use super::data::DataRecipe;
use super::field::Field;
use super::head::HeadRecipe;
use super::optimize::OptimizeRecipe;
use super::regularize::RegularizeRecipe;
use super::root::Recipe;

/// All settings of a recipe, in the order of its file.
pub fn fields() -> impl Iterator<Item = &'static Field> {
    let sections = [
        Recipe::ROWS,
        DataRecipe::ROWS,
        AugmentRecipe::ROWS,
        HeadRecipe::ROWS,
        OptimizeRecipe::ROWS,
        RegularizeRecipe::ROWS,
    ];
    sections.into_iter().flatten().flatten()
}
