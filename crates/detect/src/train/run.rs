//! A training with its folder, from the beginning or from where it was broken off.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;
use taper_trainer::Listener;
use taper_trainer::files;
use taper_trainer::store::checkpoint::{CheckpointFiles, Checkpoints, Every};
use taper_trainer::store::claim::RunFolder;

use super::error::TrainError;
use super::fit::{Session, Spent, Stop};
use super::folder;
use super::history::EpochRecord;
use super::recipe::Recipe;
use super::state::State;
use super::task::Task;
use super::watcher::Watcher;
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

/// Seconds of a process; one that goes on counts anew.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Seconds {
    /// In all.
    pub total: f64,
    /// Of training.
    pub train: f64,
    /// Of measuring.
    pub eval: f64,
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
    let data = taper_data::folder_of(&recipe.data);
    let name = data.file_name().map_or_else(|| "data".to_owned(), |name| name.to_string_lossy().into_owned());
    let run = RunFolder::create(out, &format!("detect-{name}"), listener)?;
    folder::begin(run.path(), &task.recipe)?;
    train(&task, run.path(), (every, threads, start), None, listener, watcher)
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
    let recipe = folder::recipe(run)?;
    if folder::is_at_end(run) {
        return Err(TrainError::AtEnd { run: run.into() });
    }
    let taken = RunFolder::take(run, listener)?;
    let task = Task::new(&recipe, listener)?;
    let state = CheckpointFiles::new(run, every).latest(State::read, listener)?;
    if let Some(state) = &state {
        let (then, now) = (&state.identity, &task.identity);
        let what = match () {
            () if then.recipe != now.recipe => Some("another recipe"),
            () if then.weights != now.weights => Some("other weights of the backbone"),
            () if then.pictures != now.pictures => Some("other pictures or boxes"),
            () => None,
        };
        if let Some(what) = what {
            return Err(TrainError::Changed { run: run.into(), what });
        }
    }
    train(&task, taken.path(), (every, threads, start), state, listener, watcher)
}

fn train(
    task: &Task,
    run: &Path,
    (every, threads, start): (Every, usize, Instant),
    state: Option<State>,
    listener: &dyn Listener,
    watcher: &mut dyn Watcher,
) -> Result<Ended, TrainError> {
    let mut session = Session::new(task, run, every, listener, state)?;
    let (history, last) = match session.run(watcher)? {
        Stop::Asked => return Ok(Ended::Interrupted { run: run.into() }),
        Stop::Done(history, last) => (history, last),
    };
    folder::write_model(run, &task.card, &task.params)?;
    let summary = summary(task, run, (&history, last), (threads, start, session.spent));
    files::write(&run.join(folder::SUMMARY), &files::json(&summary)?)?;
    Checkpoints::clear(run)?;
    Ok(Ended::Done(Box::new(summary)))
}

fn summary(
    task: &Task,
    run: &Path,
    (history, last): (&[EpochRecord], Metrics),
    (threads, start, spent): (usize, Instant, Spent),
) -> Summary {
    let measured = history.iter().filter(|record| !record.precision[0].is_nan());
    let best = measured.map(|record| (record.epoch, record.precision[0])).reduce(|a, b| if b.1 > a.1 { b } else { a });
    let train = spent.training.as_secs_f64();
    Summary {
        schema: 1,
        command: "detect train",
        run: run.into(),
        model: task.recipe.model.clone(),
        seed: task.recipe.seed,
        threads,
        train_images: task.sides.train.pictures.len(),
        val_images: task.sides.val.pictures.len(),
        classes: task.card.classes.clone(),
        epochs: history.len(),
        parameters: task.params.tensors().values().map(candle_core::Tensor::elem_count).sum(),
        train_loss: history.last().map_or(f64::NAN, EpochRecord::loss),
        last,
        best,
        seconds: Seconds { total: start.elapsed().as_secs_f64(), train, eval: spent.measuring.as_secs_f64() },
        images_per_second: spent.pictures as f64 / train.max(1e-9),
    }
}
