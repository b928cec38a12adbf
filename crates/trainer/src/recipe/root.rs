//! The recipe as a whole.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use taper_data::LabelKind;

use super::augment::AugmentRecipe;
use super::average::AverageRecipe;
use super::data::DataRecipe;
use super::field::Takes::{Choice, Number, Path, Switch, Text};
use super::field::fields;
use super::frozen::Frozen;
use super::head::HeadRecipe;
use super::normalize::NormalizeRecipe;
use super::optimize::OptimizeRecipe;
use super::plan::Plan;
use super::precision::PrecisionRecipe;
use super::range::Range::Whole;
use super::regularize::RegularizeRecipe;
use super::rule::Rule;

/// Steps, about, of an epoch of few pictures.
const STEPS: usize = 16;

fields! {
    /// Everything a run depends on, as plain data: the same recipe on the same machine gives the
    /// same bits. It is written into the run folder as `recipe.toml` and runs again with
    /// `taper fine-tune -c recipe.toml`.
    pub struct Recipe in "" {
        /// The network: a name that `taper models list` has; from scratch also small_cnn,
        /// resnet18_small or resnet18_narrow.
        model: String = String::from("squeezenet1_1") => [Network, "--model NAME", Short, Text];
        /// Whether it begins with pretrained weights, as fine-tune has it, or with random ones, as
        /// train has it.
        pretrained: bool = true => [Network, "", Long, Switch];
        /// A file in place of the model's own weights: safetensors, or a state dict of PyTorch's.
        weights: Option<PathBuf> = None => [Network, "--weights FILE", Long, Path];
        /// Take of that file what fits, and begin the rest anew.
        partial: bool = false => [Network, "--partial", Long, Switch];
        /// The last stage of the network that is used, by name, where an earlier one serves better
        /// than the last (`taper probe` tells); left out, all are.
        cut: Option<String> = None => [Network, "--cut STAGE", Long, Text];
        /// Which layers are trained after the head.
        plan: Plan = Plan::Full => [Plan, "--plan PLAN", Short, Choice(Plan::CHOICES)];
        /// The seed of every random stream.
        seed: u64 = 0 => [Plan, "--seed SEED", Short, Number(Whole(0, i64::MAX))];
        /// Train N networks, each with a seed of its own from SEED on, and measure them together.
        members: usize = 1 => [Plan, "--members N", Long, Number(Whole(1, 1000))];
        /// Where the pictures come from.
        data: DataRecipe = DataRecipe::default();
        /// What is done to a picture in training.
        augment: AugmentRecipe = AugmentRecipe::default();
        /// The new head.
        head: HeadRecipe = HeadRecipe::default();
        /// How long and how fast.
        optimize: OptimizeRecipe = OptimizeRecipe::default();
        /// What keeps the network from learning by heart.
        regularize: RegularizeRecipe = RegularizeRecipe::default();
    }
}

/// The largest seed: the largest number that TOML has.
pub const MOST_SEED: u64 = i64::MAX as u64;

impl Recipe {
    /// What `taper train` begins with: `small_cnn` with random weights, all layers from the first
    /// epoch at one rate; pictures normalized by their own mean and standard deviation.
    pub fn from_scratch() -> Self {
        Self {
            model: "small_cnn".into(),
            pretrained: false,
            data: DataRecipe {
                image_size: 28,
                batch_size: 128,
                normalize: NormalizeRecipe::Data {},
                ..DataRecipe::default()
            },
            augment: AugmentRecipe::shifted(),
            head: HeadRecipe::linear(),
            optimize: OptimizeRecipe {
                head_epochs: 0,
                epochs: 12,
                frozen_stages: Frozen::Count(0),
                head_lr_scale: 1.0,
                backbone_lr_scale: 1.0,
                stage_decay: 1.0,
                lr: 5e-3,
                average: AverageRecipe::None {},
                precision: PrecisionRecipe::F32,
                ..OptimizeRecipe::default()
            },
            regularize: RegularizeRecipe { weight_decay: 0.05, ..RegularizeRecipe::default() },
            ..Self::default()
        }
    }

    /// This recipe without noise: pictures are not augmented, and the head is linear.
    pub fn quiet(&self) -> Self {
        Self { augment: AugmentRecipe::none(), head: HeadRecipe::linear(), ..self.clone() }
    }

    /// Whether it wants something measured on its training pictures first:
    /// [`measured`](crate::build::colors::measured).
    pub fn measures(&self) -> bool {
        self.data.normalize == (NormalizeRecipe::Data {}) || self.augment.measures()
    }

    /// [`DataRecipe::variants`], or its default.
    pub fn variants(&self) -> u32 {
        let usual = u32::from(self.plan == Plan::Probe && !self.regularize.mixes());
        self.data.variants.unwrap_or(usual)
    }

    /// [`DataRecipe::passes`] over so many training pictures, or their default. L-BFGS sees each
    /// picture once.
    pub fn passes(&self, pictures: usize) -> usize {
        if self.takes_no_steps() {
            return 1;
        }
        let steps = pictures.div_ceil(self.data.batch_size).div_ceil(self.optimize.accumulate).max(1);
        // The nearest whole number of passes.
        self.data.passes.map_or_else(|| ((STEPS + steps / 2) / steps).max(1), |passes| passes as usize)
    }

    fn takes_no_steps(&self) -> bool {
        matches!(self.optimize.rule, Rule::Lbfgs(_))
    }

    /// [`OptimizeRecipe::average`], but where it is only the usual one and does not fit the rest.
    pub(crate) fn averaged(&self) -> AverageRecipe {
        let fits = self.optimize.evaluates().is_none() && self.regularize.l1 == 0.0 && !self.takes_no_steps();
        if fits || self.optimize.average.is_asked_for() { self.optimize.average } else { AverageRecipe::None {} }
    }

    /// [`RegularizeRecipe::label_smoothing`], or its default for labels of this kind.
    pub fn label_smoothing(&self, kind: LabelKind) -> f64 {
        let usual = match (kind, self.pretrained) {
            (LabelKind::One, true) => 0.1,
            (LabelKind::One, false) => 0.05,
            (LabelKind::Many | LabelKind::Number, _) => 0.0,
        };
        self.regularize.label_smoothing.unwrap_or(usual)
    }

    /// [`DataRecipe::split_seed`], or its default.
    pub fn split_seed(&self) -> u64 {
        self.data.split_seed.unwrap_or(self.seed)
    }
}

#[cfg(test)]
mod tests {
    use super::super::rule::LbfgsRecipe;
    use super::*;

    #[test]
    fn the_usual_average_is_taken_where_it_fits() {
        let mut recipe = Recipe::default();
        assert_eq!(recipe.averaged(), AverageRecipe::default());
        recipe.regularize.l1 = 0.1;
        assert_eq!(recipe.averaged(), AverageRecipe::None {});
        recipe.optimize.average = AverageRecipe::named("polyak").unwrap();
        assert_eq!(recipe.averaged(), recipe.optimize.average);
        let mut recipe = Recipe::default();
        recipe.optimize.lookahead.k = 5;
        assert_eq!(recipe.averaged(), AverageRecipe::None {});
        assert_eq!(Recipe::from_scratch().averaged(), AverageRecipe::None {});
        let mut recipe = Recipe::default();
        recipe.optimize.rule = Rule::Lbfgs(LbfgsRecipe::default());
        assert_eq!(recipe.averaged(), AverageRecipe::None {});
    }

    #[test]
    fn few_pictures_are_gone_through_several_times_in_an_epoch() {
        let mut recipe = Recipe::default();
        for (pictures, passes) in [(1, 16), (36, 8), (300, 2), (352, 1), (531, 1), (100_000, 1)] {
            assert_eq!(recipe.passes(pictures), passes, "{pictures} pictures");
        }
        recipe.optimize.accumulate = 4;
        assert_eq!(recipe.passes(531), 3, "17 batches are 5 steps");
        recipe.data.passes = Some(2);
        assert_eq!((recipe.passes(36), recipe.passes(100_000)), (2, 2));
        recipe.optimize.rule = Rule::Lbfgs(LbfgsRecipe::default());
        assert_eq!(recipe.passes(36), 1);
    }
}
