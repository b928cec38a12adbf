//! From a recipe's words to what moves the parameters.

mod rule;
mod schedule;

use anyhow::Result;
use candle_core::Var;
use taper_nn::Params;
use taper_optim::{Averaging, Clip, Group, NonFinite, OptimError, Optimizer, OptimizerConfig, UpdateRule};
use taper_regularize::decays;
use taper_transfer::{Classifier, Part};

use crate::build::regularize::missing;
use crate::recipe::{AverageRecipe, ClipRecipe, NonFiniteRecipe, OptimizeRecipe, Recipe, RecipeError};

pub use self::rule::{Method, method};
pub use self::schedule::{Pace, pace};

/// How many steps a phase has. Fractions and epochs of a recipe become steps by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Steps of the phase.
    pub steps: u64,
    /// Steps of an epoch.
    pub per_epoch: u64,
}

impl Span {
    /// The nearest number of steps to a number of epochs, at least 1.
    fn epochs(self, field: &'static str, epochs: f64) -> Result<u64, RecipeError> {
        if !(epochs > 0.0 && epochs.is_finite()) {
            let wanted = "a positive number of epochs";
            return Err(RecipeError::Field { field, wanted, got: epochs.to_string() });
        }
        Ok(((epochs * self.per_epoch as f64).round() as u64).max(1))
    }

    /// The number of steps before a place in the phase.
    fn place(self, field: &'static str, fraction: f64) -> Result<u64, RecipeError> {
        if !(0.0..1.0).contains(&fraction) {
            let wanted = "in [0, 1), a fraction of the phase";
            return Err(RecipeError::Field { field, wanted, got: fraction.to_string() });
        }
        Ok((fraction * self.steps as f64).round() as u64)
    }
}

/// Builds everything once, so that a wrong setting is found before a picture is read.
///
/// # Errors
/// Names the first setting that is out of its range.
pub fn check(o: &OptimizeRecipe) -> Result<(), RecipeError> {
    let long = Span { steps: 10_000, per_epoch: 100 };
    method(&o.rule, 1)?;
    pace(o, long)?;
    averaging(o.average, long)?;
    Ok(())
}

/// The average of the weights over a phase, if there is to be one.
///
/// # Errors
/// Names a place or length that is out of its range.
pub fn averaging(average: AverageRecipe, span: Span) -> Result<Option<Averaging>, RecipeError> {
    // Places are steps done before; a snapshot is taken after a step, the last one at the latest.
    let first = |place: u64| (place + 1).min(span.steps.max(1));
    Ok(match average {
        AverageRecipe::None {} => None,
        AverageRecipe::Polyak { start: 0.0 } => Some(Averaging::PolyakRuppert),
        AverageRecipe::Polyak { start } => {
            let start = first(span.place("optimize.average.start", start)?);
            Some(Averaging::Snapshots { start, every: 1 })
        }
        AverageRecipe::Ema { decay, warm_up } => Some(Averaging::Exponential { decay, warm_up }),
        AverageRecipe::Swa { start, every } => {
            let start = first(span.place("optimize.average.start", start)?);
            let every = span.epochs("optimize.average.every", every)?;
            Some(Averaging::Snapshots { start, every })
        }
    })
}

/// The optimizer of what a classifier trains now, by `rule`: a group for each stage and the head, with and without
/// weight decay.
///
/// # Errors
/// When nothing is trained, or a setting is out of its range.
pub fn optimizer(
    rule: Box<dyn UpdateRule>,
    classifier: &Classifier,
    params: &Params,
    recipe: &Recipe,
) -> Result<Optimizer> {
    let o = &recipe.optimize;
    let mut groups: Vec<Group> = Vec::new();
    for taper_transfer::Trainable { name, var, part } in classifier.trainables(params) {
        let rate = rate_factor(classifier, recipe, part);
        let weight_decay = if decays(&name, var.dims()) { recipe.regularize.weight_decay } else { 0.0 };
        let entry: (String, Var) = (name, var);
        match groups.iter_mut().find(|g| g.rate == rate && g.weight_decay == weight_decay) {
            Some(group) => group.params.push(entry),
            None => groups.push(Group { params: vec![entry], rate, weight_decay, ..Group::default() }),
        }
    }
    let non_finite = match o.non_finite {
        NonFiniteRecipe::Error => NonFinite::Error,
        NonFiniteRecipe::Skip => NonFinite::Skip,
    };
    Ok(Optimizer::new(
        rule,
        groups,
        OptimizerConfig { clip: clip(o.clip), non_finite, missing: missing(&recipe.regularize) },
    )?)
}

/// The factor on the base rate for a part of the network, with what is frozen now.
pub(crate) fn rate_factor(classifier: &Classifier, recipe: &Recipe, part: Part) -> f64 {
    let (o, stages) = (&recipe.optimize, classifier.backbone().stages().len());
    match part {
        Part::Head if classifier.frozen() == stages => 1.0,
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

/// An error of the optimizer's, with the table of the recipe that it is about.
fn setting(section: &'static str) -> impl Fn(OptimError) -> RecipeError {
    move |source| RecipeError::Setting { section, source: Box::new(source) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Span = Span { steps: 40, per_epoch: 10 };

    #[test]
    fn fractions_and_epochs_become_steps() {
        let averaging = |average| averaging(average, SPAN).unwrap().unwrap();
        assert_eq!(averaging(AverageRecipe::Polyak { start: 0.0 }), Averaging::PolyakRuppert);
        let half = Averaging::Snapshots { start: 21, every: 1 };
        assert_eq!(averaging(AverageRecipe::Polyak { start: 0.5 }), half);
        let swa = Averaging::Snapshots { start: 31, every: 5 };
        assert_eq!(averaging(AverageRecipe::Swa { start: 0.75, every: 0.5 }), swa);
        // The last step is the last that can begin.
        let late = Averaging::Snapshots { start: 40, every: 1 };
        assert_eq!(averaging(AverageRecipe::Swa { start: 0.999, every: 0.01 }), late);
    }

    #[test]
    fn settings_out_of_range_are_named_as_in_the_file() {
        let plain = OptimizeRecipe::default();
        for (o, word) in [
            (
                OptimizeRecipe { average: AverageRecipe::Swa { start: 1.0, every: 1.0 }, ..plain.clone() },
                "optimize.average.start",
            ),
            (
                OptimizeRecipe { average: AverageRecipe::Swa { start: 0.5, every: f64::NAN }, ..plain },
                "optimize.average.every",
            ),
        ] {
            let said = check(&o).unwrap_err().to_string();
            assert!(said.contains(word), "{said}");
        }
    }
}
