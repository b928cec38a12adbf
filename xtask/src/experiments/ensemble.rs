//! What several networks are worth together, and whether that is more than one that is trained for
//! as long.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use taper_cli::interrupt::Interrupt;
use taper_cli::terminal::Terminal;
use taper_regularize::Marginalize;
use taper_trainer::build::model;
use taper_trainer::build::pipeline::{BATCH, eval_loader};
use taper_trainer::evaluate::ensemble::average;
use taper_trainer::evaluate::metrics::reliability;
use taper_trainer::evaluate::views::{Mean, Views, evaluate_views};
use taper_trainer::evaluate::{Evaluation, evaluate};
use taper_trainer::ranks::Alone;
use taper_trainer::recipe::{AverageRecipe, NormalizeRecipe, Recipe, ScheduleRecipe};
use taper_trainer::store::claim::RunFolder;
use taper_trainer::store::pictures::Pictures;
use taper_trainer::store::readable::Unreadable;
use taper_trainer::store::snapshots;
use taper_trainer::store::summary::SUMMARY;
use taper_trainer::study::run::{Ended, Manner, Run};

/// The ensembles of the table: networks of one training each, and cycles of the long one.
const MEMBERS: usize = 5;
const CYCLES: usize = 3;

const LONGER: &str = "one network, seed 0, trained longer";

/// A row of the table: what it is, epochs of training, passes for an answer, and what came out.
struct Row {
    name: String,
    epochs: usize,
    passes: usize,
    evaluation: Evaluation,
}

/// Trains on the pictures in `data` what is not in `folder` yet, with so many epochs for a single
/// network. A training that is broken off goes on with the next call.
///
/// # Errors
/// When there are no pictures, or a training fails.
pub(super) fn table(
    data: &Path,
    folder: &Path,
    epochs: usize,
    threads: usize,
    mut tell: impl FnMut(String),
) -> Result<String> {
    let mut base = Recipe::from_scratch();
    base.data.path = data.into();
    base.optimize.epochs = epochs;
    // As the table was made.
    base.data.normalize = NormalizeRecipe::Network {};
    let pictures = Pictures::open(&base, Unreadable::Refuse, &Terminal)?;
    let mut train = |name: &str, recipe: Recipe| {
        let place = folder.join(name);
        if !place.join(SUMMARY).is_file() {
            tell(format!("{name}: {} epochs", recipe.optimize.epochs));
            train(name, &place, &recipe, (&pictures, threads))?;
        }
        Ok(place)
    };
    let trained = Trained::of(&base, &mut train)?;
    let measure = Measure { base: &base, pictures: &pictures, threads };
    let single = measure.all(&trained.members)?;
    let rows = rows(&trained, &single, &measure)?;
    Ok(document(&rows, &single, (pictures.train.len(), pictures.val.len())))
}

/// Trains one network, or goes on with it.
fn train(name: &str, place: &Path, recipe: &Recipe, (pictures, threads): (&Pictures, usize)) -> Result<()> {
    let manner = Manner { threads, quiet: true, listener: &Terminal, ..Manner::default() };
    let run = Run::new(recipe, pictures, manner)?;
    match run.train(&RunFolder::take(place, &Terminal)?, &mut [&mut Interrupt])? {
        Ended::Done(finished) => drop(finished.conclude(None)?),
        Ended::Interrupted(done, all) => {
            bail!("{name} was interrupted after {done} of {all} epochs; the same command goes on")
        }
    }
    Ok(())
}

/// The folders of the networks of the study.
struct Trained {
    members: Vec<PathBuf>,
    ema: PathBuf,
    swa: PathBuf,
    cycles: PathBuf,
    long_cycles: PathBuf,
    long: PathBuf,
}

impl Trained {
    fn of(base: &Recipe, train: &mut dyn FnMut(&str, Recipe) -> Result<PathBuf>) -> Result<Self> {
        let with = |change: &dyn Fn(&mut Recipe)| {
            let mut recipe = base.clone();
            change(&mut recipe);
            recipe
        };
        let longer = CYCLES * base.optimize.epochs;
        let cycles = || ScheduleRecipe::SnapshotCycles { cycles: CYCLES as u64 };
        let seed = |seed| (format!("seed-{seed}"), with(&|recipe| recipe.seed = seed as u64));
        let members = (0..MEMBERS).map(seed).map(|(name, recipe)| train(&name, recipe)).collect::<Result<_>>()?;
        let ema = with(&|recipe| recipe.optimize.average = AverageRecipe::Ema { decay: 0.999, warm_up: true });
        let swa = with(&|recipe| {
            recipe.optimize.average = AverageRecipe::Swa { start: 0.5, every: 1.0 };
            recipe.optimize.schedule = ScheduleRecipe::Cosine { floor: 0.3 };
        });
        let long_cycles = with(&|recipe| {
            recipe.optimize.schedule = cycles();
            recipe.optimize.epochs = longer;
        });
        Ok(Self {
            members,
            ema: train("ema", ema)?,
            swa: train("swa", swa)?,
            cycles: train("cycles", with(&|recipe| recipe.optimize.schedule = cycles()))?,
            long_cycles: train("long-cycles", long_cycles)?,
            long: train("long", with(&|recipe| recipe.optimize.epochs = longer))?,
        })
    }
}

/// What networks are measured on.
struct Measure<'a> {
    base: &'a Recipe,
    pictures: &'a Pictures,
    threads: usize,
}

impl Measure<'_> {
    fn one(&self, path: &Path) -> Result<Evaluation> {
        let model = model::open(path.to_str().context("the name of the folder is not text")?, None, &Terminal)?;
        let loader = eval_loader(self.pictures.val.clone(), BATCH, model.card.input(), self.threads)?;
        Ok(evaluate((&model.classifier, &model.card.objective), &loader)?)
    }

    fn all(&self, paths: &[PathBuf]) -> Result<Vec<Evaluation>> {
        paths.iter().map(|path| self.one(path)).collect()
    }

    /// Of the mean of the answers to a picture and its mirror image.
    fn flips(&self, path: &Path) -> Result<Evaluation> {
        let model = model::open(path, None, &Terminal)?;
        let pictures = (&self.pictures.val, model.card.input(), self.threads);
        let how = (Views::Flips, Mean::Probabilities);
        Ok(evaluate_views(
            (&model.classifier, &model.card.objective),
            pictures,
            how,
            (self.base, Marginalize::Expectation),
            (&Terminal, &Alone),
        )?)
    }
}

fn rows(trained: &Trained, single: &[Evaluation], measure: &Measure<'_>) -> Result<Vec<Row>> {
    let epochs = measure.base.optimize.epochs;
    let together = |some: &[Evaluation], mean| average(&some.iter().collect::<Vec<_>>(), mean);
    let mut rows = Vec::new();
    let mut row = |name: &str, epochs: usize, passes: usize, evaluation: Evaluation| {
        rows.push(Row { name: name.into(), epochs, passes, evaluation });
    };
    for (seed, evaluation) in single.iter().enumerate() {
        row(&format!("one network, seed {seed}"), epochs, 1, evaluation.clone());
    }
    row(LONGER, CYCLES * epochs, 1, measure.one(&trained.long)?);
    row("EMA of its weights, seed 0", epochs, 1, measure.one(&trained.ema)?);
    row("SWA of its weights, seed 0", epochs, 1, measure.one(&trained.swa)?);
    row("seed 0, the picture and its mirror image", epochs, 2, measure.flips(&trained.members[0])?);
    let cycles = [
        ("snapshots", &trained.cycles, epochs),
        ("snapshots of the longer one", &trained.long_cycles, CYCLES * epochs),
    ];
    for (name, place, epochs) in cycles {
        let parts = measure.all(&snapshots::list(place))?;
        row(&format!("{name}: the last alone"), epochs, 1, parts[parts.len() - 1].clone());
        row(&format!("{name}: {CYCLES} together"), epochs, CYCLES, together(&parts, Mean::Probabilities)?);
    }
    for count in [2, CYCLES, MEMBERS] {
        let mean = together(&single[..count], Mean::Probabilities)?;
        row(&format!("{count} seeds together"), count * epochs, count, mean);
    }
    row(&format!("{MEMBERS} seeds, mean of logits"), MEMBERS * epochs, MEMBERS, together(single, Mean::Logits)?);
    Ok(rows)
}

fn document(rows: &[Row], single: &[Evaluation], (train, test): (usize, usize)) -> String {
    let mean = single.iter().map(Evaluation::accuracy).sum::<f64>() / single.len() as f64;
    let mut text = format!(
        "`small_cnn` with `taper train`'s recipe on {train} pictures of Fashion-MNIST, tested on {test}. Epochs: what training cost; passes: \
         what an answer costs.\nMore than one: points of accuracy above the mean of the {} single networks, {:.2} %. The standard error of \
         an accuracy of 93 %\non {test} pictures is {:.2} points; between rows on the same pictures it is less.\n\n\
         | what answers | epochs | passes | accuracy, % | more than one | loss | calibration error, % |\n|---|--:|--:|--:|--:|--:|--:|\n",
        single.len(),
        100.0 * mean,
        100.0 * (0.93 * 0.07 / test as f64).sqrt(),
    );
    let gain = |name: &str| {
        let row = rows.iter().find(|row| row.name == name);
        row.map_or(f64::NAN, |row| 100.0 * (row.evaluation.accuracy() - mean))
    };
    let (together, longer) = (gain(&format!("{MEMBERS} seeds together")), gain(LONGER));
    for Row { name, epochs, passes, evaluation } in rows {
        let (accuracy, error) = (evaluation.accuracy(), reliability(evaluation).error);
        text += &format!(
            "| {name} | {epochs} | {passes} | {:.2} | {:+.2} | {:.3} | {:.1} |\n",
            100.0 * accuracy,
            100.0 * (accuracy - mean),
            evaluation.loss,
            100.0 * error
        );
    }
    text += &format!(
        "\nOf the two points that the lecture promises for {MEMBERS} networks together {together:.1} are there. One network that is trained for \
         {CYCLES} times as long, a little more than\nhalf of what the {MEMBERS} cost, gains {longer:.1}: here training is short, and longer training comes first.\n"
    );
    text
}
