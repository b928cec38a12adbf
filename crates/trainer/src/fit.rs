//! The training loop.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use candle_core::Var;
use taper_data::Loader;
use taper_optim::{
    AdamW, AdamWConfig, Clip, Constant, Cosine, Group, OneCycle, OneCycleConfig, Optimizer, OptimizerConfig, Schedule,
    Sgd, SgdConfig, UpdateRule, Warmup,
};
use taper_regularize::{decays, smooth_labels};
use taper_tensor::{Mode, Params, Rng, backward, cross_entropy};
use taper_transfer::{Classifier, Part};

use crate::evaluate::{Evaluation, evaluate};
use crate::recipe::{OptimizeRecipe, Plan, Recipe, Rule, ScheduleKind};

/// A run of epochs with the same layers in training.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phase {
    /// What the phase is called in tables: `head`, `top`, `all`.
    pub name: &'static str,
    /// Stages of the backbone that are frozen, from the bottom.
    pub frozen: usize,
    /// How long.
    pub epochs: usize,
}

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
    /// Loss of the batch.
    pub loss: f64,
    /// Base learning rate.
    pub rate: f64,
    /// Pictures in the batch.
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
}

/// Trains a classifier as a recipe says.
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
    let noise = Rng::new(recipe.seed).fork("noise");
    let (steps_per_epoch, mut outcome) = (train.batches(), Outcome::default());
    let phases = phases(recipe, classifier.backbone().stages().len());
    let epochs = phases.iter().map(|phase| phase.epochs).sum();
    for phase in &phases {
        classifier.freeze(phase.frozen)?;
        let mut optimizer = optimizer(classifier, params, recipe)?;
        let schedule = schedule(&recipe.optimize, phase.epochs * steps_per_epoch)?;
        let first_step = outcome.rates.len();
        for _ in 0..phase.epochs {
            let epoch = outcome.history.len() + 1;
            let (start, mut total) = (Instant::now(), 0.0);
            let mut batches = train.epoch(epoch as u64);
            for loaded in batches.by_ref() {
                let batch = loaded?.batch;
                let step = outcome.rates.len();
                let rate = recipe.optimize.rate * schedule.at((step - first_step) as u64);
                let targets = smooth_labels(&batch.targets, recipe.regularize.label_smoothing)?;
                let logits = classifier.forward(&batch.images, Mode::Train(&noise.at(step as u64)))?;
                let loss = cross_entropy(&logits, &targets)?;
                optimizer
                    .step(&backward(&loss)?, rate)
                    .with_context(|| format!("training stopped in epoch {epoch} at step {}", step + 1))?;
                let loss = f64::from(loss.to_scalar::<f32>()?);
                total += loss;
                outcome.rates.push(rate);
                outcome.pictures += batch.len();
                let info = StepInfo {
                    step: step + 1,
                    steps_per_epoch,
                    epoch,
                    epochs,
                    phase: phase.name,
                    loss,
                    rate,
                    pictures: batch.len(),
                };
                for observer in observers.iter_mut() {
                    outcome.stopped |= observer.step(&info).is_break();
                }
                if outcome.stopped {
                    return Ok(outcome);
                }
            }
            outcome.train += start.elapsed();
            outcome.waited += batches.waited();
            outcome.evaluation = evaluate(classifier, val)?;
            outcome.eval += outcome.evaluation.took;
            outcome.waited += outcome.evaluation.waited;
            let info = EpochInfo {
                epoch,
                epochs,
                phase: phase.name,
                rate: outcome.rates.last().copied().unwrap_or(0.0),
                train_loss: total / steps_per_epoch as f64,
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
        }
    }
    outcome.stopped = false;
    Ok(outcome)
}

/// A group for each stage and the head, with and without weight decay.
fn optimizer(classifier: &Classifier, params: &Params, recipe: &Recipe) -> Result<Optimizer> {
    let o = &recipe.optimize;
    let stages = classifier.backbone().stages().len();
    let alone = classifier.frozen() == stages;
    let mut groups: Vec<Group> = Vec::new();
    for (name, var, part) in classifier.trainables(params) {
        let rate = match part {
            Part::Head if alone => 1.0,
            Part::Head => o.head_factor,
            Part::Stage(stage) => o.backbone_factor * o.stage_decay.powi((stages - 1 - stage) as i32),
        };
        let weight_decay = if decays(&name, var.dims()) { recipe.regularize.weight_decay } else { 0.0 };
        let entry: (String, Var) = (name, var);
        match groups.iter_mut().find(|g| g.rate == rate && g.weight_decay == weight_decay) {
            Some(group) => group.params.push(entry),
            None => groups.push(Group { params: vec![entry], rate, weight_decay, ..Group::default() }),
        }
    }
    let config = OptimizerConfig { clip: Clip::GlobalNorm(o.clip), ..OptimizerConfig::default() };
    Ok(Optimizer::new(rule(o)?, groups, config)?)
}

fn rule(o: &OptimizeRecipe) -> Result<Box<dyn UpdateRule>> {
    let sgd = SgdConfig { momentum: o.momentum, ..Default::default() };
    Ok(match o.rule {
        Rule::AdamW => Box::new(AdamW::new(AdamWConfig::default())?),
        Rule::Sgd => Box::new(Sgd::new(sgd)?),
        Rule::Nesterov => Box::new(Sgd::new(SgdConfig { nesterov: true, ..sgd })?),
    })
}

fn schedule(o: &OptimizeRecipe, steps: usize) -> Result<Box<dyn Schedule>> {
    let steps = steps as u64;
    // At least one step of the phase lies behind the warm-up.
    let warmup = ((steps as f64 * o.warmup) as u64).min(steps.saturating_sub(1));
    let after = |then: Box<dyn Schedule>| -> Result<Box<dyn Schedule>> {
        Ok(if warmup == 0 { then } else { Box::new(Warmup::new(warmup, 0.1, then)?) })
    };
    match o.schedule {
        ScheduleKind::Constant => after(Box::new(Constant)),
        ScheduleKind::Cosine => after(Box::new(Cosine::new(steps - warmup, 0.0)?)),
        ScheduleKind::OneCycle => {
            let config = OneCycleConfig { warmup_fraction: o.warmup, ..Default::default() };
            Ok(Box::new(OneCycle::new(steps, config)?))
        }
    }
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
        recipe.optimize.frozen_stages = 9;
        assert_eq!(lengths(&recipe), [("all", 4, 5)]);
    }

    #[test]
    fn schedules_can_be_built_for_a_single_step() -> Result<()> {
        let mut o = OptimizeRecipe::default();
        for kind in [ScheduleKind::Constant, ScheduleKind::Cosine, ScheduleKind::OneCycle] {
            o.schedule = kind;
            for steps in [1, 2, 3, 100] {
                let schedule = schedule(&o, steps)?;
                assert!((0..steps as u64).all(|t| (0.0..=1.0).contains(&schedule.at(t))), "{kind:?} over {steps}");
            }
        }
        Ok(())
    }
}
