//! What moves the weights.

use candle_core::Var;
use candle_core::backprop::GradStore;
use taper_optim::{Clip, Group, Missing, NonFinite, OptimError, Optimizer, OptimizerConfig};
use taper_regularize::decays;

use crate::build::optimize::{Method, Pace, Span, method, pace};
use crate::recipe::{OptimizeRecipe, RecipeError, Rule, ScheduleRecipe};

/// A setting out of its range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} must be {wanted}; got {got}")]
#[non_exhaustive]
pub struct SettingError {
    /// Which.
    pub field: &'static str,
    /// What it takes.
    pub wanted: &'static str,
    /// What it is.
    pub got: String,
}

impl SettingError {
    /// What is said of a setting.
    pub fn new(field: &'static str, wanted: &'static str, got: impl std::fmt::Display) -> Self {
        Self { field, wanted, got: got.to_string() }
    }

    /// Refuses a number outside of its range.
    ///
    /// # Errors
    /// Names the first of them that is.
    pub fn whole(numbers: &[(&'static str, usize, usize, usize)]) -> Result<(), Self> {
        match numbers.iter().find(|(_, got, least, most)| !(least..=most).contains(&got)) {
            Some(&(field, got, ..)) => {
                let wanted = "1 or more, and not beyond what a machine can do";
                Err(Self::new(field, wanted, got))
            }
            None => Ok(()),
        }
    }
}

/// How steps are taken.
#[derive(Clone, Debug)]
pub struct StepConfig {
    /// The update rule.
    pub rule: Rule,
    /// The course of the learning rate.
    pub schedule: ScheduleRecipe,
    /// Its peak.
    pub lr: f64,
    /// Share of all steps spent on the way up, fraction.
    pub warmup: f64,
    /// Weight decay of all but biases and norms.
    pub weight_decay: f64,
    /// The most of the gradient's global norm; 0 for no limit.
    pub clip: f64,
}

impl StepConfig {
    /// Refuses numbers out of their range, and what a training in epochs has no place for: rules
    /// that keep weights apart from those they train, and schedules that wait for a measure.
    ///
    /// # Errors
    /// Names the setting, as `optimize` has it.
    pub fn check(&self) -> Result<(), SettingError> {
        let fail = |field, wanted, got: &dyn std::fmt::Display| Err(SettingError::new(field, wanted, got));
        let cycles = |base: Option<f64>, most: Option<f64>| base.or(most).is_some();
        match self.schedule {
            ScheduleRecipe::ReduceOnPlateau { .. } => {
                return fail("optimize.schedule", "one that is known from the start", &"reduce_on_plateau");
            }
            ScheduleRecipe::OneCycle { base_momentum, max_momentum, .. } if cycles(base_momentum, max_momentum) => {
                return fail("optimize.schedule", "one_cycle of the rate alone", &"bounds of the momentum");
            }
            _ => {}
        }
        if let rule @ ("schedule_free_adamw" | "lbfgs") = self.rule.name() {
            return fail("optimize.rule", "one that takes steps and leaves the weights it trains", &rule);
        }
        for (field, wanted, got, good) in [
            ("optimize.lr", "a positive number", self.lr, self.lr > 0.0 && self.lr.is_finite()),
            ("optimize.warmup", "in [0, 1)", self.warmup, (0.0..1.0).contains(&self.warmup)),
            ("optimize.weight_decay", "in [0, 1]", self.weight_decay, (0.0..=1.0).contains(&self.weight_decay)),
            ("optimize.clip", "0 or more", self.clip, self.clip >= 0.0 && self.clip.is_finite()),
        ] {
            if !good {
                return fail(field, wanted, &got);
            }
        }
        Ok(())
    }
}

/// An optimizer, and the course of its learning rate.
#[derive(Debug)]
pub struct Mover {
    /// The optimizer.
    pub optimizer: Optimizer,
    pace: Pace,
    peak: f64,
}

impl Mover {
    /// Over so many epochs of so many steps.
    ///
    /// # Errors
    /// [`SettingError`] for a rule that takes no steps, and those of the rule and the schedule.
    pub fn new<E>(config: &StepConfig, (epochs, per_epoch): (usize, usize), groups: Vec<Group>) -> Result<Self, E>
    where
        E: From<SettingError> + From<RecipeError> + From<OptimError>,
    {
        let (rule, schedule) = (config.rule, config.schedule.clone());
        let recipe = OptimizeRecipe { rule, schedule, warmup: config.warmup, ..OptimizeRecipe::default() };
        let Method::Steps(rule) = method(&recipe, epochs as u64)? else {
            return Err(SettingError::new("optimize.rule", "a rule that takes steps", config.rule.name()).into());
        };
        let steps = (per_epoch * epochs) as u64;
        let pace = pace(&recipe, Span { steps, per_epoch: per_epoch as u64 })?;
        let clip = if config.clip > 0.0 { Clip::GlobalNorm(config.clip) } else { Clip::None };
        // A part of the network may have nothing to do with a batch.
        let settings = OptimizerConfig { clip, non_finite: NonFinite::Error, missing: Missing::Zero };
        Ok(Self { optimizer: Optimizer::new(rule, groups, settings)?, pace, peak: config.lr })
    }

    /// The learning rate of a step, from 0.
    pub fn lr(&self, step: usize) -> f64 {
        self.peak * self.pace.at(step as u64)
    }

    /// Takes a step, from 0.
    ///
    /// # Errors
    /// When a gradient is NaN or infinite.
    pub fn step(&mut self, grads: &GradStore, step: usize) -> Result<(), OptimError> {
        self.optimizer.step(grads, self.lr(step)).map(drop)
    }
}

/// Groups of parameters, by the factor of the learning rate that each has by its name, with weight
/// decay for those that [decay](decays).
pub fn groups(params: Vec<(String, Var)>, lr_scale: impl Fn(&str) -> f64, weight_decay: f64) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (name, var) in params {
        let lr_scale = lr_scale(&name);
        let weight_decay = if decays(&name, var.dims()) { weight_decay } else { 0.0 };
        match groups.iter_mut().find(|g| g.lr_scale == lr_scale && g.weight_decay == weight_decay) {
            Some(group) => group.params.push((name, var)),
            None => groups.push(Group { params: vec![(name, var)], lr_scale, weight_decay, ..Group::default() }),
        }
    }
    groups
}
