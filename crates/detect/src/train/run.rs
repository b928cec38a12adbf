//! A training with its folder, from the beginning or from where it was broken off.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;
use taper_trainer::Listener;
use taper_trainer::epochs::{EpochRow, Seconds, Started, State, Stop, Trained, Watcher, folder, train};
use taper_trainer::store::checkpoint::Every;
use taper_trainer::store::claim::RunFolder;

use super::error::TrainError;
use super::recipe::Recipe;
use super::task::Task;
use super::training::Training;
use crate::evaluate::Metrics;

/// How a training ended.
#[derive(Debug)]
pub enum Ended {
    /// At its end.
    Done(Box<Summary>),
    /// The watcher ended it. It can go on.
    Interrupted {
        /// The folder of the run.
        run: PathBuf,
    },
}

/// `summary.json`: what was trained on what, and what came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Version of this file: 1.
    pub schema: u32,
    /// `detect train`.
    pub command: &'static str,
    /// The folder of the run.
    #[serde(skip)]
    pub run: PathBuf,
    /// The backbone.
    pub model: String,
    /// What all that is random followed from.
    pub seed: u64,
    /// Threads that it computed with.
    pub threads: usize,
    /// Pictures that it was trained on.
    pub train_images: usize,
    /// Pictures that it was measured on.
    pub val_images: usize,
    /// The classes.
    pub classes: Vec<String>,
    /// Passes over the training pictures.
    pub epochs: usize,
    /// Numbers of the network.
    pub parameters: usize,
    /// The loss of the last epoch.
    pub train_loss: f64,
    /// What the network that is left was measured as.
    #[serde(rename = "final")]
    pub last: Metrics,
    /// The best epoch by mAP, and its mAP.
    pub best: Option<(usize, f64)>,
    /// Seconds of this process: all, training, measuring.
    pub seconds: Seconds,
    /// Pictures trained on in a second.
    pub images_per_second: f64,
}

/// Trains by a recipe into a new folder, `out` or one in `runs`.
///
/// # Errors
/// When the recipe is not to be done, the folder is not to be had, or the training diverges.
pub fn run(
    recipe: &Recipe,
    (out, every): (Option<&Path>, Every),
    threads: usize,
    listener: &dyn Listener,
    watcher: &mut dyn Watcher,
) -> Result<Ended, TrainError> {
    let start = Instant::now();
    let task = Task::new(recipe, listener)?;
    let taken = RunFolder::create(out, &folder::name("detect", &recipe.data), listener)?;
    folder::begin(taken.path(), &toml::to_string(&task.recipe)?)?;
    trained(&task, (taken.path(), every), (threads, start), None, listener, watcher)
}

/// Goes on with a run that was broken off: it ends as if it had never stopped, to the bit.
///
/// # Errors
/// When the folder is no run or one at its end, its recipe, weights or pictures are others than
/// those that it was begun with, and as for [`run`](run()).
pub fn resume(
    run: &Path,
    every: Every,
    threads: usize,
    listener: &dyn Listener,
    watcher: &mut dyn Watcher,
) -> Result<Ended, TrainError> {
    let start = Instant::now();
    let recipe = folder::recipe(run).ok_or_else(|| TrainError::NoRun { run: run.into() })?;
    let recipe = Recipe::read(&recipe)?;
    if folder::is_at_end(run) {
        return Err(TrainError::AtEnd { run: run.into() });
    }
    let taken = RunFolder::take(run, listener)?;
    let task = Task::new(&recipe, listener)?;
    let state = folder::latest(run, &Training::COLUMNS, listener)?;
    if let Some(what) = state.as_ref().and_then(|state| state.changed(&task.identity)) {
        return Err(TrainError::Changed { run: run.into(), what });
    }
    trained(&task, (taken.path(), every), (threads, start), state, listener, watcher)
}

fn trained(
    task: &Task,
    (run, every): (&Path, Every),
    (threads, start): (usize, Instant),
    state: Option<State>,
    listener: &dyn Listener,
    watcher: &mut dyn Watcher,
) -> Result<Ended, TrainError> {
    let started = Started { folder: run, every, identity: task.identity.clone(), state };
    let mut training = Training::new(task)?;
    match train(&mut training, started, listener, watcher)? {
        Stop::Asked => Ok(Ended::Interrupted { run: run.into() }),
        Stop::Done { history, last, seconds, images_per_second } => {
            let seconds = Seconds { total: start.elapsed().as_secs_f64(), ..seconds };
            let summary = Summary { seconds, images_per_second, threads, ..summary(task, run, &history, last) };
            folder::end::<TrainError>(run, &task.params.tensors(), &task.card, &summary)?;
            Ok(Ended::Done(Box::new(summary)))
        }
    }
}

fn summary(task: &Task, run: &Path, history: &[EpochRow], last: Metrics) -> Summary {
    Summary {
        schema: 1,
        command: "detect train",
        run: run.into(),
        model: task.recipe.model.clone(),
        seed: task.recipe.seed,
        threads: 0,
        train_images: task.sides.train.pictures.len(),
        val_images: task.sides.val.pictures.len(),
        classes: task.card.classes.clone(),
        epochs: history.len(),
        parameters: task.params.tensors().values().map(candle_core::Tensor::elem_count).sum(),
        train_loss: history.last().map_or(f64::NAN, EpochRow::loss),
        last,
        best: EpochRow::best(history, 0),
        seconds: Seconds::default(),
        images_per_second: 0.0,
    }
}
