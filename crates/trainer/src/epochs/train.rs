//! The loop.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::folder;
use super::row::EpochRow;
use super::state::{State, Tensors};
use super::trained::{Place, Trained};
use super::watcher::Watcher;
use crate::fit::StepInfo;
use crate::listener::Listener;
use crate::store::checkpoint::{CheckpointFiles, Every};

/// How a training begins.
#[derive(Debug)]
pub struct Started<'a> {
    /// The folder of its run.
    pub folder: &'a Path,
    /// How often it is written down.
    pub every: Every,
    /// What it is a training of, as in [`State::identity`].
    pub identity: Vec<(String, String)>,
    /// Where it goes on; none for the beginning.
    pub state: Option<State>,
}

/// Seconds of a process; one that goes on counts anew.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Seconds {
    /// In all.
    pub total: f64,
    /// Of training.
    pub train: f64,
    /// Of measuring.
    pub eval: f64,
}

/// How a training ended.
#[derive(Debug)]
pub enum Stop<M> {
    /// At its end.
    Done {
        /// Its epochs.
        history: Vec<EpochRow>,
        /// The last measure.
        last: M,
        /// Where the time went; the total is 0, which whoever began knows.
        seconds: Seconds,
        /// Pictures trained on in a second.
        images_per_second: f64,
    },
    /// Somebody ended it; it can go on.
    Asked,
}

/// Trains to the end, or until the watcher ends it: measured behind its epochs, written down as
/// often as asked, with `history.csv` in its folder.
///
/// # Errors
/// Those of what is trained, and when a file cannot be written.
pub fn train<T: Trained>(
    trained: &mut T,
    started: Started<'_>,
    listener: &dyn Listener,
    watcher: &mut dyn Watcher,
) -> Result<Stop<T::Metrics>, T::Error> {
    let Started { folder, every, identity, state } = started;
    let state = match state {
        Some(state) => {
            trained.enter(state.history.len().min(trained.epochs().saturating_sub(1)))?;
            trained.load(&state.model, &state.optimizer)?;
            State { model: Tensors::new(), optimizer: Tensors::new(), ..state }
        }
        None => State { identity, ..State::default() },
    };
    let (files, spent) = (CheckpointFiles::new(folder, every), Spent::default());
    let mut session = Session { trained, folder, files, listener, state, spent };
    session.run(watcher)
}

/// A training on its way.
struct Session<'a, T> {
    trained: &'a mut T,
    folder: &'a Path,
    files: CheckpointFiles,
    listener: &'a dyn Listener,
    /// How far it has come; its tensors are those of what is trained.
    state: State,
    spent: Spent,
}

/// Where the time went.
#[derive(Clone, Copy, Debug, Default)]
struct Spent {
    training: Duration,
    measuring: Duration,
    pictures: usize,
}

impl<T: Trained> Session<'_, T> {
    fn run(&mut self, watcher: &mut dyn Watcher) -> Result<Stop<T::Metrics>, T::Error> {
        let epochs = self.trained.epochs();
        watcher.begin(self.folder, epochs, self.state.history.len(), self.trained.pictures());
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
        let (train, eval) = (self.spent.training.as_secs_f64(), self.spent.measuring.as_secs_f64());
        let (seconds, history) = (Seconds { total: 0.0, train, eval }, self.state.history.clone());
        Ok(Stop::Done { history, last, seconds, images_per_second: self.spent.pictures as f64 / train.max(1e-9) })
    }

    /// Steps that are done.
    fn steps(&self) -> usize {
        self.state.history.len() * self.trained.batches() + self.state.batches
    }

    /// What is left of the epoch at hand.
    fn epoch(&mut self, watcher: &mut dyn Watcher) -> Result<ControlFlow<()>, T::Error> {
        let started = Instant::now();
        let (epoch, begin) = (self.state.history.len(), self.state.batches);
        self.trained.enter(epoch)?;
        let mut ended = ControlFlow::Continue(());
        for batch in begin..self.trained.batches() {
            let taken = self.trained.step(Place { epoch, batch, step: self.steps() })?;
            self.state.sums.resize(taken.losses.len(), 0.0);
            self.state.sums.iter_mut().zip(&taken.losses).for_each(|(sum, loss)| *sum += loss);
            self.state.batches += 1;
            self.spent.pictures += taken.pictures;
            if self.files.due(self.steps(), false) {
                self.save()?;
            }
            ended = watcher.step(&self.info(taken.pictures));
            if ended.is_break() {
                break;
            }
        }
        self.spent.training += started.elapsed();
        Ok(ended)
    }

    /// What is told of the step that is done.
    fn info(&self, pictures: usize) -> StepInfo {
        let epoch = self.state.history.len();
        StepInfo {
            step: self.steps(),
            steps_per_epoch: self.trained.batches(),
            epoch: epoch + 1,
            epochs: self.trained.epochs(),
            phase: self.trained.phase(epoch),
            loss: self.state.sums.iter().sum::<f64>() / self.state.batches.max(1) as f64,
            lr: self.trained.lr(self.steps().saturating_sub(1)),
            pictures,
        }
    }

    /// Measures an epoch whose steps are done, and writes it down.
    fn conclude(&mut self, watcher: &mut dyn Watcher) -> Result<Option<T::Metrics>, T::Error> {
        let (epochs, epoch) = (self.trained.epochs(), self.state.history.len() + 1);
        let due = epoch == epochs || self.trained.is_measured(epoch);
        let metrics = if due { Some(self.measured(watcher)?) } else { None };
        let nothing = || vec![f64::NAN; T::COLUMNS.measures.len()];
        let batches = self.trained.batches() as f64;
        let row = EpochRow {
            epoch,
            lr: self.trained.lr(self.steps().saturating_sub(1)),
            losses: self.state.sums.iter().map(|sum| sum / batches).collect(),
            measures: metrics.as_ref().map_or_else(nothing, T::numbers),
        };
        watcher.epoch(&row, epochs);
        self.state.history.push(row);
        self.state.batches = 0;
        self.state.sums.fill(0.0);
        folder::write_history(self.folder, &T::COLUMNS, &self.state.history)?;
        Ok(metrics)
    }

    fn measured(&mut self, watcher: &mut dyn Watcher) -> Result<T::Metrics, T::Error> {
        let started = Instant::now();
        let metrics = self.trained.measure(&mut |done, all| watcher.measuring(done, all))?;
        self.spent.measuring += started.elapsed();
        Ok(metrics)
    }

    /// Writes down where the training stands.
    fn save(&mut self) -> Result<(), T::Error> {
        let (model, optimizer) = (self.trained.model(), self.trained.optimizer()?);
        let state = State { model, optimizer, ..self.state.clone() };
        if let Some(notice) = self.files.write(self.steps(), || state.bytes::<T::Error>())? {
            self.listener.notice(&notice);
        }
        Ok(())
    }
}
