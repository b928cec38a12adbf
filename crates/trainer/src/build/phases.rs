//! A plan as phases: which layers are trained, and for how long.

use taper_transfer::{Stage, architecture};

use crate::recipe::{Frozen, OptimizeRecipe, Plan, Recipe, RecipeError};

/// A run of epochs with the same layers in training.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phase {
    /// What the phase is called in tables: `head`, `top`, `all`; on the way to `all` `top 1` and so
    /// on.
    pub name: &'static str,
    /// Stages of the backbone that are frozen, from the bottom.
    pub frozen: usize,
    /// How long.
    pub epochs: usize,
}

/// What phases are called that train so many stages, from 1.
const TOPS: [&str; 7] = ["top 1", "top 2", "top 3", "top 4", "top 5", "top 6", "top 7"];

/// How many of these stages, those of the recipe's network from the picture, stay frozen.
///
/// # Errors
/// When there is no stage of the recipe's name, or there are fewer than its number.
pub fn frozen_stages(recipe: &Recipe, stages: &[Stage]) -> Result<usize, RecipeError> {
    match &recipe.optimize.frozen_stages {
        Frozen::Count(count) if *count <= stages.len() => Ok(*count),
        Frozen::Count(got) => Err(RecipeError::TooManyFrozen { got: *got, known: names(stages) }),
        Frozen::Through(name) if name == Frozen::NONE => Ok(0),
        Frozen::Through(name) => {
            let none = |known| [known, vec![Frozen::NONE]].concat();
            numbered(recipe, stages, name).map(|stage| stage + 1).map_err(|known| RecipeError::Stage {
                field: "optimize.frozen_stages",
                got: name.clone(),
                known: none(known),
            })
        }
    }
}

/// The number of the stage of this name, which may be one that it had before; where there is none
/// the names that there are, nearest first.
pub(crate) fn numbered(recipe: &Recipe, stages: &[Stage], name: &str) -> Result<usize, Vec<&'static str>> {
    let now = architecture(&recipe.model).map_or(name, |network| network.stage_name(name));
    stages.iter().position(|stage| stage.name == now).ok_or_else(|| {
        let mut known = names(stages);
        known.sort_by_key(|known| strsim::levenshtein(known, name));
        known
    })
}

fn names(stages: &[Stage]) -> Vec<&'static str> {
    stages.iter().map(|stage| stage.name).collect()
}

/// The phases of a plan over a backbone of these stages. Where all are frozen it is the head alone
/// that is trained, in one phase.
///
/// # Errors
/// As [`frozen_stages`].
pub fn phases(recipe: &Recipe, stages: &[Stage]) -> Result<Vec<Phase>, RecipeError> {
    Ok(phases_of(recipe, stages.len(), frozen_stages(recipe, stages)?))
}

/// The phases over so many stages, the first `frozen` of which keep their weights.
fn phases_of(recipe: &Recipe, stages: usize, frozen: usize) -> Vec<Phase> {
    let OptimizeRecipe { head_epochs, epochs, .. } = recipe.optimize;
    let head = |epochs| Phase { name: "head", frozen: stages, epochs };
    let thawed = stages - frozen;
    let mut phases = match recipe.plan {
        Plan::Probe => vec![head(head_epochs + epochs)],
        _ if thawed == 0 => vec![head(head_epochs + epochs)],
        Plan::Top => vec![head(head_epochs), Phase { name: "top", frozen: stages - 1, epochs }],
        Plan::Full => vec![head(head_epochs), Phase { name: "all", frozen, epochs }],
        Plan::Gradual => {
            // The later phases, which have more to learn, get what does not divide.
            let share = |i: usize| epochs / thawed + usize::from(thawed - i <= epochs % thawed);
            let name = |i: usize| if i + 1 == thawed { "all" } else { TOPS[i.min(TOPS.len() - 1)] };
            let step = |i| Phase { name: name(i), frozen: stages - 1 - i, epochs: share(i) };
            [head(head_epochs)].into_iter().chain((0..thawed).map(step)).collect()
        }
    };
    phases.retain(|phase| phase.epochs > 0);
    phases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_a_list_of_phases() {
        let mut recipe = Recipe::default();
        let lengths = |recipe: &Recipe, frozen| {
            phases_of(recipe, 4, frozen).iter().map(|p| (p.name, p.frozen, p.epochs)).collect::<Vec<_>>()
        };
        recipe.optimize.head_epochs = 2;
        recipe.optimize.epochs = 5;
        assert_eq!(lengths(&recipe, 1), [("head", 4, 2), ("all", 1, 5)]);
        assert_eq!(lengths(&recipe, 4), [("head", 4, 7)]);
        recipe.plan = Plan::Top;
        assert_eq!(lengths(&recipe, 1), [("head", 4, 2), ("top", 3, 5)]);
        recipe.plan = Plan::Probe;
        assert_eq!(lengths(&recipe, 1), [("head", 4, 7)]);
        recipe.plan = Plan::Full;
        recipe.optimize.head_epochs = 0;
        assert_eq!(lengths(&recipe, 0), [("all", 0, 5)]);
        recipe.plan = Plan::Gradual;
        recipe.optimize.head_epochs = 2;
        assert_eq!(lengths(&recipe, 1), [("head", 4, 2), ("top 1", 3, 1), ("top 2", 2, 2), ("all", 1, 2)]);
        recipe.optimize.epochs = 2;
        assert_eq!(lengths(&recipe, 1), [("head", 4, 2), ("top 2", 2, 1), ("all", 1, 1)]);
        assert_eq!(lengths(&recipe, 4), [("head", 4, 4)]);
    }

    #[test]
    fn stages_are_frozen_by_name_or_number_and_others_are_refused() {
        let stages = architecture("vgg11").unwrap().stages();
        let frozen = |value: Frozen| {
            let mut recipe = Recipe { model: "vgg11".into(), ..Recipe::default() };
            recipe.optimize.frozen_stages = value;
            frozen_stages(&recipe, &stages)
        };
        let named = |name: &str| frozen(Frozen::Through(name.into()));
        assert_eq!((named("none").unwrap(), named("conv1").unwrap(), named("conv5").unwrap()), (0, 1, 5));
        assert_eq!((named("fc7").unwrap(), frozen(Frozen::Count(7)).unwrap()), (7, 7));
        // The name of before.
        assert_eq!(named("block5").unwrap(), 5);
        let said = named("cnv5").unwrap_err().to_string();
        assert!(said.contains("nearest first one of conv5, ") && said.contains(", none; got cnv5"), "{said}");
        let said = frozen(Frozen::Count(9)).unwrap_err().to_string();
        assert!(said.contains("at most 7") && said.contains("conv1, ") && said.contains("got 9"), "{said}");
    }
}
