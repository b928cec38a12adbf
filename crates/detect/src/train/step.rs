//! One step.

use taper_optim::{Clip, Group, Missing, NonFinite, Optimizer, OptimizerConfig};
use taper_regularize::decays;
use taper_tensor::{Rng, backward};
use taper_trainer::build::optimize::{Method, Pace, Span, method, pace};
use taper_trainer::recipe::OptimizeRecipe as TrainerRecipe;

use super::error::TrainError;
use super::task::Task;
use crate::data::Batch;

/// What moves the weights of a task: its optimizer, and the course of its learning rate.
#[derive(Debug)]
pub(super) struct Mover {
    pub(super) optimizer: Optimizer,
    pace: Pace,
    peak: f64,
}

impl Mover {
    /// That of a task with so many steps an epoch.
    ///
    /// # Errors
    /// Names a setting that is out of its range.
    pub(super) fn new(task: &Task, per_epoch: usize) -> Result<Self, TrainError> {
        let own = &task.recipe.optimize;
        // Rules and schedules are the trainer's.
        let (rule, schedule) = (own.rule, own.schedule.clone());
        let recipe = TrainerRecipe { rule, schedule, warmup: own.warmup, ..TrainerRecipe::default() };
        let Method::Steps(rule) = method(&recipe, own.epochs as u64)? else {
            let (wanted, got) = ("a rule that takes steps", own.rule.name().to_owned());
            return Err(TrainError::Setting { field: "optimize.rule", wanted, got });
        };
        let steps = (per_epoch * own.epochs) as u64;
        let pace = pace(&recipe, Span { steps, per_epoch: per_epoch as u64 })?;
        let clip = if own.clip > 0.0 { Clip::GlobalNorm(own.clip) } else { Clip::None };
        // A batch without objects has no loss of their edges.
        let config = OptimizerConfig { clip, non_finite: NonFinite::Error, missing: Missing::Zero };
        Ok(Self { optimizer: Optimizer::new(rule, groups(task), config)?, pace, peak: own.peak() })
    }

    /// The learning rate of a step, from 0.
    pub(super) fn lr(&self, step: usize) -> f64 {
        self.peak * self.pace.at(step as u64)
    }

    /// Trains on a batch; what each loss was.
    ///
    /// # Errors
    /// When the loss or a gradient is NaN or infinite, and as
    /// [`losses`](crate::model::Detector::losses).
    pub(super) fn step(&mut self, task: &Task, batch: &Batch, step: usize) -> Result<[f64; 4], TrainError> {
        let rng = Rng::new(task.recipe.seed).fork("step").at(step as u64);
        let losses = task.detector.losses(batch, &task.recipe.training, &rng)?;
        let parts = losses.numbers()?;
        let loss: f64 = parts.iter().sum();
        if !loss.is_finite() {
            return Err(TrainError::Diverged { step: step + 1, loss, parts });
        }
        let grads = backward(&losses.total()?)?;
        self.optimizer.step(&grads, self.lr(step))?;
        Ok(parts)
    }
}

/// The backbone and what is new, each with and without weight decay.
fn groups(task: &Task) -> Vec<Group> {
    let own = &task.recipe.optimize;
    let stages = task.detector.backbone().stages();
    let mut groups: Vec<Group> = Vec::new();
    for (name, var) in task.detector.trainables(&task.params, task.recipe.training.frozen) {
        let of_backbone = stages.iter().any(|stage| stage.owns(&name));
        let lr_scale = if of_backbone { own.backbone_lr_scale } else { 1.0 };
        let weight_decay = if decays(&name, var.dims()) { own.weight_decay } else { 0.0 };
        match groups.iter_mut().find(|g| g.lr_scale == lr_scale && g.weight_decay == weight_decay) {
            Some(group) => group.params.push((name, var)),
            None => groups.push(Group { params: vec![(name, var)], lr_scale, weight_decay, ..Group::default() }),
        }
    }
    groups
}
