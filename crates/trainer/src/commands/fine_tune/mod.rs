//! `taper fine-tune`, the main job, and `taper train`: the same with random weights.

mod args;
mod page;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use taper_data::Dataset;
use taper_tensor::Rng;

pub use self::args::{FineTuneArgs, TrainArgs};

use self::args::RunArgs;

use super::readable;
use crate::advise::advise;
use crate::files;
use crate::fit::{Observer, Outcome, fit, phases};
use crate::interrupt::Interrupt;
use crate::model::{ModelCard, save_weights};
use crate::network::{Network, network};
use crate::output::line;
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
    run(&args.run, &args.run.recipe(&Recipe::default())?, threads)
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
    let splits = taper_data::open(&recipe.data.path, recipe.data.val_fraction, &Rng::new(recipe.seed).fork("split"))?;
    let (train_set, bad_train) = readable(splits.train, args.strict)?;
    let (val_set, bad_val) = readable(splits.val, args.strict)?;
    let advised = args.auto().then(|| advised(recipe, &train_set, threads)).transpose()?;
    let recipe = advised.as_ref().unwrap_or(recipe);
    let Network { card, mut classifier, params, loaded } = network(recipe, train_set.classes())?;
    let train = train_loader(train_set.clone(), recipe, card.input(), threads)?;
    let val = eval_loader(val_set.clone(), recipe.data.batch_size, card.input(), threads)?;

    let name = recipe.data.path.file_name().map_or("data".into(), |name| name.to_string_lossy());
    let folder = run_folder::create(args.out.as_deref(), &name)?;
    let recipe_toml = toml::to_string(recipe)?;
    files::write(&folder.join("recipe.toml"), recipe_toml.as_bytes())?;
    let phases = phases(recipe, classifier.backbone().stages().len());
    let plan: Vec<String> = phases.iter().map(|phase| format!("{} x {}", phase.epochs, phase.name)).collect();
    eprintln!(
        "{} on {}: {} pictures to train on, {} to validate on, {} classes; epochs: {}",
        recipe.model,
        recipe.data.path.display(),
        train_set.len(),
        val_set.len(),
        card.classes.len(),
        plan.join(", ")
    );

    if let Some(report) = loaded {
        eprintln!("weights: {report}; what has none begins anew");
    }

    let mut interrupt = Interrupt::listen()?;
    let mut recorder = Recorder::new(&folder);
    let epochs = phases.iter().map(|phase| phase.epochs).sum();
    let mut progress = Progress::new(epochs, train.batches() * recipe.data.batch_size.min(train_set.len()));
    let observers: &mut [&mut dyn Observer] = &mut [&mut progress, &mut recorder, &mut interrupt];
    let outcome = fit(&mut classifier, &params, (&train, &val), recipe, observers)?;
    if outcome.stopped {
        let done = outcome.history.len();
        match done {
            0 => eprintln!("interrupted before the end of the first epoch: {} holds the recipe only", folder.display()),
            _ => eprintln!(
                "interrupted after {done} of {epochs} epochs: their history and weights are in {}",
                folder.join("checkpoint/last.safetensors").display()
            ),
        }
        return Ok(crate::interrupt::EXIT_CODE);
    }

    save_weights(&folder.join("model.safetensors"), &params.tensors())?;
    files::write(&folder.join("model.json"), &json(&card)?)?;
    let pictures = Pictures { train: train_set.len(), val: val_set.len(), unreadable: bad_train + bad_val };
    let mut summary = summarize(recipe, &card, &outcome, &pictures, threads);
    let page = render(&page::report(recipe, &recipe_toml, &summary, &outcome, train.batches(), &*val_set)?)?;
    files::write(&folder.join("report.html"), page.as_bytes())?;
    summary.seconds.total = start.elapsed().as_secs_f64();
    files::write(&folder.join("summary.json"), &json(&summary)?)?;

    if args.json {
        line(serde_json::to_string(&summary)?)?;
    } else {
        conclude(&folder, &summary, &*val_set)?;
    }
    Ok(0)
}

/// The recipe with the plan that its pictures ask for; tells why.
fn advised(recipe: &Recipe, train: &Arc<dyn Dataset>, threads: usize) -> Result<Recipe> {
    let advice = advise(recipe, train, threads)?;
    for reason in advice.reasons() {
        eprintln!("{reason}");
    }
    eprintln!("so: {}", advice.flags());
    let recipe = advice.follow(recipe);
    recipe.check()?;
    Ok(recipe)
}

/// How many pictures a run used and left out.
struct Pictures {
    train: usize,
    val: usize,
    unreadable: usize,
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
        train_images: pictures.train,
        val_images: pictures.val,
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
