//! The loop.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use taper_tensor::Rng;
use taper_trainer::Listener;
use taper_trainer::fit::StepInfo;
use taper_trainer::store::checkpoint::{CheckpointFiles, Every};
use taper_transfer::{Fit, load_weights};

use super::error::TrainError;
use super::folder;
use super::history::EpochRecord;
use super::measure::answers;
use super::state::State;
use super::step::Mover;
use super::task::Task;
use super::watcher::Watcher;
use crate::data::Loading;
use crate::evaluate::Metrics;

/// Pictures that are measured at a time.
const MEASURED: usize = 8;

/// A training on its way.
pub(super) struct Session<'a> {
    task: &'a Task,
    folder: &'a Path,
    mover: Mover,
    files: CheckpointFiles,
    listener: &'a dyn Listener,
    /// How far it has come; its tensors are those of the network and the optimizer.
    state: State,
    per_epoch: usize,
    pub(super) spent: Spent,
}

/// Where the time went.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spent {
    pub(super) training: Duration,
    pub(super) measuring: Duration,
    pub(super) pictures: usize,
}

/// How a training ended.
pub(super) enum Stop {
    /// At its end, with the last measure.
    Done(Vec<EpochRecord>, Metrics),
    /// Somebody ended it; it can go on.
    Asked,
}

impl<'a> Session<'a> {
    /// From the beginning, or from a state.
    pub(super) fn new(
        task: &'a Task,
        folder: &'a Path,
        every: Every,
        listener: &'a dyn Listener,
        state: Option<State>,
    ) -> Result<Self, TrainError> {
        let per_epoch = task.sides.train.pictures.len().div_ceil(task.recipe.optimize.batch_size);
        let mut mover = Mover::new(task, per_epoch)?;
        let state = match state {
            Some(state) => {
                load_weights(&task.params, &state.model, Fit::Exact).map_err(crate::model::ModelError::from)?;
                mover.optimizer.load_state(&state.optimizer)?;
                State { model: Default::default(), optimizer: Default::default(), ..state }
            }
            None => State { identity: task.identity.clone(), ..State::default() },
        };
        let files = CheckpointFiles::new(folder, every);
        Ok(Self { task, folder, mover, files, listener, state, per_epoch, spent: Spent::default() })
    }

    /// Trains to the end.
    pub(super) fn run(&mut self, watcher: &mut dyn Watcher) -> Result<Stop, TrainError> {
        let epochs = self.task.recipe.optimize.epochs;
        watcher.begin(self.folder, epochs, self.state.history.len(), self.task.sides.train.pictures.len());
        let mut last = None;
        while self.state.history.len() < epochs {
            if self.epoch(watcher)?.is_break() {
                self.save()?;
                return Ok(Stop::Asked);
            }
            if self.files.due(self.steps(), true) {
                self.save()?;
            }
            last = self.conclude(watcher)?;
        }
        let last = match last {
            Some(metrics) => metrics,
            None => self.measured(watcher)?,
        };
        Ok(Stop::Done(self.state.history.clone(), last))
    }

    /// Steps that are done.
    fn steps(&self) -> usize {
        self.state.history.len() * self.per_epoch + self.state.batches
    }

    /// What is left of the epoch at hand.
    fn epoch(&mut self, watcher: &mut dyn Watcher) -> Result<ControlFlow<()>, TrainError> {
        let started = Instant::now();
        let (task, epoch) = (self.task, self.state.history.len());
        let root = Rng::new(task.recipe.seed);
        let loading = task.training()?;
        let mut order: Vec<usize> = (0..task.sides.train.pictures.len()).collect();
        root.fork("shuffle").at(epoch as u64).shuffle(&mut order);
        let chances = root.fork("augment").at(epoch as u64);
        let batches: Vec<&[usize]> = order.chunks(task.recipe.optimize.batch_size).collect();
        let begin = self.state.batches;
        let mut ended = ControlFlow::Continue(());
        for numbers in batches.iter().skip(begin) {
            self.batch(&loading, numbers, &chances)?;
            if self.files.due(self.steps(), false) {
                self.save()?;
            }
            ended = watcher.step(&self.info(numbers.len()));
            if ended.is_break() {
                break;
            }
        }
        self.spent.training += started.elapsed();
        Ok(ended)
    }

    fn batch(&mut self, loading: &Loading<'_>, numbers: &[usize], chances: &Rng) -> Result<(), TrainError> {
        let batch = loading.batch(numbers, chances)?;
        let parts = self.mover.step(self.task, &batch, self.steps())?;
        self.state.sums.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part);
        self.state.batches += 1;
        self.spent.pictures += numbers.len();
        Ok(())
    }

    /// What is told of the step that is done.
    fn info(&self, pictures: usize) -> StepInfo {
        StepInfo {
            step: self.steps(),
            steps_per_epoch: self.per_epoch,
            epoch: self.state.history.len() + 1,
            epochs: self.task.recipe.optimize.epochs,
            phase: "all",
            loss: self.state.sums.iter().sum::<f64>() / self.state.batches.max(1) as f64,
            lr: self.mover.lr(self.steps().saturating_sub(1)),
            pictures,
        }
    }

    /// Measures an epoch whose steps are done, and writes it down.
    fn conclude(&mut self, watcher: &mut dyn Watcher) -> Result<Option<Metrics>, TrainError> {
        let (own, epoch) = (&self.task.recipe.optimize, self.state.history.len() + 1);
        let due = epoch == own.epochs || epoch.is_multiple_of(own.measure_every);
        let metrics = if due { Some(self.measured(watcher)?) } else { None };
        let record = EpochRecord {
            epoch,
            lr: self.mover.lr(self.steps().saturating_sub(1)),
            losses: self.state.sums.map(|sum| sum / self.per_epoch as f64),
            precision: EpochRecord::of(metrics.as_ref()),
        };
        self.state.history.push(record);
        (self.state.batches, self.state.sums) = (0, [0.0; 4]);
        folder::write_history(self.folder, &self.state.history)?;
        watcher.epoch(&record, own.epochs);
        Ok(metrics)
    }

    fn measured(&mut self, watcher: &mut dyn Watcher) -> Result<Metrics, TrainError> {
        let started = Instant::now();
        let (task, all) = (self.task, self.task.sides.val.pictures.len());
        let seen = |done| watcher.measuring(done, all);
        let answers = answers(&task.detector, &task.validation()?, &task.card.asking, MEASURED, seen)?;
        let metrics = answers.metrics(task.card.classes.len());
        self.spent.measuring += started.elapsed();
        Ok(metrics)
    }

    /// Writes down where the training stands.
    fn save(&mut self) -> Result<(), TrainError> {
        let (model, optimizer) = (self.task.params.tensors(), self.mover.optimizer.state()?);
        let state = State { model, optimizer, ..self.state.clone() };
        if let Some(notice) = self.files.write(self.steps(), || state.bytes())? {
            self.listener.notice(&notice);
        }
        Ok(())
    }
}
