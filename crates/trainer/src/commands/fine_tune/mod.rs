//! `taper fine-tune`, the main job, and `taper train`: the same with random weights.

mod args;
mod lr_find;
mod page;
mod resume;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use taper_data::Dataset;
use taper_tensor::Rng;
use taper_transfer::sha256;

pub use self::args::{FineTuneArgs, TrainArgs};
pub use self::lr_find::{LrFindArgs, lr_find};
pub use self::resume::{ResumeArgs, resume};

use self::args::RunArgs;

use super::readable;
use crate::advise::advise;
use crate::checkpoint::{Checkpoint, Checkpoints};
use crate::files;
use crate::fit::{Keep, Observer, Outcome, fit_kept};
use crate::interrupt::Interrupt;
use crate::model::{ModelCard, save_weights};
use crate::network::{Network, network};
use crate::output::line;
use crate::phases::phases;
use crate::pipeline::{eval_loader, train_loader};
use crate::progress::Progress;
use crate::recipe::Recipe;
use crate::report::render;
use crate::run_folder::{self, Final, Recorder, Seconds, Summary};

/// Runs the verb.
///
/// # Errors
/// Says what was wrong, where, and what to do; a run folder that was begun keeps what was whole.
pub fn fine_tune(args: &FineTuneArgs, threads: usize) -> Result<i32> {
    run(&args.run, &args.run.recipe(&args.preset.recipe(&Recipe::default()))?, threads)
}

/// Runs the verb.
///
/// # Errors
/// As [`fine_tune`].
pub fn train(args: &TrainArgs, threads: usize) -> Result<i32> {
    run(&args.run, &args.run.recipe(&Recipe::from_scratch())?, threads)
}

/// The verb that runs a recipe.
fn verb(recipe: &Recipe) -> &'static str {
    if recipe.pretrained { "fine-tune" } else { "train" }
}

fn run(args: &RunArgs, recipe: &Recipe, threads: usize) -> Result<i32> {
    let start = Instant::now();
    let pictures = Pictures::open(recipe, args.strict)?;
    let advised = args.auto().then(|| advised(recipe, &pictures.train, threads)).transpose()?;
    let recipe = advised.as_ref().unwrap_or(recipe);
    recipe.check()?;
    let name = recipe.data.path.file_name().map_or("data".into(), |name| name.to_string_lossy());
    let network = network(recipe, pictures.train.classes())?;
    let folder = run_folder::create(args.out.as_deref(), &name)?;
    files::write(&folder.join("recipe.toml"), toml::to_string(recipe)?.as_bytes())?;
    let checkpoints = Checkpoints::new(&folder, args.checkpoint_every.unwrap_or_default(), pictures.name()?);
    let job = Job { start, folder, recipe, pictures, network, checkpoints, threads, json: args.json };
    job.run(None)
}

/// A run with all that it needs.
struct Job<'a> {
    start: Instant,
    folder: PathBuf,
    recipe: &'a Recipe,
    pictures: Pictures,
    network: Network,
    checkpoints: Checkpoints,
    threads: usize,
    json: bool,
}

impl Job<'_> {
    /// Trains, from the beginning or from a checkpoint on, and writes what comes out.
    fn run(self, resume: Option<Checkpoint>) -> Result<i32> {
        let Self { start, folder, recipe, pictures, network, checkpoints, threads, json: as_json } = self;
        let Network { card, mut classifier, params, loaded } = network;
        let train = train_loader(pictures.train.clone(), recipe, card.input(), threads)?;
        let val = eval_loader(pictures.val.clone(), recipe.data.batch_size, card.input(), threads)?;
        let phases = phases(recipe, classifier.backbone().stages().len());
        let plan: Vec<String> = phases.iter().map(|phase| format!("{} x {}", phase.epochs, phase.name)).collect();
        eprintln!(
            "{} on {}: {} pictures to train on, {} to validate on, {} classes; epochs: {}",
            recipe.model,
            recipe.data.path.display(),
            pictures.train.len(),
            pictures.val.len(),
            card.classes.len(),
            plan.join(", ")
        );
        match (&resume, loaded) {
            (Some(checkpoint), _) => eprintln!("going on after {} steps", checkpoint.steps()),
            (None, Some(report)) => eprintln!("weights: {report}; what has none begins anew"),
            (None, None) => {}
        }

        let mut interrupt = Interrupt::listen()?;
        let mut recorder = Recorder::new(&folder);
        let epochs = phases.iter().map(|phase| phase.epochs).sum();
        let mut progress = Progress::new(epochs, train.batches() * recipe.data.batch_size.min(pictures.train.len()));
        let observers: &mut [&mut dyn Observer] = &mut [&mut progress, &mut recorder, &mut interrupt];
        let keep = Keep { place: Some(&folder), checkpoints: Some(checkpoints.clone()), resume };
        let outcome = fit_kept(&mut classifier, &params, (&train, &val), recipe, observers, keep)?;
        if outcome.stopped {
            let (done, folder) = (outcome.history.len(), folder.display());
            eprintln!("interrupted after {done} of {epochs} epochs; to go on:\n  taper resume {folder}");
            return Ok(crate::interrupt::EXIT_CODE);
        }

        save_weights(&folder.join("model.safetensors"), &params.tensors())?;
        files::write(&folder.join("model.json"), &json(&card)?)?;
        let mut summary = summarize(recipe, &card, &outcome, &pictures, threads);
        let recipe_toml = toml::to_string(recipe)?;
        let page = render(&page::report(recipe, &recipe_toml, &summary, &outcome, train.batches(), &*pictures.val)?)?;
        files::write(&folder.join("report.html"), page.as_bytes())?;
        summary.seconds.total = start.elapsed().as_secs_f64();
        files::write(&folder.join(SUMMARY), &json(&summary)?)?;
        checkpoints.clear()?;

        if as_json {
            line(serde_json::to_string(&summary)?)?;
        } else {
            conclude(&folder, &summary, &*pictures.val)?;
        }
        Ok(0)
    }
}

/// What a run writes last.
const SUMMARY: &str = "summary.json";

/// The pictures of a run that can be read, and how many cannot.
struct Pictures {
    train: Arc<dyn Dataset>,
    val: Arc<dyn Dataset>,
    unreadable: usize,
}

impl Pictures {
    fn open(recipe: &Recipe, strict: bool) -> Result<Self> {
        let rng = Rng::new(recipe.seed).fork("split");
        let splits = taper_data::open(&recipe.data.path, recipe.data.val_fraction, &rng)?;
        let ((train, bad_train), (val, bad_val)) = (readable(splits.train, strict)?, readable(splits.val, strict)?);
        Ok(Self { train, val, unreadable: bad_train + bad_val })
    }

    /// The SHA-256 of the names and the classes of all.
    fn name(&self) -> Result<String> {
        let names = |set: &dyn Dataset| (0..set.len()).map(|i| (set.name(i), set.label(i))).collect::<Vec<_>>();
        let all = (self.train.classes(), names(&*self.train), names(&*self.val));
        Ok(sha256(&serde_json::to_vec(&all)?))
    }
}

/// The recipe with the plan that its pictures ask for; tells why.
fn advised(recipe: &Recipe, train: &Arc<dyn Dataset>, threads: usize) -> Result<Recipe> {
    let advice = advise(recipe, train, threads)?;
    for reason in advice.reasons() {
        eprintln!("{reason}");
    }
    eprintln!("so: {}", advice.flags());
    Ok(advice.follow(recipe))
}

/// The summary of a run; its total time comes last, when all else is written.
fn summarize(recipe: &Recipe, card: &ModelCard, outcome: &Outcome, pictures: &Pictures, threads: usize) -> Summary {
    let last = outcome.history.last();
    Summary {
        schema: 1,
        command: verb(recipe).into(),
        model: card.model.clone(),
        plan: format!("{:?}", recipe.plan).to_lowercase(),
        optimizer: recipe.optimize.rule.name().into(),
        average: recipe.optimize.average.name().into(),
        seed: recipe.seed,
        threads,
        train_images: pictures.train.len(),
        val_images: pictures.val.len(),
        unreadable_images: pictures.unreadable,
        classes: card.classes.clone(),
        epochs: outcome.history.len(),
        skipped_steps: outcome.skipped,
        best: run_folder::best(&outcome.history),
        r#final: last.map_or_else(Final::default, |e| Final {
            train_loss: e.train_loss,
            penalty: outcome.penalty,
            val_loss: outcome.evaluation.loss,
            val_accuracy: outcome.evaluation.accuracy(),
        }),
        seconds: Seconds {
            total: 0.0,
            train: outcome.train.as_secs_f64(),
            eval: outcome.eval.as_secs_f64(),
            data_wait: outcome.waited.as_secs_f64(),
        },
        images_per_second: outcome.pictures as f64 / outcome.train.as_secs_f64(),
        peak_memory_mb: run_folder::peak_memory_mb(),
    }
}

fn json(value: &impl serde::Serialize) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn conclude(folder: &Path, summary: &Summary, val: &dyn Dataset) -> Result<()> {
    let (run, last) = (folder.display(), &summary.r#final);
    line(format_args!(
        "accuracy {:.1} % on {} validation pictures (loss {:.3}) after {} epochs in {:.0} s",
        100.0 * last.val_accuracy,
        summary.val_images,
        last.val_loss,
        summary.epochs,
        summary.seconds.total
    ))?;
    line(format_args!("the run lies in {run}; next:"))?;
    line(format_args!("  open {run}/report.html"))?;
    line(format_args!("  taper predict {run} {}", val.name(0)))?;
    line(format_args!("  taper eval {run}"))
}
