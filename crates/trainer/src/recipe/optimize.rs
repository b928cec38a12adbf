//! How long and how fast.

use serde::{Deserialize, Serialize};

use super::average::AverageRecipe;
use super::clip::{ClipRecipe, NonFiniteRecipe, clip};
use super::error::RecipeError;
use super::field::Takes::{Choice, Clip, LrScale, Named, Number, Stages, Switch};
use super::field::fields;
use super::frozen::Frozen;
use super::named::named;
use super::number_loss::NumberLoss;
use super::precision::PrecisionRecipe;
use super::range::EPOCHS;
use super::range::Range::{Fraction, Positive, Whole};
use super::rule::Rule;
use super::schedule::ScheduleRecipe;
use super::wrappers::{LookaheadRecipe, SamRecipe};

fields! {
    /// How long and how fast. What has a name is written as `{ name = "...", ... }` with those
    /// settings that differ from the defaults, or as the name alone.
    pub struct OptimizeRecipe in "optimize." {
        /// The update rule.
        #[serde(deserialize_with = "named")]
        rule: Rule = Rule::default() => [Optimizer, "--optimizer NAME", Short, Named(&Rule::NAMES)];
        /// Take from the gradient of each unit its mean, before the rule sees it.
        centralize: bool = false => [Optimizer, "--centralize", Long, Switch];
        /// What was said before rules had settings of their own: the momentum of `sgd` and
        /// `nesterov`, which [`Recipe::parse`](super::Recipe::parse) hands on to these. Never
        /// written.
        #[serde(skip_serializing)]
        momentum: Option<f64> = None;
        /// The course of the learning rate over each phase.
        #[serde(deserialize_with = "named")]
        schedule: ScheduleRecipe = ScheduleRecipe::default() => [Schedule, "--schedule NAME", Long, Named(&ScheduleRecipe::NAMES)];
        /// Share of a phase spent on the way up, fraction.
        warmup: f64 = 0.3 => [Schedule, "--warmup FRACTION", Long, Number(Fraction)];
        /// Epochs with the head alone.
        head_epochs: usize = 4 => [Plan, "--head-epochs EPOCHS", Short, Number(EPOCHS)];
        /// Epochs after that.
        epochs: usize = 14 => [Plan, "--epochs EPOCHS", Short, Number(EPOCHS)];
        /// Peak learning rate while the head is trained alone; where a rule is named and no rate,
        /// it is what suits the rule.
        lr: f64 = Rule::default().usual_lr() => [Optimizer, "--lr LR", Short, Number(Positive)];
        /// Peak learning rate of the head once layers below are trained too; in a recipe its scale
        /// on lr.
        head_lr_scale: f64 = 0.5 => [Optimizer, "--head-lr LR", Long, LrScale];
        /// Peak learning rate of the topmost stage of the backbone, by default a tenth of the
        /// head's; in a recipe its scale on lr.
        backbone_lr_scale: f64 = 0.05 => [Optimizer, "--backbone-lr LR", Long, LrScale];
        /// Further scale on the learning rate for each stage below.
        stage_decay: f64 = 0.3 => [Optimizer, "--stage-decay SCALE", Long, Number(Positive)];
        /// The last stage that keeps its weights, or none; all before it keep theirs too, whatever
        /// the plan. In a recipe by name, or how many there are from the picture. The first filters
        /// (edges, colors) serve any pictures, and their gradients cost the most.
        frozen_stages: Frozen = Frozen::Count(1) => [Plan, "--freeze STAGE", Short, Stages(1000)];
        /// Batches whose mean gradient makes one step, as of a batch that many times larger; an
        /// epoch's last step takes what is left.
        accumulate: usize = 1 => [Optimizer, "--accumulate K", Long, Number(Whole(1, 65_536))];
        /// Shards of a batch, computed one after the other or by several processes, with batch norm
        /// in each; 0 is a batch in one piece. Their gradients are added up by a fixed tree, so
        /// that the number of processes changes nothing. Several processes take 8 by themselves.
        shards: usize = 0 => [Optimizer, "--shards V", Long, Number(Whole(0, 4096))];
        /// What convolutions and the maps between them are computed in; the network that is left
        /// is measured in float32.
        precision: PrecisionRecipe = PrecisionRecipe::Auto => [Optimizer, "--precision TYPE", Long, Choice(PrecisionRecipe::CHOICES)];
        /// Keep of every stage only what it begins with, and compute the rest again for its
        /// gradient: for large maps, and a second forward pass.
        checkpoint_activations: bool = false => [Optimizer, "--checkpoint-activations", Long, Switch];
        /// How far a number is from what it should be, where pictures have numbers: in standard
        /// deviations its distance, the square of it, or Huber's, of which the recipe takes a
        /// delta.
        #[serde(deserialize_with = "named")]
        number_loss: NumberLoss = NumberLoss::L2 {} => [Optimizer, "--number-loss NAME", Long, Named(&NumberLoss::NAMES)];
        /// How gradients that are too large are made smaller: a limit of their global norm, or
        /// none, global_norm, value or adaptive.
        #[serde(deserialize_with = "clip")]
        clip: ClipRecipe = ClipRecipe::default() => [Optimizer, "--clip NORM", Long, Clip];
        /// What to do about a gradient that holds a NaN or an infinity.
        non_finite: NonFiniteRecipe = NonFiniteRecipe::Error => [Optimizer, "--non-finite HOW", Long, Choice(NonFiniteRecipe::CHOICES)];
        /// The average of the weights that is validated and left; the usual one is not taken with
        /// schedule_free_adamw and lookahead, which have weights of their own for that, and with
        /// l1, whose zeros it would fill.
        #[serde(deserialize_with = "named")]
        average: AverageRecipe = AverageRecipe::default() => [Optimizer, "--average NAME", Long, Named(&AverageRecipe::NAMES)];
        /// Slow weights that follow those of the rule.
        lookahead: LookaheadRecipe = LookaheadRecipe::default();
        /// The gradient of the worst point near by.
        sam: SamRecipe = SamRecipe::default();
    }
}

impl OptimizeRecipe {
    /// What wants other weights evaluated than those that are trained, if there is such a thing.
    pub(super) fn evaluates(&self) -> Option<&'static str> {
        match self.rule {
            Rule::ScheduleFreeAdamW(_) => Some(self.rule.name()),
            _ => (self.lookahead.k > 0).then_some("lookahead"),
        }
    }

    /// Whether what a rule remembers serves a further phase, with more layers: not where other
    /// weights are left than those that it trained, nor where all layers share what it has found.
    pub(crate) fn carries_over(&self) -> bool {
        self.evaluates().is_none() && !matches!(self.rule, Rule::Prodigy(_))
    }

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
