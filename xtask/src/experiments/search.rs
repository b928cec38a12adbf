//! Whether a search finds what a grid of five times as many trials finds.

use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use taper_cli::interrupt::Interrupt;
use taper_cli::terminal::Terminal;
use taper_report::draw::png;
use taper_report::search_picture::{Dots, side_by_side};
use taper_trainer::files;
use taper_trainer::fit::Observer;
use taper_trainer::recipe::{Plan, Recipe};
use taper_trainer::store::pictures::Pictures;
use taper_trainer::store::readable::Unreadable;
use taper_trainer::study::run::Manner;
use taper_trainer::study::search::{Method, Scores, SearchFolder, Space, Stage, Trial, Watch, search};

/// The settings of the study: the rate and the decay of the head, on features that are computed
/// once.
const SPACE: &str =
    "[space]\n\"optimize.lr\" = { log = [1e-5, 1.0] }\n\"regularize.weight_decay\" = { log = [1e-4, 0.9] }\n";

/// Trials of a search, and how many searches.
const BUDGET: usize = 20;
const SEEDS: u64 = 5;

/// Ends a search once the user has asked for it.
struct Trials(Interrupt);

impl Watch for Trials {
    fn go_on(&mut self) -> ControlFlow<()> {
        if self.0.asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn observer(&mut self) -> Box<dyn Observer + '_> {
        Box::new(self.0)
    }

    fn trial(&mut self, _: Trial, _: &Scores) -> Result<(), taper_trainer::ObserverError> {
        Ok(())
    }
}

/// Searches the pictures in `data` in folders below `runs`, where what is done already is not done
/// again. Draws a picture into `image`.
///
/// # Errors
/// When there are no pictures, or a training fails.
pub(super) fn table(
    data: &Path,
    runs: &Path,
    image: &Path,
    threads: usize,
    mut tell: impl FnMut(String),
) -> Result<String> {
    let mut base = Recipe { plan: Plan::Probe, ..Recipe::default() };
    base.data.path = data.into();
    (base.optimize.head_epochs, base.optimize.epochs) = (0, 8);
    base.data.split_seed = Some(0);
    let pictures = Pictures::open(&base, Unreadable::Refuse, &Terminal)?;
    let space = Space { trials: BUDGET, ..Space::parse(SPACE, "the study".as_ref())? };
    let mut find = |name: &str, space: &Space| -> Result<Scores> {
        tell(name.to_owned());
        let folder = SearchFolder::open(&runs.join(name), space, &base, &Terminal)?;
        let manner = Manner { threads, quiet: true, listener: &Terminal, ..Manner::default() };
        if !search(&folder, (space, &base), &pictures, manner, &mut Trials(Interrupt::listen()?))? {
            bail!("interrupted; the same command goes on");
        }
        Ok(folder.scores(space)?)
    };
    let grid = Space { method: Method::Grid, ..space.clone() };
    let all = find("grid", &grid)?;
    let most = Best::of_last(&grid, &all)?;
    let mut text = format!(
        "The rate (1e-5 to 1) and the decay (1e-4 to 0.9) of a new head on `{}`: {} pictures to train on, {} to validate on, 8 epochs, \
         features computed\nonce. Points: accuracy less that of the best of a grid of {} trials. Chosen and measured on the same validation \
         pictures, of which one is {:.2} points.\n\n| search | trials | best accuracy, % | points | rate | decay |\n|---|--:|--:|--:|--:|--:|\n",
        data.file_name().map_or("data".into(), |name| name.to_string_lossy()),
        pictures.train.len(),
        pictures.val.len(),
        all.len(),
        100.0 / pictures.val.len() as f64,
    );
    let row = |name: &str, trials: usize, best: Best| best.row(name, trials, most.accuracy);
    text += &row("grid, 10 values of each", all.len(), most);
    let mut first = None;
    for seed in 0..SEEDS {
        let random = Space { seed, ..space.clone() };
        let scores = find(&format!("random-{seed}"), &random)?;
        text += &row(&format!("random, seed {seed}"), scores.len(), Best::of_last(&random, &scores)?);
        first.get_or_insert((random, scores));
    }
    for seed in 0..SEEDS {
        let stage = |trials| Stage { trials, around: 3, set: Default::default() };
        let staged = Space { seed, stages: vec![stage(BUDGET / 2), stage(BUDGET / 2)], ..space.clone() };
        let scores = find(&format!("stages-{seed}"), &staged)?;
        text += &row(&format!("coarse to fine, seed {seed}"), scores.len(), Best::of_all(&staged, &scores)?);
    }
    let (random, scores) = first.context("there is a search")?;
    draw(image, &space, [("grid", &grid, &all), ("random", &random, &scores)])?;
    text += "\n![Two squares of rate by decay: a grid of 100 trials in ten columns, and 20 trials at random, each with a rate of its own](images/random-against-grid.png)\n";
    Ok(text)
}

/// The best trial of a search: its accuracy, rate and decay.
#[derive(Clone, Copy)]
struct Best {
    accuracy: f64,
    rate: f64,
    decay: f64,
}

impl Best {
    /// Of those that trained the longest.
    fn of_last(space: &Space, scores: &Scores) -> Result<Self> {
        Ok(Self::of(space, scores, space.best(scores).context("a search has trials")?))
    }

    /// Of all: both stages train for as long.
    fn of_all(space: &Space, scores: &Scores) -> Result<Self> {
        let trial = scores.iter().max_by(|a, b| a.1.accuracy.total_cmp(&b.1.accuracy)).map(|(trial, _)| *trial);
        Ok(Self::of(space, scores, trial.context("a search has trials")?))
    }

    fn of(space: &Space, scores: &Scores, trial: Trial) -> Self {
        let settings = space.settings_of(trial, scores);
        let value = |place: &str| settings[place].as_float().unwrap_or(0.0);
        let (rate, decay) = (value("optimize.lr"), value("regularize.weight_decay"));
        Self { accuracy: scores[&trial].accuracy, rate, decay }
    }

    /// A row of the table, `most` being the accuracy of the grid.
    fn row(self, name: &str, trials: usize, most: f64) -> String {
        let Self { accuracy, rate, decay } = self;
        let (percent, points) = (100.0 * accuracy, 100.0 * (accuracy - most));
        format!("| {name} | {trials} | {percent:.2} | {points:+.2} | {rate:.1e} | {decay:.1e} |\n")
    }
}

/// Draws two searches of two settings beside each other.
fn draw(image: &Path, space: &Space, searches: [(&str, &Space, &Scores); 2]) -> Result<()> {
    let places: Vec<_> = space.space.iter().collect();
    ensure!(places.len() == 2, "the picture is one of two settings");
    let axes = [(places[0].0.as_str(), places[0].1), (places[1].0.as_str(), places[1].1)];
    let dots = searches.map(|(name, space, scores)| Dots {
        name: name.to_owned(),
        trials: scores.iter().map(|(trial, score)| (space.places(*trial, scores), score.accuracy)).collect(),
    });
    let svg = side_by_side("The same range, tried by a grid and at random", axes, &dots)?;
    if let Some(folder) = image.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    Ok(files::write(image, &png(&svg)?)?)
}
