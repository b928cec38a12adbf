//! The training loop.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use taper_data::Loader;
use taper_nn::Params;
use taper_transfer::Classifier;

use crate::checkpoint::{Checkpoint, Checkpoints, Position, Way};
use crate::course::{At, Course};
use crate::evaluate::Evaluation;
use crate::full_batch;
use crate::health::{self, Health, dead};
use crate::optimize::{Method, method};
use crate::phases::{Phase, phases};
use crate::recipe::{Plan, Recipe};
use crate::regularize::Patience;
use crate::stored::{FeatureCache, Held, Kept, Source};

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
    /// Signs of how it fares.
    pub health: Health,
}

/// Somebody who looks on: a progress bar, a table, a checkpoint, Ctrl-C. `Break` ends the training.
pub trait Observer {
    /// Before the first step of a training that goes on: what has come out until now.
    fn resumed(&mut self, _: &Outcome) {}

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

/// Where a training keeps what is larger than memory or to outlive the process, and where it goes on.
#[derive(Default)]
pub struct Keep<'a> {
    /// A folder for features of frozen stages that memory is too small for; the system's for such files where there is none.
    pub place: Option<&'a Path>,
    /// Where the training is written down: at the end of an epoch, when an observer ends it, and as often as they say.
    pub checkpoints: Option<Checkpoints>,
    /// What was written down of the training that this one goes on with.
    pub resume: Option<Checkpoint>,
    /// Features of frozen stages that other trainings have computed or will want.
    pub cache: Option<&'a FeatureCache>,
}

/// Trains a classifier as a recipe says. With an average of the weights it is the average that is validated, shown to
/// observers after an epoch, and left in `params`.
///
/// # Errors
/// When a picture cannot be read, a loss or gradient is not finite, or an observer fails.
pub fn fit(
    classifier: &mut Classifier,
    params: &Params,
    pictures: (&Loader, &Loader),
    recipe: &Recipe,
    observers: &mut [&mut dyn Observer],
) -> Result<Outcome> {
    fit_kept(classifier, params, pictures, recipe, observers, Keep::default())
}

/// [`fit`] with checkpoints. A training that goes on with one ends as if it had never stopped, to the bit; its observers see no step
/// and no epoch twice. What an epoch of `lbfgs` does is not written down: such a training begins again, and ends the same.
///
/// # Errors
/// As there; when a checkpoint cannot be written, or is of another recipe.
pub fn fit_kept(
    classifier: &mut Classifier,
    params: &Params,
    (train, val): (&Loader, &Loader),
    recipe: &Recipe,
    observers: &mut [&mut dyn Observer],
    keep: Keep<'_>,
) -> Result<Outcome> {
    let Keep { place, mut checkpoints, mut resume, cache } = keep;
    let kept = Kept { place, cache, recipe };
    let mut outcome = Outcome::default();
    let phases = phases(recipe, classifier.backbone().stages().len());
    let epochs = phases.iter().map(|phase| phase.epochs).sum();
    if let Some(checkpoint) = &resume {
        let mut go_on = || -> Result<()> {
            ensure!(params.load(&checkpoint.group("model"))?.is_exact(), "it is of another network");
            outcome.resume(checkpoint, &phases, epochs)?;
            let (steps, history) = (outcome.rates.len(), outcome.history.len());
            let (batches, accumulate) = (train.batches(), recipe.optimize.accumulate);
            checkpoint.position.check(&Way { phases: &phases, batches, accumulate, steps, history })
        };
        checkpoint.names_itself(go_on())?;
        observers.iter_mut().for_each(|observer| observer.resumed(&outcome));
    }
    // What the optimizer of the phase before remembers, where the next goes on with it.
    let mut memory = BTreeMap::new();
    for (number, phase) in phases.iter().enumerate() {
        if resume.as_ref().is_some_and(|checkpoint| checkpoint.position.phase > number) {
            continue;
        }
        let resume = resume.take();
        classifier.freeze(phase.frozen)?;
        let rule = match method(&recipe.optimize.rule, epochs as u64)? {
            Method::Steps(rule) => rule,
            Method::FullBatch(lbfgs) => {
                return full_batch::fit(&lbfgs, (classifier, params), (train, val), recipe, observers);
            }
        };
        let first_step = resume.as_ref().map_or(outcome.rates.len(), |checkpoint| checkpoint.position.first_step);
        let mut course = Course::new(rule, (classifier, params), recipe, phase, train, first_step)?;
        course.remember(&memory)?;
        let mut patience = Patience::new(&recipe.regularize)?;
        let mut at = At { epochs, ..At::default() };
        let mut done = 0;
        if let Some(checkpoint) = &resume {
            let mut go_on = || -> Result<()> {
                course.resume(checkpoint)?;
                if let Some(patience) = &mut patience {
                    patience.resume(checkpoint)?;
                }
                let Position { epochs, batches, counted, .. } = checkpoint.position;
                let total = checkpoint.numbers("run/total")?.first().copied().unwrap_or(0.0);
                (done, at) = (epochs, At { batches, counted, total, ..at });
                course.seen = health::read(checkpoint)?.get(outcome.history.len()).cloned();
                Ok(())
            };
            checkpoint.names_itself(go_on())?;
        }
        let start = Instant::now();
        let source = Source::of(classifier, (train, val), recipe.variants(), kept)?;
        outcome.train += start.elapsed();
        let start = Instant::now();
        let held = Held::of(classifier, val, &source, kept)?;
        outcome.eval += start.elapsed();
        for done in done..phase.epochs {
            let (epoch, start) = (outcome.history.len() + 1, Instant::now());
            let mut after = |course: &Course<'_>, outcome: &Outcome, at: At| -> Result<()> {
                let Some(checkpoints) = &mut checkpoints else { return Ok(()) };
                let steps = outcome.rates.len();
                if !outcome.stopped && !checkpoints.due(steps, at.batches == course.batches) {
                    return Ok(());
                }
                let mut checkpoint = Checkpoint::default();
                checkpoint.put("model", params.tensors());
                course.save(&mut checkpoint)?;
                if let Some(patience) = &patience {
                    patience.save(&mut checkpoint)?;
                }
                outcome.save(&mut checkpoint, &phases)?;
                let seen = outcome.history.iter().map(|e| &e.health).chain(&course.seen);
                health::save(&seen.cloned().collect::<Vec<_>>(), &mut checkpoint)?;
                checkpoint.put_numbers("run/total", &[at.total])?;
                let position = &mut checkpoint.position;
                (position.phase, position.epochs, position.batches, position.counted) =
                    (number, done, at.batches, at.counted);
                checkpoints.save(steps, checkpoint)
            };
            let here = At { epoch, ..std::mem::replace(&mut at, At { epochs, ..At::default() }) };
            let trained = course.epoch((classifier, params), &source, here, &mut outcome, observers, &mut after)?;
            let Some(train_loss) = trained else { return Ok(outcome) };
            outcome.train += start.elapsed();
            let start = Instant::now();
            if let Some(average) = course.average.as_mut().filter(|average| average.entered() > 0) {
                average.swap()?;
            }
            let mut health = course.seen.take().unwrap_or_default();
            outcome.evaluation = held.evaluate(classifier, &mut |stage, map| {
                health.dead.push((stage.to_owned(), dead(map)?));
                Ok(())
            })?;
            outcome.eval += start.elapsed();
            outcome.waited += outcome.evaluation.waited;
            course.pace.evaluated(outcome.evaluation.loss);
            let info = EpochInfo {
                epoch,
                epochs,
                phase: phase.name,
                rate: outcome.rates.last().copied().unwrap_or(0.0),
                train_loss,
                val_loss: outcome.evaluation.loss,
                val_accuracy: outcome.evaluation.accuracy(),
                health,
            };
            outcome.history.push(info.clone());
            for observer in observers.iter_mut() {
                outcome.stopped |= observer.epoch(&info, params)?.is_break();
            }
            if outcome.stopped && epoch < epochs {
                return Ok(outcome);
            }
            if let Some(patience) = &mut patience
                && patience.observe(params, outcome.evaluation.loss)?
            {
                break;
            }
            // The average of a phase is what the next phase begins with, and what the last one leaves.
            if let Some(average) =
                course.average.as_mut().filter(|average| average.is_swapped() && done + 1 < phase.epochs)
            {
                average.swap()?;
            }
        }
        outcome.skipped += course.skipped;
        if patience.map(|patience| patience.restore(params)).transpose()? == Some(true) {
            outcome.evaluation = held.evaluate(classifier, &mut |_, _| Ok(()))?;
        }
        outcome.penalty = course.regularizer.penalty()?;
        if recipe.plan == Plan::Gradual {
            memory = course.memory()?;
        }
    }
    outcome.stopped = false;
    Ok(outcome)
}

impl Outcome {
    /// Writes down what has come out until now.
    fn save(&self, checkpoint: &mut Checkpoint, phases: &[Phase]) -> Result<()> {
        let row = |e: &EpochInfo| [e.rate, e.train_loss, e.val_loss, e.val_accuracy];
        checkpoint.put_numbers("run/history", &self.history.iter().flat_map(row).collect::<Vec<_>>())?;
        checkpoint.put_numbers("run/rates", &self.rates)?;
        let number = |e: &EpochInfo| phases.iter().position(|phase| phase.name == e.phase).unwrap_or(0);
        checkpoint.position.phases = self.history.iter().map(number).collect();
        checkpoint.position.skipped[0] = self.skipped;
        Ok(())
    }

    /// Goes on with what was written down.
    fn resume(&mut self, checkpoint: &Checkpoint, phases: &[Phase], epochs: usize) -> Result<()> {
        self.rates = checkpoint.numbers("run/rates")?;
        self.skipped = checkpoint.position.skipped[0];
        let numbers = checkpoint.numbers("run/history")?;
        let rows = checkpoint.position.phases.len();
        ensure!(numbers.len() == 4 * rows, "{} numbers are no {rows} rows of a history", numbers.len());
        let mut health = health::read(checkpoint)?.into_iter();
        for (i, (row, phase)) in numbers.as_chunks().0.iter().zip(&checkpoint.position.phases).enumerate() {
            let &[rate, train_loss, val_loss, val_accuracy] = row;
            let phase = phases.get(*phase).context("it is of another recipe, which has more phases")?.name;
            let (epoch, health) = (i + 1, health.next().unwrap_or_default());
            self.history.push(EpochInfo { epoch, epochs, phase, rate, train_loss, val_loss, val_accuracy, health });
        }
        Ok(())
    }
}
