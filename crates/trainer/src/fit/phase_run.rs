//! One phase of a training: its batches, steps and epochs.

use std::fmt;
use std::mem::take;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use candle_core::Tensor;
use taper_data::IndexedBatch;
use taper_nn::Params;
use taper_optim::{Average, OptimError};
use taper_tensor::{Precision, Rng};
use taper_transfer::Classifier;

use super::batches::{BatchSource, Batches};
use super::error::FitError;
use super::feature_store::{self, FeatureStore};
use super::shards::Shards;
use super::step::{Rates, Stepper, Update};
use super::{EpochInfo, Observer, Session, StepInfo};
use crate::build::optimize::{Method, Pace, Span, averaging, method, pace};
use crate::build::phases::Phase;
use crate::build::pipeline::plain_loader;
use crate::error::{Error, Result};
use crate::evaluate::health::{Before, Health, dead};
use crate::fit::divergence::{Diverged, causes};
use crate::fit::patience::Patience;
use crate::listener::Silent;
use crate::ranks::agree;
use crate::recipe::{NonFiniteRecipe, Plan};

/// A phase of a [`Session`] under way.
pub struct PhaseRun<'s, 'a> {
    pub(super) session: &'s mut Session<'a>,
    /// Its number, from 0.
    pub(super) number: usize,
    phase: Phase,
    pub(super) stepper: Stepper<'a>,
    pub(super) pace: Pace,
    /// Of the weights. The running statistics of batch norm stay those of the training, whichever
    /// of both is in the network.
    pub(super) average: Option<Average>,
    pub(super) patience: Option<Patience>,
    noise: Rng,
    span: Span,
    /// Steps of the run before the phase.
    pub(super) first_step: usize,
    /// Epochs of the phase that are done.
    pub(super) epochs_done: usize,
    pub(super) epoch: EpochProgress,
    /// Losses and number of pictures of the batches that the step at hand is made of.
    pending: (Vec<f64>, usize),
    /// The losses of the steps of this process in the phase, as long as they are finite.
    losses: Vec<f64>,
    /// What was seen at the last step of the epoch at hand.
    pub(super) seen: Option<Health>,
    clock: Instant,
}

impl fmt::Debug for PhaseRun<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PhaseRun").field("phase", &self.phase).field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

/// Where an epoch stands.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct EpochProgress {
    /// Its number in the run, from 1.
    pub(super) number: usize,
    /// Batches that are done.
    pub(super) batches: usize,
    /// The sum of their losses, and of how many.
    pub(super) total: f64,
    pub(super) counted: usize,
}

/// The batches of a phase.
#[derive(Debug)]
pub struct PhaseData<'a> {
    pub(crate) train: BatchSource<'a>,
    pub(crate) val: BatchSource<'a>,
    shards: Shards<'a>,
}

impl PhaseData<'_> {
    /// The training batches of an epoch of the run, from 1, without the first `done` of them; of
    /// several processes each has the rows that it needs.
    pub fn batches(&self, epoch: usize, done: usize) -> Batches<'_> {
        self.train.batches(epoch as u64, done, self.shards)
    }
}

/// Shows observers an epoch; whether one of them ends the training.
fn shown(info: &EpochInfo, params: &Params, observers: &mut [&mut dyn Observer]) -> Result<bool> {
    let mut ends = false;
    for observer in observers {
        ends |= observer.epoch(info, params)?.is_break();
    }
    Ok(ends)
}

impl<'s, 'a> PhaseRun<'s, 'a> {
    /// Begins a phase: freezes what it does not train, and builds its optimizer and schedule; goes
    /// on within it where the session was resumed there.
    ///
    /// # Errors
    /// When a setting does not fit the network, or a saved state does not fit the phase.
    pub fn begin(session: &'s mut Session<'a>, number: usize) -> Result<Self> {
        let (phase, epochs) = (session.phases[number].clone(), session.epochs() as u64);
        session.classifier.freeze(phase.frozen)?;
        let Session { classifier, params, train, recipe, options, .. } = session;
        let (o, ranks) = (&recipe.optimize, options.ranks());
        let Method::Steps(rule) = method(o, epochs)? else {
            return Err(FitError::NoSteps { rule: o.rule.name() }.into());
        };
        let per_epoch = train.batches().div_ceil(o.accumulate);
        let span = Span { steps: (phase.epochs * per_epoch) as u64, per_epoch: per_epoch as u64 };
        let first_stage = if recipe.variants() == 0 { 0 } else { classifier.frozen() };
        let stepper = Stepper::new(rule, (classifier, params), (recipe, ranks), &**train.dataset(), first_stage)?;
        let trained = || classifier.trainables(params).into_iter().map(|trained| (trained.name, trained.var)).collect();
        let average =
            averaging(recipe.averaged(), span)?.map(|averaging| Average::new(trained(), averaging)).transpose()?;
        let mut run = Self {
            number,
            phase,
            stepper,
            pace: pace(o, span)?,
            average,
            patience: Patience::new(&recipe.regularize)?,
            noise: Rng::new(recipe.seed).fork("noise"),
            span,
            first_step: session.outcome.lrs.len(),
            epochs_done: 0,
            epoch: EpochProgress { number: session.outcome.history.len() + 1, ..EpochProgress::default() },
            pending: (Vec::new(), 0),
            losses: Vec::new(),
            seen: None,
            clock: Instant::now(),
            session,
        };
        run.stepper.optimizer_mut().take_over(&run.session.memory)?;
        if let Some(state) = run.session.options.resume.take() {
            let restored = run.restore(&state);
            state.names_itself(restored)?;
        }
        Ok(run)
    }

    /// The batches of the phase: pictures, or the features that its frozen stages make of them,
    /// which are computed here.
    ///
    /// # Errors
    /// When a picture cannot be read, or features do not fit on the disk.
    pub fn data(&mut self) -> Result<PhaseData<'a>> {
        let Session { train, val, recipe, ref options, .. } = *self.session;
        let classifier = &*self.session.classifier;
        let shards = self.stepper.shards();
        if self.stepper.first_stage() == 0 {
            return Ok(PhaseData { train: BatchSource::Pictures(train), val: BatchSource::Pictures(val), shards });
        }
        let listener = options.listener.unwrap_or(&Silent);
        let start = Instant::now();
        let plain = plain_loader(train, val)?;
        let store = |side, loaders, count| {
            let compute =
                || feature_store::compute((classifier, shards.ranks), loaders, count, (options.scratch, listener));
            let variants = match options.features {
                Some(cache) => cache.get((recipe, side), classifier, compute),
                None => Ok(compute()?.into()),
            };
            variants.map(FeatureStore::new)
        };
        let trained = store("train", (train, &plain), recipe.variants())?;
        let taken = start.elapsed();
        let start = Instant::now();
        let validated = store("val", (val, val), 1)?;
        self.session.outcome.train += taken;
        self.session.outcome.eval += start.elapsed();
        self.clock = Instant::now();
        let (train, val) = (BatchSource::Features(train, trained), BatchSource::Features(val, validated));
        Ok(PhaseData { train, val, shards })
    }

    /// The epochs of the run, from 1, that are left in the phase.
    pub fn epochs(&self) -> std::ops::RangeInclusive<usize> {
        self.epoch.number..=self.epoch.number + self.phase.epochs - self.epochs_done - 1
    }

    /// Batches of the epoch at hand that are done.
    pub fn batches_done(&self) -> usize {
        self.epoch.batches
    }

    /// Trains on the next batch of the epoch. None while the gradients of several batches are added
    /// up.
    ///
    /// # Errors
    /// [`Diverged`] when the loss or a gradient is NaN or infinite, unless the recipe skips such
    /// steps.
    pub fn step(&mut self, loaded: IndexedBatch) -> Result<Option<StepInfo>> {
        let (batches, o) = (self.session.train.batches(), &self.session.recipe.optimize);
        let number = self.epoch.batches + self.pending.0.len();
        let (epoch, last) = (self.epoch.number, number + 1 == batches);
        let noise = self.noise.at(((epoch - 1) * batches + number) as u64);
        let of = self.session.train.places(number).len();
        let loss = self.stepper.loss(self.session.classifier, (loaded.batch, of), &noise)?;
        self.pending.0.push(loss.value);
        self.pending.1 += loss.pictures;
        let of = (&*self.session.classifier, &noise);
        let Some(grads) = self.stepper.gradients(of, loss, (self.pending.0.len(), last))? else { return Ok(None) };
        let (losses, pictures) = take(&mut self.pending);
        let step = self.session.outcome.lrs.len();
        let of_phase = (step - self.first_step) as u64;
        let (lr, momentum) = (o.lr * self.pace.at(of_phase), self.pace.momentum(of_phase));
        let loss = losses.iter().sum::<f64>() / losses.len() as f64;
        if !loss.is_finite() && o.non_finite == NonFiniteRecipe::Error {
            return Err(self.diverged("the loss".into(), lr).into());
        }
        let before = last.then(|| Before::of(self.session.classifier, self.session.params)).transpose()?;
        let updated = self.stepper.update(grads, Rates { lr, momentum });
        let Update { stats, applied } = updated.map_err(|error| self.failed(error, lr))?;
        self.losses.push(loss);
        if applied {
            self.epoch.total += losses.iter().sum::<f64>();
            self.epoch.counted += losses.len();
            self.average.as_mut().map(Average::update).transpose()?;
        }
        if let Some(before) = before {
            let updates = before.updates(self.session.classifier)?;
            self.seen = Some(Health { gradient_norm: stats.gradient_norm, updates, dead: Vec::new() });
        }
        self.epoch.batches = number + 1;
        self.session.outcome.lrs.push(lr);
        self.session.outcome.pictures += pictures;
        let (steps_per_epoch, epochs, phase) = (self.span.per_epoch as usize, self.session.epochs(), self.phase.name);
        Ok(Some(StepInfo { step: step + 1, steps_per_epoch, epoch, epochs, phase, loss, lr, pictures }))
    }

    /// What became of a step: its gradient is no number, or it failed otherwise.
    fn failed(&self, error: Error, lr: f64) -> Error {
        if let Error::Optim(error) = &error
            && let OptimError::NonFiniteGradient { name } = &**error
        {
            return self.diverged(format!("the gradient of {name}"), lr).into();
        }
        let (epoch, step) = (self.epoch.number, self.session.outcome.lrs.len() + 1);
        Error::Step { epoch, step, source: Box::new(error) }
    }

    fn diverged(&self, what: String, lr: f64) -> Diverged {
        let (epoch, step) = (self.epoch.number, self.session.outcome.lrs.len() + 1);
        Diverged { epoch, step, what, causes: causes(self.session.recipe, &self.losses, lr), kept: None }
    }

    /// Shows observers a step. Where one of them ends the training, or it is time for it, the state
    /// is saved.
    ///
    /// # Errors
    /// When a checkpoint cannot be written.
    pub fn observe(&mut self, info: &StepInfo, observers: &mut [&mut dyn Observer]) -> Result<ControlFlow<()>> {
        let mut wanted = false;
        for observer in observers.iter_mut() {
            wanted |= observer.step(info).is_break();
        }
        self.session.outcome.stopped |= agree(self.stepper.shards().ranks, wanted)?;
        let stopped = self.session.outcome.stopped;
        if let Some(mut checkpoints) = self.session.options.checkpoints.take() {
            let steps = self.session.outcome.lrs.len();
            if stopped || checkpoints.due(steps, self.epoch.batches == self.session.train.batches()) {
                let notice = checkpoints.save(steps, self.state()?)?;
                notice.iter().for_each(|notice| observers.iter_mut().for_each(|observer| observer.notice(notice)));
            }
            self.session.options.checkpoints = Some(checkpoints);
        }
        Ok(if stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    /// Ends an epoch: validates the network, or the average of its weights, or those that its rule
    /// wants evaluated, and shows the observers what came out. `Break` ends the phase, and where
    /// the outcome says that it is stopped, the training.
    ///
    /// # Errors
    /// When a picture cannot be read, or an observer fails.
    pub fn validate(&mut self, data: &PhaseData<'_>, observers: &mut [&mut dyn Observer]) -> Result<ControlFlow<()>> {
        self.session.outcome.train += self.clock.elapsed();
        let EpochProgress { number, total, counted, .. } = self.epoch;
        let start = Instant::now();
        self.show_average()?;
        let evaluated = self.stepper.optimizer().evaluation()?;
        let mut health = self.seen.take().unwrap_or_default();
        let epochs = self.session.epochs();
        let Session { classifier, params, objective, outcome, .. } = &mut *self.session;
        let show = &mut |stage: &str, map: &Tensor| {
            health.dead.push((stage.to_owned(), dead(map)?));
            Ok(())
        };
        let tell = &mut |done, all| observers.iter_mut().for_each(|observer| observer.validating(done, all));
        // What is left in the end is measured as it will answer.
        let precision = if number == epochs { Precision::F32 } else { self.stepper.precision() };
        let evaluation = precision.run(|| data.val.evaluate((classifier, objective), data.shards.ranks, show, tell))?;
        outcome.eval += start.elapsed();
        outcome.waited += evaluation.waited;
        self.pace.evaluated(evaluation.loss);
        let info = EpochInfo {
            epoch: number,
            epochs,
            phase: self.phase.name,
            lr: outcome.lrs.last().copied().unwrap_or(0.0),
            train_loss: total / counted as f64,
            val_loss: evaluation.loss,
            metric: objective.metric(),
            val_accuracy: evaluation.figure(),
            health,
        };
        outcome.evaluation = evaluation;
        outcome.history.push(info.clone());
        outcome.stopped |= agree(data.shards.ranks, shown(&info, params, observers)?)?;
        if outcome.stopped && info.epoch < info.epochs {
            evaluated.stay();
            return Ok(ControlFlow::Break(()));
        }
        let params = *params;
        self.next_epoch();
        if let Some(patience) = &mut self.patience
            && patience.observe(params, info.val_loss)?
        {
            evaluated.stay();
            return Ok(ControlFlow::Break(()));
        }
        // The weights that were evaluated, or their average, are what the next phase begins with,
        // and what the last one leaves.
        if self.epochs_done < self.phase.epochs {
            evaluated.restore()?;
            if let Some(average) = self.average.as_mut().filter(|average| average.is_swapped()) {
                average.swap()?;
            }
        } else {
            evaluated.stay();
        }
        self.clock = Instant::now();
        Ok(ControlFlow::Continue(()))
    }

    /// Puts the average of the weights into the network, where there is one already.
    fn show_average(&mut self) -> Result<()> {
        let average = self.average.as_mut().filter(|average| average.entered() > 0);
        average.map(Average::swap).transpose()?;
        Ok(())
    }

    /// The network and what trains it, for who has a schedule of its own.
    pub(crate) fn into_stepper(self) -> (&'s Classifier, Stepper<'a>) {
        (self.session.classifier, self.stepper)
    }

    /// Begins the next epoch; [`validate`](Self::validate) does so too.
    pub(crate) fn next_epoch(&mut self) {
        self.epochs_done += 1;
        self.epoch = EpochProgress { number: self.epoch.number + 1, ..EpochProgress::default() };
    }

    /// Counts time that was spent waiting for pictures.
    pub fn waited(&mut self, time: Duration) {
        self.session.outcome.waited += time;
    }

    /// Whether an observer has ended the training before its last epoch was done.
    pub fn is_stopped(&self) -> bool {
        self.session.outcome.stopped && self.session.outcome.history.len() < self.session.epochs()
    }

    /// Ends the phase: with early stopping the network of its best epoch is put back, and measured.
    ///
    /// # Errors
    /// When a picture cannot be read.
    pub fn end(mut self, data: &PhaseData<'_>) -> Result<()> {
        let Session { classifier, params, objective, outcome, recipe, memory, phases, .. } = &mut *self.session;
        outcome.skipped += self.stepper.skipped();
        let restored = self.patience.take().map(|patience| patience.restore(params)).transpose()? == Some(true);
        let early = outcome.history.last().is_some_and(|last| last.epoch < last.epochs);
        let rough = self.stepper.precision() != Precision::F32 && early && self.number + 1 == phases.len();
        if restored || rough {
            let shown = &mut |_: &str, _: &Tensor| Ok(());
            outcome.evaluation =
                data.val.evaluate((classifier, objective), data.shards.ranks, shown, &mut |_, _| {})?;
        }
        outcome.penalty = self.stepper.penalty()?;
        if recipe.plan == Plan::Gradual && recipe.optimize.carries_over() {
            *memory = self.stepper.optimizer().state()?;
        }
        Ok(())
    }
}
