//! The steps of a phase.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use candle_core::Tensor;
use taper_data::Loader;
use taper_optim::{Accumulator, UpdateRule};
use taper_tensor::{Mode, Params, Rng, backward, cross_entropy};
use taper_transfer::Classifier;

use crate::averaged::Averaged;
use crate::fit::{Observer, Outcome, Phase, StepInfo};
use crate::optimize::{Pace, Span, averaging, optimizer, pace};
use crate::recipe::Recipe;
use crate::regularize::Regularizer;
use crate::stored::Source;

/// What moves the parameters in a phase, how fast, and what is kept beside them.
pub(crate) struct Course<'a> {
    recipe: &'a Recipe,
    phase: &'static str,
    optimizer: taper_optim::Optimizer,
    pub(crate) regularizer: Regularizer,
    /// Where several batches make a step.
    accumulator: Option<Accumulator>,
    pub(crate) pace: Pace,
    pub(crate) average: Option<Averaged<'a>>,
    noise: Rng,
    span: Span,
    /// Batches of an epoch.
    batches: usize,
    /// Steps of the run before the phase.
    first_step: usize,
    /// Steps of the phase left out for a gradient that was not finite.
    pub(crate) skipped: u64,
}

impl<'a> Course<'a> {
    /// The course of a phase that begins after `first_step` steps. `classifier` is frozen as the phase wants it; `plain`
    /// are the training pictures without augmentation.
    pub(crate) fn new(
        rule: Box<dyn UpdateRule>,
        (classifier, params): (&Classifier, &Params),
        recipe: &'a Recipe,
        phase: &Phase,
        plain: &'a Loader,
        first_step: usize,
    ) -> Result<Self> {
        let o = &recipe.optimize;
        let per_epoch = plain.batches().div_ceil(o.accumulate);
        let span = Span { steps: (phase.epochs * per_epoch) as u64, per_epoch: per_epoch as u64 };
        let optimizer = optimizer(rule, classifier, params, recipe)?;
        let rng = Rng::new(recipe.seed);
        let average = match averaging(o.average, span)? {
            None => None,
            Some(averaging) => Some(Averaged::new(classifier, params, averaging, plain, rng.fork("statistics"))?),
        };
        Ok(Self {
            recipe,
            phase: phase.name,
            accumulator: (o.accumulate > 1).then(|| Accumulator::new(&optimizer)),
            optimizer,
            regularizer: Regularizer::new(classifier, params, recipe),
            pace: pace(o, span)?,
            average,
            noise: rng.fork("noise"),
            span,
            batches: plain.batches(),
            first_step,
            skipped: 0,
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

    /// Trains for one epoch of `epochs`; returns the mean loss over its batches, or nothing when an observer ends it.
    pub(crate) fn epoch(
        &mut self,
        classifier: &Classifier,
        train: &Source<'_>,
        (epoch, epochs): (usize, usize),
        outcome: &mut Outcome,
        observers: &mut [&mut dyn Observer],
    ) -> Result<Option<f64>> {
        let (mut total, mut counted) = (0.0, 0);
        // Losses and number of pictures of the batches that the step at hand is made of.
        let (mut losses, mut pictures) = (Vec::new(), 0);
        let first = train.first(classifier);
        outcome.waited += train.epoch(epoch as u64, |i, loaded| {
            let noise = self.noise.at(((epoch - 1) * self.batches + i) as u64);
            let batch = self.regularizer.batch(loaded.batch, &noise)?;
            let logits = classifier.forward_from(first, &batch.images, Mode::Train(&noise))?;
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
            let stats = self
                .optimizer
                .step(&grads, rate)
                .with_context(|| format!("training stopped in epoch {epoch} at step {}", step + 1))?;
            let loss = losses.iter().sum::<f64>() / losses.len() as f64;
            if stats.skipped == self.skipped {
                self.regularizer.weights(rate)?;
                total += losses.iter().sum::<f64>();
                counted += losses.len();
                if let Some(average) = &mut self.average {
                    average.update()?;
                }
            }
            self.skipped = stats.skipped;
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
            Ok(!outcome.stopped)
        })?;
        Ok((!outcome.stopped).then_some(total / counted as f64))
    }
}
