//! How long and how fast.

use serde::{Deserialize, Serialize};

use super::RecipeError;
use super::average::AverageRecipe;
use super::clip::{ClipRecipe, NonFiniteRecipe, clip};
use super::named::named;
use super::precision::PrecisionRecipe;
use super::rule::Rule;
use super::schedule::ScheduleRecipe;

/// How long and how fast. What has a name is written as `{ name = "...", ... }` with those settings that differ from
/// the defaults, or as the name alone.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptimizeRecipe {
    /// The update rule. Default `adamw`.
    #[serde(deserialize_with = "named")]
    pub rule: Rule,
    /// What was said before rules had settings of their own: the momentum of `sgd` and `nesterov`, which
    /// [`Recipe::parse`](super::Recipe::parse) hands on to these. Never written.
    #[serde(skip_serializing)]
    pub momentum: Option<f64>,
    /// The course of the learning rate in each phase. Default `one_cycle`.
    #[serde(deserialize_with = "named")]
    pub schedule: ScheduleRecipe,
    /// Share of a phase spent on the way up, fraction. Default 0.3.
    pub warmup: f64,
    /// Epochs with the head alone. Default 4.
    pub head_epochs: usize,
    /// Epochs after that. Default 14.
    pub epochs: usize,
    /// Peak learning rate while the head is trained alone. Default [`Rule::usual_rate`], 2e-3 for `adamw`.
    pub rate: f64,
    /// Factor on it for the head once layers below are trained too. Default 0.5.
    pub head_factor: f64,
    /// Factor on it for the topmost stage of the backbone. Default 0.05.
    pub backbone_factor: f64,
    /// Further factor for each stage below. Default 0.3.
    pub stage_decay: f64,
    /// Stages of the backbone, from the picture, that keep their weights whatever the plan. Default 1: the first
    /// filters (edges, colours) serve any pictures, and their gradients cost the most.
    pub frozen_stages: usize,
    /// Batches that make one step, at least 1: their mean gradient is that of a batch that many times larger. An
    /// epoch's last step takes what is left. Default 1.
    pub accumulate: usize,
    /// What the products of convolutions are computed in. Default `f32`.
    pub precision: PrecisionRecipe,
    /// How gradients that are too large are made smaller. Default `global_norm` with the limit 5.
    #[serde(deserialize_with = "clip")]
    pub clip: ClipRecipe,
    /// What to do about a gradient that holds a NaN or an infinity. Default `error`.
    pub non_finite: NonFiniteRecipe,
    /// Which average of the weights is validated and left. Default `none`.
    #[serde(deserialize_with = "named")]
    pub average: AverageRecipe,
}

impl Default for OptimizeRecipe {
    fn default() -> Self {
        let rule = Rule::default();
        Self {
            rule,
            momentum: None,
            schedule: ScheduleRecipe::default(),
            warmup: 0.3,
            head_epochs: 4,
            epochs: 14,
            rate: rule.usual_rate(),
            head_factor: 0.5,
            backbone_factor: 0.05,
            stage_decay: 0.3,
            frozen_stages: 1,
            accumulate: 1,
            precision: PrecisionRecipe::default(),
            clip: ClipRecipe::default(),
            non_finite: NonFiniteRecipe::default(),
            average: AverageRecipe::default(),
        }
    }
}

impl OptimizeRecipe {
    /// Gives the momentum of an older recipe to the rule that it was for.
    pub(super) fn hand_on_momentum(&mut self) -> Result<(), RecipeError> {
        let Some(old) = self.momentum.take() else { return Ok(()) };
        match &mut self.rule {
            Rule::Sgd(sgd) => sgd.momentum = old,
            Rule::Nesterov(nesterov) => nesterov.momentum = old,
            // It stands in every older recipe, where for AdamW it never meant anything.
            Rule::AdamW(_) => {}
            _ => {
                let wanted = "among the settings of the rule, as in rule = { name = \"momentum\", momentum = 0.9 }";
                return Err(RecipeError::Field { field: "optimize.momentum", wanted, got: old.to_string() });
            }
        }
        Ok(())
    }
}
