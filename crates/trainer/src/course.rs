//! The steps of a phase.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use candle_core::Tensor;
use taper_data::Loader;
use taper_optim::{Accumulator, Average, OptimError, UpdateRule};
use taper_tensor::{Mode, Params, Precision, Rng, backward, cross_entropy};
use taper_transfer::Classifier;

use crate::checkpoint::Checkpoint;
use crate::divergence::{Diverged, causes};
use crate::fit::{Observer, Outcome, StepInfo};
use crate::health::{Before, Health};
use crate::optimize::{Pace, Span, averaging, optimizer, pace};
use crate::phases::Phase;
use crate::recipe::{NonFiniteRecipe, Recipe};
use crate::regularize::Regularizer;
use crate::stored::Source;

/// Where an epoch stands.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct At {
    /// The epoch, from 1, and how many there are.
    pub(crate) epoch: usize,
    pub(crate) epochs: usize,
    /// Batches that are done.
    pub(crate) batches: usize,
    /// The sum of their losses, and of how many.
    pub(crate) total: f64,
    pub(crate) counted: usize,
}

/// What moves the parameters in a phase, how fast, and what is kept beside them.
pub(crate) struct Course<'a> {
    recipe: &'a Recipe,
    phase: &'static str,
    optimizer: taper_optim::Optimizer,
    pub(crate) regularizer: Regularizer,
    /// Where several batches make a step.
    accumulator: Option<Accumulator>,
    pub(crate) pace: Pace,
    /// Of the weights. The running statistics of batch norm stay those of the training, whichever of both is in the network.
    pub(crate) average: Option<Average>,
    noise: Rng,
    span: Span,
    /// Batches of an epoch.
    pub(crate) batches: usize,
    /// Steps of the run before the phase.
    pub(crate) first_step: usize,
    /// Steps of the phase left out for a gradient that was not finite.
    pub(crate) skipped: u64,
    /// The losses of the steps of this process in the phase, as long as they are finite.
    losses: Vec<f64>,
    /// What was seen at the last step of the epoch at hand.
    pub(crate) seen: Option<Health>,
}

impl<'a> Course<'a> {
    /// The course of a phase that begins after `first_step` steps. `classifier` is frozen as the phase wants it; `train`
    /// are the training pictures.
    pub(crate) fn new(
        rule: Box<dyn UpdateRule>,
        (classifier, params): (&Classifier, &Params),
        recipe: &'a Recipe,
        phase: &Phase,
        train: &Loader,
        first_step: usize,
    ) -> Result<Self> {
        let o = &recipe.optimize;
        let per_epoch = train.batches().div_ceil(o.accumulate);
        let span = Span { steps: (phase.epochs * per_epoch) as u64, per_epoch: per_epoch as u64 };
        let optimizer = optimizer(rule, classifier, params, recipe)?;
        let rng = Rng::new(recipe.seed);
        let trained = || classifier.trainables(params).into_iter().map(|trained| (trained.name, trained.var)).collect();
        let average = averaging(o.average, span)?.map(|averaging| Average::new(trained(), averaging)).transpose()?;
        Ok(Self {
            recipe,
            phase: phase.name,
            accumulator: (o.accumulate > 1).then(|| Accumulator::new(&optimizer)),
            optimizer,
            regularizer: Regularizer::new((classifier, params), recipe, &**train.dataset())?,
            pace: pace(o, span)?,
            average,
            noise: rng.fork("noise"),
            span,
            batches: train.batches(),
            first_step,
            skipped: 0,
            losses: Vec::new(),
            seen: None,
        })
    }

    /// What the optimizer remembers, by name.
    pub(crate) fn memory(&self) -> Result<BTreeMap<String, Tensor>> {
        Ok(self.optimizer.state()?)
    }

    /// Goes on with what another remembered of the parameters that are trained here too.
    pub(crate) fn remember(&mut self, memory: &BTreeMap<String, Tensor>) -> Result<()> {
        self.optimizer.take_over(memory)?;
        Ok(())
    }

    /// Writes down what the optimizer, the average and the pace remember.
    pub(crate) fn save(&self, checkpoint: &mut Checkpoint) -> Result<()> {
        checkpoint.put("optimizer", self.optimizer.state()?);
        checkpoint.put("pace", self.pace.state()?);
        if let Some(average) = &self.average {
            checkpoint.put("average", average.state()?);
        }
        checkpoint.position.first_step = self.first_step;
        checkpoint.position.skipped[1] = self.skipped;
        Ok(())
    }

    /// Goes on with what was written down.
    pub(crate) fn resume(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        self.optimizer.load_state(&checkpoint.group("optimizer"))?;
        self.pace.load_state(&checkpoint.group("pace"))?;
        if let Some(average) = &mut self.average {
            average.load_state(&checkpoint.group("average"))?;
        }
        self.skipped = checkpoint.position.skipped[1];
        Ok(())
    }

    /// Trains `params` for what is left of an epoch; returns the mean loss over its batches, or nothing when an observer ends it. `after`
    /// every step it is told where the epoch stands.
    pub(crate) fn epoch(
        &mut self,
        (classifier, params): (&Classifier, &Params),
        train: &Source<'_>,
        mut at: At,
        outcome: &mut Outcome,
        observers: &mut [&mut dyn Observer],
        after: &mut dyn FnMut(&Self, &Outcome, At) -> Result<()>,
    ) -> Result<Option<f64>> {
        let At { epoch, epochs, batches: done, .. } = at;
        // Losses and number of pictures of the batches that the step at hand is made of.
        let (mut losses, mut pictures) = (Vec::new(), 0);
        let first = train.first(classifier);
        let waited = train.epoch(epoch as u64, done, |i, loaded| {
            let noise = self.noise.at(((epoch - 1) * self.batches + i) as u64);
            let batch = self.regularizer.batch(loaded.batch, &noise)?;
            let forward = || classifier.forward_from(first, &batch.images, Mode::Train(&noise));
            let logits = Precision::from(self.recipe.optimize.precision).run(forward)?;
            let loss = cross_entropy(&logits, &batch.targets)?;
            let mut grads = backward(&loss)?;
            losses.push(f64::from(loss.to_scalar::<f32>()?));
            pictures += batch.len();
            if let Some(accumulator) = &mut self.accumulator {
                accumulator.add(grads, batch.len() as u64)?;
                if losses.len() < self.recipe.optimize.accumulate && i + 1 < self.batches {
                    return Ok(true);
                }
                grads = accumulator.mean()?;
            }
            self.regularizer.gradients(&mut grads)?;
            let step = outcome.rates.len();
            let rate = self.recipe.optimize.rate * self.pace.at((step - self.first_step) as u64);
            let loss = losses.iter().sum::<f64>() / losses.len() as f64;
            let diverged = |what| {
                let causes = causes(self.recipe, &self.losses, rate);
                Diverged { epoch, step: step + 1, what, causes, kept: None }
            };
            if !loss.is_finite() && self.recipe.optimize.non_finite == NonFiniteRecipe::Error {
                bail!(diverged("the loss".into()));
            }
            let last = i + 1 == self.batches;
            let before = last.then(|| Before::of(classifier, params)).transpose()?;
            let stats = match self.optimizer.step(&grads, rate) {
                Err(OptimError::NonFiniteGradient { name }) => bail!(diverged(format!("the gradient of {name}"))),
                stats => stats.with_context(|| format!("training stopped in epoch {epoch} at step {}", step + 1))?,
            };
            self.losses.push(loss);
            if stats.skipped == self.skipped {
                self.regularizer.weights(rate)?;
                at.total += losses.iter().sum::<f64>();
                at.counted += losses.len();
                if let Some(average) = &mut self.average {
                    average.update()?;
                }
            }
            self.skipped = stats.skipped;
            if let Some(before) = before {
                let updates = before.updates(classifier)?;
                self.seen = Some(Health { gradient_norm: stats.gradient_norm, updates, dead: Vec::new() });
            }
            outcome.rates.push(rate);
            outcome.pictures += pictures;
            let info = StepInfo {
                step: step + 1,
                steps_per_epoch: self.span.per_epoch as usize,
                epoch,
                epochs,
                phase: self.phase,
                loss,
                rate,
                pictures,
            };
            losses.clear();
            pictures = 0;
            for observer in observers.iter_mut() {
                outcome.stopped |= observer.step(&info).is_break();
            }
            at.batches = i + 1;
            after(self, outcome, at)?;
            Ok(!outcome.stopped)
        })?;
        outcome.waited += waited;
        Ok((!outcome.stopped).then_some(at.total / at.counted as f64))
    }
}
