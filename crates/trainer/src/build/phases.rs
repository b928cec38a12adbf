//! A plan as phases: which layers are trained, and for how long.

use crate::recipe::{OptimizeRecipe, Plan, Recipe};

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
const TOPS: [&str; 5] = ["top 1", "top 2", "top 3", "top 4", "top 5"];

/// The phases of a plan over a backbone of `stages` stages.
pub fn phases(recipe: &Recipe, stages: usize) -> Vec<Phase> {
    let OptimizeRecipe { head_epochs, epochs, frozen_stages, .. } = recipe.optimize;
    let head = |epochs| Phase { name: "head", frozen: stages, epochs };
    let mut phases = match recipe.plan {
        Plan::Probe => vec![head(head_epochs + epochs)],
        Plan::Top => vec![
            head(head_epochs),
            Phase { name: "top", frozen: frozen_stages.max(stages.saturating_sub(1)).min(stages), epochs },
        ],
        Plan::Full => vec![head(head_epochs), Phase { name: "all", frozen: frozen_stages.min(stages), epochs }],
        Plan::Gradual => {
            let thawed = stages - frozen_stages.min(stages);
            // The later phases, which have more to learn, get what does not divide.
            let share = |i: usize| epochs / thawed + usize::from(thawed - i <= epochs % thawed);
            let name = |i: usize| if i + 1 == thawed { "all" } else { TOPS[i.min(TOPS.len() - 1)] };
            let step = |i| Phase { name: name(i), frozen: stages - 1 - i, epochs: share(i) };
            if thawed == 0 {
                vec![head(head_epochs + epochs)]
            } else {
                [head(head_epochs)].into_iter().chain((0..thawed).map(step)).collect()
            }
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
        let lengths =
            |recipe: &Recipe| phases(recipe, 4).iter().map(|p| (p.name, p.frozen, p.epochs)).collect::<Vec<_>>();
        recipe.optimize.head_epochs = 2;
        recipe.optimize.epochs = 5;
        assert_eq!(lengths(&recipe), [("head", 4, 2), ("all", 1, 5)]);
        recipe.plan = Plan::Top;
        assert_eq!(lengths(&recipe), [("head", 4, 2), ("top", 3, 5)]);
        recipe.plan = Plan::Probe;
        assert_eq!(lengths(&recipe), [("head", 4, 7)]);
        recipe.plan = Plan::Full;
        recipe.optimize.head_epochs = 0;
        recipe.optimize.frozen_stages = 0;
        assert_eq!(lengths(&recipe), [("all", 0, 5)]);
        recipe.plan = Plan::Gradual;
        (recipe.optimize.frozen_stages, recipe.optimize.head_epochs) = (1, 2);
        assert_eq!(lengths(&recipe), [("head", 4, 2), ("top 1", 3, 1), ("top 2", 2, 2), ("all", 1, 2)]);
        recipe.optimize.epochs = 2;
        assert_eq!(lengths(&recipe), [("head", 4, 2), ("top 2", 2, 1), ("all", 1, 1)]);
        recipe.optimize.frozen_stages = 4;
        assert_eq!(lengths(&recipe), [("head", 4, 4)]);
        recipe.plan = Plan::Full;
        (recipe.optimize.frozen_stages, recipe.optimize.head_epochs, recipe.optimize.epochs) = (9, 0, 5);
        assert_eq!(lengths(&recipe), [("all", 4, 5)]);
    }
}
