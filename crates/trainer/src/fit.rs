//! The training loop.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use anyhow::Result;
use taper_data::Loader;
use taper_tensor::Params;
use taper_transfer::Classifier;

use crate::course::Course;
use crate::evaluate::Evaluation;
use crate::full_batch;
use crate::optimize::{Method, method};
use crate::pipeline::plain_loader;
use crate::recipe::{OptimizeRecipe, Plan, Recipe};
use crate::regularize::Patience;
use crate::stored::{Held, Source};

/// A run of epochs with the same layers in training.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phase {
    /// What the phase is called in tables: `head`, `top`, `all`; on the way to `all` `top 1` and so on.
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

/// What is known after a step.
#[derive(Clone, Debug)]
pub struct StepInfo {
    /// Steps done, from the beginning of the run.
    pub step: usize,
    /// Steps in an epoch.
    pub steps_per_epoch: usize,
    /// The epoch that the step is part of, from 1.
    pub epoch: usize,
    /// Epochs in all.
    pub epochs: usize,
    /// Name of the phase.
    pub phase: &'static str,
    /// Mean loss over the batches of the step.
    pub loss: f64,
    /// Base learning rate.
    pub rate: f64,
    /// Pictures in these batches.
    pub pictures: usize,
}

/// What is known after an epoch.
#[derive(Clone, Debug)]
pub struct EpochInfo {
    /// The epoch, from 1.
    pub epoch: usize,
    /// Epochs in all.
    pub epochs: usize,
    /// Name of the phase.
    pub phase: &'static str,
    /// Base learning rate at its end.
    pub rate: f64,
    /// Mean loss over the batches of the epoch.
    pub train_loss: f64,
    /// Validation loss, nats.
    pub val_loss: f64,
    /// Validation accuracy, fraction.
    pub val_accuracy: f64,
}

/// Somebody who looks on: a progress bar, a table, a checkpoint, Ctrl-C. `Break` ends the training.
pub trait Observer {
    /// After each step.
    fn step(&mut self, _: &StepInfo) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// After each epoch and its validation.
    ///
    /// # Errors
    /// End the training.
    fn epoch(&mut self, _: &EpochInfo, _: &Params) -> Result<ControlFlow<()>> {
        Ok(ControlFlow::Continue(()))
    }
}

/// What a training left behind, beside the weights.
#[derive(Debug, Default)]
pub struct Outcome {
    /// A row an epoch.
    pub history: Vec<EpochInfo>,
    /// Base learning rate of every step.
    pub rates: Vec<f64>,
    /// The last validation.
    pub evaluation: Evaluation,
    /// Whether an observer ended it early.
    pub stopped: bool,
    /// Time in training steps, waiting included.
    pub train: Duration,
    /// Time in validation.
    pub eval: Duration,
    /// Time spent waiting for pictures.
    pub waited: Duration,
    /// Pictures seen in training.
    pub pictures: usize,
    /// Steps left out for a gradient that was not finite.
    pub skipped: u64,
    /// What L1 and L2 add to the loss for the final weights, nats.
    pub penalty: f64,
}

/// Trains a classifier as a recipe says. With an average of the weights it is the average that is validated, shown to
/// observers after an epoch, and left in `params`.
///
/// # Errors
/// When a picture cannot be read, a loss or gradient is not finite, or an observer fails.
pub fn fit(
    classifier: &mut Classifier,
    params: &Params,
    (train, val): (&Loader, &Loader),
    recipe: &Recipe,
    observers: &mut [&mut dyn Observer],
) -> Result<Outcome> {
    let (plain, mut outcome) = (plain_loader(train, val, true)?, Outcome::default());
    let phases = phases(recipe, classifier.backbone().stages().len());
    let epochs = phases.iter().map(|phase| phase.epochs).sum();
    // What the optimizer of the phase before remembers, where the next goes on with it.
    let mut memory = BTreeMap::new();
    for phase in &phases {
        classifier.freeze(phase.frozen)?;
        let rule = match method(&recipe.optimize.rule, epochs as u64)? {
            Method::Steps(rule) => rule,
            Method::FullBatch(lbfgs) => {
                return full_batch::fit(&lbfgs, (classifier, params), (train, val), recipe, observers);
            }
        };
        let first_step = outcome.rates.len();
        let mut course = Course::new(rule, (classifier, params), recipe, phase, &plain, first_step)?;
        course.remember(&memory)?;
        let start = Instant::now();
        let source = Source::of(classifier, train, val, recipe.variants())?;
        outcome.train += start.elapsed();
        let start = Instant::now();
        let held = Held::of(classifier, val, &source)?;
        outcome.eval += start.elapsed();
        let mut patience = Patience::new(&recipe.regularize)?;
        for left in (0..phase.epochs).rev() {
            let (epoch, start) = (outcome.history.len() + 1, Instant::now());
            let trained = course.epoch(classifier, &source, (epoch, epochs), &mut outcome, observers)?;
            let Some(train_loss) = trained else { return Ok(outcome) };
            outcome.train += start.elapsed();
            let start = Instant::now();
            if let Some(average) = &mut course.average {
                average.enter(classifier, params)?;
            }
            outcome.evaluation = held.evaluate(classifier)?;
            outcome.eval += start.elapsed();
            outcome.waited += outcome.evaluation.waited;
            course.pace.evaluated(outcome.evaluation.loss)?;
            let info = EpochInfo {
                epoch,
                epochs,
                phase: phase.name,
                rate: outcome.rates.last().copied().unwrap_or(0.0),
                train_loss,
                val_loss: outcome.evaluation.loss,
                val_accuracy: outcome.evaluation.accuracy(),
            };
            outcome.history.push(info.clone());
            for observer in observers.iter_mut() {
                outcome.stopped |= observer.epoch(&info, params)?.is_break();
            }
            if outcome.stopped && epoch < epochs {
                return Ok(outcome);
            }
            if let Some(patience) = &mut patience
                && patience.observe(params, &outcome.evaluation)?
            {
                break;
            }
            // The average of a phase is what the next phase begins with, and what the last one leaves.
            if let Some(average) = course.average.as_mut().filter(|_| left > 0) {
                average.leave()?;
            }
        }
        outcome.skipped += course.skipped;
        if let Some(evaluation) = patience.map(|patience| patience.restore(params)).transpose()?.flatten() {
            outcome.evaluation = evaluation;
        }
        outcome.penalty = course.regularizer.penalty()?;
        if recipe.plan == Plan::Gradual {
            memory = course.memory()?;
        }
    }
    outcome.stopped = false;
    Ok(outcome)
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
