//! `taper search`: which settings serve best.

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;

use super::fine_tune::{RunArgs, preset};
use crate::interrupt::{EXIT_CODE, Interrupt};
use crate::output::{line, lost, note, regardless, shell};
use crate::terminal::Terminal;
use taper_data::{Dataset, LabelKind};
use taper_report::draw::png;
use taper_report::search_picture::draw;
use taper_trainer::ObserverError;
use taper_trainer::build::colors::measured;
use taper_trainer::fit::Observer;
use taper_trainer::ranks::{Ranks, agree, broadcast};
use taper_trainer::recipe::{Recipe, RecipeError};
use taper_trainer::store::claim;
use taper_trainer::store::pictures::Pictures;
use taper_trainer::study::finished::Finished;
use taper_trainer::study::run::{Manner, Run};
use taper_trainer::study::search::{
    Importance, Score, Scores, SearchFolder, Space, Trial, Watch, importance, recipe_of, search,
};

/// Find settings: train with many, each a run of its own, and tell which served best and which
/// mattered.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  taper search pictures --space space.toml --preset quick\n  taper search pictures --space space.toml --out runs/search &    as often as there are machines that share the folder\n  taper search fashion-mnist --scratch --space space.toml --epochs 2\n\nA space is TOML:\n  method = \"random\"                  # or \"grid\", ten values of each range\n  trials = 20\n  [space]\n  \"optimize.lr\" = { log = [1e-4, 1e-1] }\n  \"regularize.weight_decay\" = { log = [1e-4, 1.0] }\n  \"head.dropout\" = { uniform = [0.0, 0.7] }\n  \"head.hidden\" = { choice = [0, 256, 512] }\n\nInstead of trials, coarse to fine:          or successive halving (ASHA):\n  [[stages]]                                  trials = 27\n  trials = 12                                 [halving]\n  set = { \"optimize.epochs\" = 2 }             factor = 3\n  [[stages]]                                  rungs = 3\n  trials = 8\n  around = 3\n\nThe same command goes on with a search that was broken off, and joins one that other processes are at: each trial has a lock file in\nthe folder. What the flags and -c say is common to all trials."
)]
pub struct SearchArgs {
    /// What is tried
    #[arg(long, value_name = "FILE")]
    space: PathBuf,
    /// How long a trial may take; recipe and flags change it
    #[arg(long, value_name = "PRESET", value_parser = preset(), default_value = "default", conflicts_with = "scratch")]
    preset: taper_trainer::recipe::Preset,
    /// From random weights, as train
    #[arg(long)]
    scratch: bool,
    #[command(flatten)]
    run: RunArgs,
}

/// Runs the verb.
///
/// # Errors
/// When the search space is invalid, the pictures cannot be read, or the folder is of another
/// search.
pub fn search_settings(args: &SearchArgs, threads: usize, ranks: &dyn Ranks) -> Result<i32> {
    let (space, renamed) = Space::read(&args.space)?;
    renamed.iter().for_each(note);
    let usual = if args.scratch { Recipe::from_scratch() } else { args.preset.recipe(&Recipe::default()) };
    let mut base = args.run.recipe(&usual)?;
    for (refused, field, got) in [
        (base.members > 1, "members", base.members.to_string()),
        (args.run.auto(), "plan", "auto".to_owned()),
        (args.run.max_time.is_some(), "--max-time", "a time".to_owned()),
    ] {
        if refused {
            bail!(RecipeError::Field { field, wanted: "left out of a search, whose trials are one run each", got });
        }
    }
    // All trials see the same split, also where the seed is one of the settings.
    base.data.split_seed = Some(base.split_seed());
    checked(&space, &base).with_context(|| args.space.display().to_string())?;
    let fixed = ["data.path", "data.val_fraction", "data.split_seed", "members"];
    if let Some(place) = space.space.keys().find(|place| fixed.contains(&place.as_str())) {
        let wanted = "of settings that leave the pictures as they are: results are compared on the same ones";
        bail!(RecipeError::FieldIn { path: args.space.clone(), field: "[space]", wanted, got: place.clone() });
    }
    let pictures = Pictures::open(&base, args.run.strict.policy(), &Terminal)?;
    require_classes(&*pictures.train)?;
    let base = measured(&base, &pictures.train, threads, &Terminal)?;
    let first = measured(&checked(&space, &base)?, &pictures.train, threads, &Terminal)?;
    let manner = Manner {
        threads,
        checkpoint_every: args.run.checkpoint_every.unwrap_or_default(),
        quiet: true,
        listener: &Terminal,
        // Each of several processes has trials of its own.
        ..Manner::default()
    };
    // What is wrong with the first trial is found before there is a folder.
    Run::new(&first, &pictures, manner)?;
    let place = match &args.run.out {
        Some(path) => path.clone(),
        None => together(ranks, || claim::free(&format!("{}-search", claim::name(&base))))?,
    };
    let folder = joined(ranks, || {
        let folder = SearchFolder::open(&place, &space, &base, &Terminal)?;
        folder.require_same(&space, &pictures)?;
        Ok(folder)
    })?;
    let mut trials = Trials { folder: &folder, space: &space, interrupt: Interrupt::listen()? };
    if !search(&folder, (&space, &base), &pictures, manner, &mut trials)? {
        note(format_args!("interrupted; the same command with --out {} goes on", shell(&place)));
        return Ok(EXIT_CODE);
    }
    if ranks.rank() > 0 {
        return Ok(0);
    }
    conclude(args, (&space, &base), &folder)
}

/// Writes and tells what a search that is at its end has found.
fn conclude(args: &SearchArgs, (space, base): (&Space, &Recipe), folder: &SearchFolder) -> Result<i32> {
    let scores = folder.scores(space)?;
    folder.write(&[("trials.csv", csv(folder, space, &scores)?.as_bytes())])?;
    let Some(best) = space.best(&scores).filter(|best| !scores[best].failed()) else {
        bail!(
            "every trial failed, so none is the best ({} says why): where losses became NaN or infinite, lower the rates",
            folder.path().join("trials/*/diverged.txt").display()
        );
    };
    let recipe = recipe_of(space, base, best, &space.settings_of(best, &scores))?;
    let best = toml::to_string(&recipe)?;
    let svg = draw(&format!("{} on {}", base.model, base.data.path.display()), space, &scores)?;
    folder.write(&[("best.toml", best.as_bytes()), ("search.svg", svg.as_bytes()), ("search.png", &png(&svg)?)])?;
    regardless(tell(args, folder, space, &scores))?;
    Ok(0)
}

/// The folder of several processes: the first makes it, then the others join.
fn joined(ranks: &dyn Ranks, open: impl Fn() -> Result<SearchFolder>) -> Result<SearchFolder> {
    let made = if ranks.rank() == 0 { Some(open()?) } else { None };
    agree(ranks, false)?;
    made.map_or_else(open, Ok)
}

/// The folder that the first of several processes chooses.
fn together(ranks: &dyn Ranks, choose: impl FnOnce() -> taper_trainer::Result<PathBuf>) -> Result<PathBuf> {
    let chosen = if ranks.rank() == 0 { choose()? } else { PathBuf::new() };
    let bytes = broadcast(ranks, chosen.into_os_string().into_encoded_bytes())?;
    Ok(PathBuf::from(String::from_utf8_lossy(&bytes).into_owned()))
}

/// Tells of each trial, and ends the search once the user has asked for it.
struct Trials<'a> {
    folder: &'a SearchFolder,
    space: &'a Space,
    interrupt: Interrupt,
}

impl Watch for Trials<'_> {
    fn go_on(&mut self) -> ControlFlow<()> {
        if self.interrupt.asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn observer(&mut self) -> Box<dyn Observer + '_> {
        Box::new(self.interrupt)
    }

    fn finish(&mut self, finished: Finished<'_>) -> Result<(), ObserverError> {
        Ok(finished.conclude(lost()).map(drop)?)
    }

    fn trial(&mut self, trial: Trial, scores: &Scores) -> Result<(), ObserverError> {
        let Self { folder, space, .. } = self;
        let said = match &scores[&trial] {
            score if score.failed() => {
                let why = folder.why(trial).unwrap_or("the loss became NaN or infinite".into());
                format!("failed, {}", why.trim_end())
            }
            Score { accuracy, loss } => {
                let best = if space.best(scores) == Some(trial) { ", the best until now" } else { "" };
                format!("accuracy {:.1} %, loss {loss:.3}{best}", 100.0 * accuracy)
            }
        };
        note(format_args!("{:>4}: {said}  {}", scores.len(), settings(space, trial, scores)));
        Ok(())
    }
}

/// Refuses pictures that no accuracy is measured on.
fn require_classes(pictures: &dyn Dataset) -> Result<()> {
    let kind = pictures.label_kind();
    ensure!(
        kind == LabelKind::One,
        "a search compares accuracies, and the pictures have {}: train with several settings, and compare with taper report",
        kind.words()
    );
    Ok(())
}

/// The recipe of the first trial, when those of all trials are in their ranges: as far as they are
/// known, which those are not that close in on the best of a stage.
fn checked(space: &Space, base: &Recipe) -> Result<Recipe, RecipeError> {
    let of = |number| {
        let trial = Trial { number, rung: 0 };
        recipe_of(space, base, trial, &space.settings_of(trial, &Scores::new()))
    };
    for number in (1..space.first_stage()).rev() {
        of(number)?;
    }
    of(0)
}

/// The settings of a trial on one line.
fn settings(space: &Space, trial: Trial, scores: &Scores) -> String {
    let all = space.settings_of(trial, scores);
    all.iter().map(|(place, value)| format!("{place}={value}")).collect::<Vec<_>>().join(" ")
}

/// A row for each trial, by number.
fn csv(folder: &SearchFolder, space: &Space, scores: &Scores) -> Result<String> {
    let places: Vec<&String> = space.space.keys().collect();
    let names = places.iter().map(|place| format!(",{place}")).collect::<String>();
    let mut text = format!("trial,rung,stage,epochs{names},accuracy,loss,seconds\n");
    for (trial, score) in scores {
        let settings = space.settings_of(*trial, scores);
        let values = places.iter().map(|place| format!(",{}", quoted(&settings[*place]))).collect::<String>();
        let summary = folder.summary(*trial)?;
        let epochs = summary.as_ref().map_or(0, |summary| summary.epochs);
        let seconds = summary.as_ref().map_or(String::new(), |summary| format!("{:.2}", summary.seconds.total));
        let stage = space.stage_of(trial);
        let Trial { number, rung } = trial;
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{number},{rung},{stage},{epochs}{values},{},{},{seconds}", score.accuracy, score.loss);
    }
    Ok(text)
}

/// A value as a field of CSV.
fn quoted(value: &toml::Value) -> String {
    let value = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    if value.contains([',', '"']) { format!("\"{}\"", value.replace('"', "\"\"")) } else { value }
}

fn tell(args: &SearchArgs, folder: &SearchFolder, space: &Space, scores: &Scores) -> Result<()> {
    let (found, place) = (importance(space, scores), folder.path().display());
    let ranked = space.ranking(scores);
    if args.run.json {
        let row = |trial: &Trial| {
            json!({
                "trial": trial.number, "rung": trial.rung, "folder": folder.trial(*trial).to_string_lossy(),
                "settings": space.settings_of(*trial, scores), "accuracy": scores[trial].accuracy, "loss": scores[trial].loss,
            })
        };
        return line(json!({
            "schema": 1, "command": "search", "folder": folder.path().to_string_lossy(), "best": ranked.first().map(row),
            "trials": ranked.iter().map(row).collect::<Vec<_>>(), "importance": found,
        }));
    }
    line(format_args!("accuracy    loss  trial"))?;
    for trial in ranked.iter().take(10) {
        let score = &scores[trial];
        let rung = if trial.rung > 0 { format!(" rung {}", trial.rung) } else { String::new() };
        let said = settings(space, *trial, scores);
        let measured = match score {
            score if score.failed() => format!("{:>7}  {:>6}", "failed", ""),
            Score { accuracy, loss } => format!(" {:>5.1} %  {loss:>6.3}", 100.0 * accuracy),
        };
        line(format_args!("{measured}  {:>4}{rung}  {said}", trial.number))?;
    }
    let mut found: Vec<&Importance> = found.iter().collect();
    found.sort_by(|a, b| b.explains.total_cmp(&a.explains));
    let said: Vec<String> = found.iter().map(|f| format!("{} {:.0} %", f.place, 100.0 * f.explains)).collect();
    line(format_args!("of the differences each setting explains alone: {}", said.join(", ")))?;
    for Importance { place, edge, .. } in found {
        if let Some(edge) = edge {
            let (end, way) = if *edge == 0 { ("low", "down") } else { ("high", "up") };
            line(format_args!("{place} is best at the {end} end of its range: widen it {way}wards"))?;
        }
    }
    line(format_args!("chosen by the validation pictures, so their accuracy flatters the best: measure it on others"))?;
    line(format_args!("{place} holds trials.csv, search.png and best.toml; next:"))?;
    let verb = if args.scratch { "train" } else { "fine-tune" };
    line(format_args!("  taper {verb} -c {}", shell(&folder.path().join("best.toml"))))
}
