//! The optimizer of a network: what is trained, in groups, each with its rate and its decay.

use candle_core::Var;
use taper_nn::Params;
use taper_optim::{Clip, Group, Missing, NonFinite, OptimError, Optimizer, OptimizerConfig, UpdateRule};
use taper_regularize::{DropPer, decays};
use taper_transfer::{Classifier, Part};

use crate::recipe::{ClipRecipe, NonFiniteRecipe, Recipe, RegularizeRecipe};

/// The optimizer of what a classifier trains now, by `rule`: a group for each stage and the head,
/// with and without weight decay.
///
/// # Errors
/// When nothing is trained, or a setting is out of its range.
pub fn optimizer(
    rule: Box<dyn UpdateRule>,
    classifier: &Classifier,
    params: &Params,
    recipe: &Recipe,
) -> Result<Optimizer, OptimError> {
    let o = &recipe.optimize;
    let mut groups: Vec<Group> = Vec::new();
    for taper_transfer::Trainable { name, var, part } in classifier.trainables(params) {
        let lr_scale = lr_scale(classifier, recipe, part);
        let weight_decay = if decays(&name, var.dims()) { recipe.regularize.weight_decay } else { 0.0 };
        let entry: (String, Var) = (name, var);
        match groups.iter_mut().find(|g| g.lr_scale == lr_scale && g.weight_decay == weight_decay) {
            Some(group) => group.params.push(entry),
            None => groups.push(Group { params: vec![entry], lr_scale, weight_decay, ..Group::default() }),
        }
    }
    let non_finite = match o.non_finite {
        NonFiniteRecipe::Error => NonFinite::Error,
        NonFiniteRecipe::Skip => NonFinite::Skip,
    };
    let config = OptimizerConfig { clip: clip(o.clip), non_finite, missing: missing(&recipe.regularize) };
    Optimizer::new(rule, groups, config)
}

/// The factor on the base rate for a part of the network, with what is frozen now.
pub(crate) fn lr_scale(classifier: &Classifier, recipe: &Recipe, part: Part) -> f64 {
    lr_scale_of(recipe, (classifier.frozen(), classifier.backbone().stages().len()), part)
}

/// The factor on the base rate for a part of a network of so many stages, the first `frozen` of
/// which are not trained.
pub(crate) fn lr_scale_of(recipe: &Recipe, (frozen, stages): (usize, usize), part: Part) -> f64 {
    let o = &recipe.optimize;
    match part {
        Part::Head if frozen == stages => 1.0,
        Part::Head => o.head_lr_scale,
        Part::Stage(stage) => o.backbone_lr_scale * o.stage_decay.powi((stages - 1 - stage) as i32),
    }
}

fn clip(clip: ClipRecipe) -> Clip {
    match clip {
        ClipRecipe::None {} => Clip::None,
        ClipRecipe::GlobalNorm { limit } => Clip::GlobalNorm(limit),
        ClipRecipe::Value { limit } => Clip::Value(limit),
        ClipRecipe::Adaptive { ratio, eps } => Clip::Adaptive { ratio, eps },
    }
}

/// What an optimizer makes of a parameter without a gradient: that of a block that is left out has
/// none.
fn missing(r: &RegularizeRecipe) -> Missing {
    let dropped = r.stochastic_depth > 0.0 && r.drop_per == DropPer::Batch;
    if dropped { Missing::Zero } else { Missing::Error }
}
