//! `taper fine-tune`, the main job, and `taper train`: the same with random weights.

mod args;
mod conflicts;
mod flags;
mod lr_find;
mod members;
mod resume;
mod telling;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use taper_data::Dataset;

pub use self::args::{FineTuneArgs, TrainArgs};
pub use self::lr_find::{LrFindArgs, lr_find};
pub(super) use self::members::MEMBER;
pub use self::resume::{ResumeArgs, resume};

pub(super) use self::args::RunArgs;
pub(super) use self::flags::preset;
use self::telling::{Form, Telling, Trained};
use crate::interrupt::EXIT_CODE;
use crate::output::{line, note, shell};
use crate::terminal::Terminal;
use taper_trainer::fit::FeatureCache;
use taper_trainer::recipe::Recipe;
use taper_trainer::store::claim::{self, RunFolder};
use taper_trainer::store::pictures::Pictures;
use taper_trainer::store::snapshots;
use taper_trainer::store::summary::Summary;
use taper_trainer::study::advise::advise;
use taper_trainer::study::budget::{Length, within};
use taper_trainer::study::run::Run;

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

fn run(args: &RunArgs, recipe: &Recipe, threads: usize) -> Result<i32> {
    let start = Instant::now();
    let pictures = Pictures::open(recipe, args.strict, &Terminal)?;
    let advised = args.auto().then(|| advised(recipe, &pictures.train, threads)).transpose()?;
    let recipe = advised.as_ref().unwrap_or(recipe);
    recipe.check()?;
    let cache = FeatureCache::default();
    let left = args.max_time.map(|Length(time)| time.saturating_sub(start.elapsed()));
    let fitted = left.map(|left| within(left, recipe, &pictures, threads, (&cache, &Terminal))).transpose()?;
    let recipe = fitted.as_ref().unwrap_or(recipe);
    let manner = Telling::manner(threads, args.checkpoint_every.unwrap_or_default());
    let create = || RunFolder::create(args.out.as_deref(), &claim::name(recipe), &Terminal);
    if recipe.members > 1 {
        return members::begin(recipe, &pictures, manner, create, (args.telling, args.json));
    }
    let mut run = Run::new(recipe, &pictures, manner)?.since(start);
    if fitted.is_some() {
        // What was computed to measure the time is not computed again.
        run = run.sharing(&cache);
    }
    let folder = create()?;
    tell(&args.telling.train(run, &folder)?, folder.path(), &pictures, args.telling.form(args.json))
}

/// Says how a run ended; the exit code.
fn tell(ended: &Trained, folder: &Path, pictures: &Pictures, form: Form) -> Result<i32> {
    match ended {
        Trained::Interrupted(done, epochs) => Ok(interrupted(*done, *epochs, folder)),
        Trained::Done(summary) => {
            below_best(folder, summary);
            form.tell(summary, || conclude(folder, summary, &*pictures.val))?;
            Ok(0)
        }
    }
}

/// Says where a better model lies than the one that a run ended with.
fn below_best(folder: &Path, summary: &Summary) {
    let Some(ends) = summary.below_best() else { return };
    let [file, model] = ["checkpoint/best.safetensors", "model.safetensors"].map(|name| shell(&folder.join(name)));
    let percent = |share: f64| format!("{:.1}", 100.0 * share);
    note(format_args!(
        "doubtful: the model of the last epoch is worse than that of epoch {}: {} % right, {} % there (95 % interval {} to {} %). Every \
         verb that takes a run takes {file}, which is that one; to make it the run's own:",
        summary.best.epoch,
        percent(summary.r#final.val_accuracy),
        percent(summary.best.val_accuracy),
        percent(ends[0]),
        percent(ends[1])
    ));
    note(format_args!("  cp {file} {model}"));
}

fn interrupted(done: usize, epochs: usize, folder: &Path) -> i32 {
    note(format_args!("interrupted after {done} of {epochs} epochs; to go on:"));
    note(format_args!("  taper resume {}", shell(folder)));
    EXIT_CODE
}

/// The recipe with the plan that its pictures ask for; tells why.
fn advised(recipe: &Recipe, train: &Arc<dyn Dataset>, threads: usize) -> Result<Recipe> {
    let advice = advise(recipe, train, threads, &Terminal)?;
    for reason in advice.reasons() {
        note(reason);
    }
    note(format_args!("so: {}", advice.flags()));
    Ok(advice.follow(recipe))
}

fn conclude(folder: &Path, summary: &Summary, val: &dyn Dataset) -> Result<()> {
    let (run, last) = (shell(folder), &summary.r#final);
    let report = shell(&folder.join("report.html"));
    line(format_args!(
        "accuracy {:.1} % on {} validation pictures (loss {:.3}) after {} epochs in {:.0} s",
        100.0 * last.val_accuracy,
        summary.val_images,
        last.val_loss,
        summary.epochs,
        summary.seconds.total
    ))?;
    line(format_args!("the run lies in {}; next:", folder.display()))?;
    line(format_args!("  open {report}"))?;
    // What names a picture is its path, unless it lies in no file of its own, or its name had to be written otherwise.
    let picture = PathBuf::from(val.name(0));
    if picture.is_file() {
        line(format_args!("  taper predict {run} {}", shell(&picture)))?;
    }
    line(format_args!("  taper eval {run}"))?;
    match snapshots::list(folder).len() {
        0 | 1 => Ok(()),
        many => line(format_args!("  taper ensemble {run}        its {many} snapshots together")),
    }
}
