//! Whether techniques do what they are for: the same network with and without each, over several
//! seeds.
//!
//! [`run`] trains every case of a table (`cases.rs`), and writes what came out, for or against,
//! into a document of the crate that the technique is part of. Like `bench` it does so in a release
//! build with the feature `bench`.

#[cfg(feature = "bench")]
mod advice;
mod args;
#[cfg(feature = "bench")]
mod averages;
#[cfg(feature = "bench")]
mod captions;
#[cfg(feature = "bench")]
mod digits;
#[cfg(feature = "bench")]
mod ensemble;

#[cfg(feature = "bench")]
mod cases;
#[cfg(feature = "bench")]
mod data;
#[cfg(feature = "bench")]
mod pooled;
#[cfg(feature = "bench")]
mod recipe;
#[cfg(feature = "bench")]
mod scenes;
#[cfg(feature = "bench")]
mod search;
#[cfg(feature = "bench")]
mod study;
#[cfg(feature = "bench")]
mod table;

use std::path::Path;

use anyhow::Result;

#[cfg(feature = "bench")]
use crate::output::{line, note};

pub use args::{ExperimentsArgs, Topic};
#[cfg(feature = "bench")]
pub use cases::{Base, Case, Test, augment, chosen, regularize};
#[cfg(feature = "bench")]
pub use data::{Sets, parts};
#[cfg(feature = "bench")]
pub use study::{Study, Tested, study};
#[cfg(feature = "bench")]
pub use table::{table, views};

/// Does what the arguments say in the repository at `root`; true when all of it worked.
///
/// # Errors
/// When there are no data, or a training fails.
#[cfg(feature = "bench")]
pub fn run(root: &Path, args: &ExperimentsArgs) -> Result<bool> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = if let Topic::Ensemble { threads: Some(threads), .. } = args.topic { threads } else { cores };
    rayon::ThreadPoolBuilder::new().num_threads(threads).stack_size(8 << 20).build_global()?;
    let (tell, seeds) = (|line| note(line), args.seeds);
    let (krate, title, text) = match &args.topic {
        Topic::Regularize { data, pictures, epochs } => {
            let table = regularization((data, *pictures, *epochs), &args.only, (seeds, cores))?;
            ("regularize", "What each technique does", table)
        }
        Topic::Augment { data } => {
            let table = augmentation((root, data), &args.only, (seeds, cores))?;
            ("augment", "What augmentation does", table)
        }
        Topic::Transfer { emoji, fashion, digits } => {
            let data = (&*root.join(emoji), fashion.as_path(), digits.as_path());
            let table = rayon::scope(|_| advice::table(data, (&args.only, seeds, cores), tell))?;
            ("transfer", "Which layers to train", table)
        }
        Topic::Averages { data, runs, pictures, beside } => {
            let (data, runs) = (root.join(data), root.join(runs));
            let table = averages::table((root, &data, &runs), (pictures, beside), seeds, tell)?;
            ("trainer", "What an average of the weights is worth on few pictures", table)
        }
        Topic::Ensemble { data, runs, epochs, .. } => {
            let table = rayon::scope(|_| ensemble::table(data, &root.join(runs), *epochs, threads, tell))?;
            ("trainer", "What several networks are worth together", table)
        }
        Topic::Recipe { data, runs, fashion, python, peers, sets, recipes } => {
            let (data, runs) = (root.join(data), root.join(runs));
            let peers = peers.as_deref();
            let wanted = recipe::Wanted { sets, recipes, data, runs, fashion, python, peers, seeds, threads };
            ("trainer", "Recipes on several data sets", recipe::tables(root, &wanted, tell)?)
        }
        Topic::Scenes { data, runs, epochs, python, torch } => {
            let (data, runs, torch) = (root.join(data), root.join(runs), torch.as_deref());
            let wanted = scenes::Wanted { data, runs, python, torch, epochs: *epochs, seeds, threads };
            ("trainer", "Several labels a picture", scenes::table(root, &wanted, tell)?)
        }
        Topic::Captions { data, runs, vectors, train, epochs, fine_tune } => {
            let (data, runs, epochs) = (root.join(data), root.join(runs), (*epochs, *fine_tune));
            let wanted = captions::Wanted { data, runs, vectors, train: *train, epochs, seeds };
            ("caption", "Captions of scenes", captions::table(root, &wanted, tell)?)
        }
        Topic::Search { data, runs } => {
            let (data, runs, image) =
                (root.join(data), root.join(runs), root.join("crates/trainer/images/random-against-grid.png"));
            let table = rayon::scope(|_| search::table(&data, &runs, &image, threads, tell))?;
            ("trainer", "What a search finds", table)
        }
    };
    let (topic, file) = place(&args.topic, krate);
    let made = format!("`cargo xtask experiments {topic}{}` made this file.", args.changed());
    let out = args.out.clone().unwrap_or_else(|| root.join(format!("crates/{krate}/{file}")));
    taper_trainer::files::write(&out, format!("# {title}\n\n{made}\n\n{text}").as_bytes())?;
    line(format_args!("wrote {}", out.display()));
    Ok(true)
}

/// What a topic is called, and the file that its table is written into.
#[cfg(feature = "bench")]
fn place<'a>(topic: &Topic, krate: &'a str) -> (&'a str, &'static str) {
    match topic {
        Topic::Captions { .. } => ("captions", "CAPTIONS.md"),
        Topic::Averages { .. } => ("averages", "AVERAGES.md"),
        Topic::Ensemble { .. } => ("ensemble", "EXPERIMENTS.md"),
        Topic::Recipe { .. } => ("recipe", "RECIPES.md"),
        Topic::Scenes { .. } => ("scenes", "SCENES.md"),
        Topic::Search { .. } => ("search", "SEARCH.md"),
        _ => (krate, "EXPERIMENTS.md"),
    }
}

#[cfg(feature = "bench")]
fn regularization(
    (data, pictures, epochs): (&Path, usize, usize),
    only: &[String],
    (seeds, cores): (u64, usize),
) -> Result<String> {
    let cases = chosen(&regularize(), only)?;
    let source = data::FashionMnist::open(data, pictures)?;
    let base = Base::scratch(epochs);
    let tell = |line| note(line);
    let results = rayon::scope(|_| study(|seed| source.sets(seed), &base, &cases, (seeds, cores), tell))?;
    let setting = format!(
        "{pictures} pictures of Fashion-MNIST to train on, {epochs} epochs, {seeds} seeds, each with pictures of its own; 10,000 \
         pictures to test. The network\nis `small_cnn` with a hidden layer of 128 units, and `resnet18_narrow` where it says residual.",
    );
    Ok(table(&setting, &cases, &results))
}

#[cfg(feature = "bench")]
fn augmentation((root, data): (&Path, &Path), only: &[String], (seeds, cores): (u64, usize)) -> Result<String> {
    let cases = chosen(&augment(), only)?;
    let path = root.join(data);
    let base = Base::fine_tune();
    let tell = |line| note(line);
    let results = rayon::scope(|_| study(|_| parts(&path), &base, &cases, (seeds, cores), tell))?;
    let setting = format!(
        "`taper fine-tune {}` with each list of `[augment]`, {seeds} seeds; the recipe is the usual one in all else, and tested are \
         the pictures\nof `val`, which it was chosen by too.",
        data.display()
    );
    Ok(table(&setting, &cases, &results) + &views(&cases, &results))
}

/// Does it in a release build.
///
/// # Errors
/// When cargo cannot be started.
#[cfg(not(feature = "bench"))]
pub fn run(root: &Path, _: &ExperimentsArgs) -> Result<bool> {
    crate::release::again(root)
}
