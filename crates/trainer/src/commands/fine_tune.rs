//! `taper fine-tune`: the main job.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use taper_data::Dataset;
use taper_tensor::{Params, Rng};
use taper_transfer::{Classifier, ConcatPoolHeadConfig, Fit, Head, Part, load_weights, read_weights};

use super::readable;
use crate::files;
use crate::fit::{Observer, Outcome, fit, phases};
use crate::interrupt::Interrupt;
use crate::model::{ModelCard, save_weights};
use crate::pipeline::{eval_loader, eval_transform, train_loader};
use crate::progress::Progress;
use crate::recipe::{HeadRecipe, Plan, Recipe, RecipeError};
use crate::report::{EpochRow, Mistake, Report, render};
use crate::run_folder::{self, Final, Recorder, Seconds, Summary};

/// Fine-tune a pretrained network on a folder of pictures.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  taper fine-tune pictures\n  taper fine-tune pictures --plan probe --epochs 20 --out runs/first\n  taper fine-tune -c runs/first/recipe.toml --seed 1\n\nDATA holds train/<class>/* and val/<class>/*, or <class>/* to be split by --seed.\nPNG, JPEG, WebP, GIF and BMP are read."
)]
pub struct FineTuneArgs {
    /// The folder of pictures; may come from the recipe instead
    data: Option<PathBuf>,
    /// A recipe to start from; flags change it
    #[arg(short = 'c', long = "recipe", value_name = "FILE")]
    recipe: Option<PathBuf>,
    /// The pretrained model [default: squeezenet1_1]
    #[arg(long)]
    model: Option<String>,
    /// A safetensors file in place of the model's own weights
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Which layers are trained after the head [default: full]
    #[arg(long)]
    plan: Option<Plan>,
    /// Seed of every random stream [default: 0]
    #[arg(long)]
    seed: Option<u64>,
    /// Epochs with the head alone
    #[arg(long)]
    head_epochs: Option<usize>,
    /// Epochs after that
    #[arg(long)]
    epochs: Option<usize>,
    /// Peak learning rate of the head
    #[arg(long, value_name = "RATE")]
    rate: Option<f64>,
    /// Pictures in a batch
    #[arg(long)]
    batch_size: Option<usize>,
    /// Side of the square that the network sees, pixels
    #[arg(long, value_name = "PIXELS")]
    image_size: Option<u32>,
    /// The run folder [default: the first free runs/NAME-N]
    #[arg(long, value_name = "RUN")]
    out: Option<PathBuf>,
    /// Stop at the first picture that cannot be read
    #[arg(long)]
    strict: bool,
    /// Print summary.json at the end
    #[arg(long)]
    json: bool,
}

impl FineTuneArgs {
    /// The recipe of the file, or the default, with the flags over it.
    fn recipe(&self) -> Result<Recipe> {
        let mut recipe = match &self.recipe {
            None => Recipe::default(),
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("cannot read the recipe {}", path.display()))?;
                Recipe::parse(&text, path)?
            }
        };
        fn put<T: Clone>(field: &mut T, flag: &Option<T>) {
            if let Some(value) = flag {
                *field = value.clone();
            }
        }
        put(&mut recipe.data.path, &self.data);
        put(&mut recipe.model, &self.model);
        put(&mut recipe.plan, &self.plan);
        put(&mut recipe.seed, &self.seed);
        put(&mut recipe.optimize.head_epochs, &self.head_epochs);
        put(&mut recipe.optimize.epochs, &self.epochs);
        put(&mut recipe.optimize.rate, &self.rate);
        put(&mut recipe.data.batch_size, &self.batch_size);
        put(&mut recipe.data.image_size, &self.image_size);
        recipe.weights = self.weights.clone().or(recipe.weights);
        if recipe.data.path.as_os_str().is_empty() {
            let (field, wanted) = ("data.path", "a folder of pictures: `taper fine-tune DATA`");
            return Err(RecipeError::Field { field, wanted, got: "nothing".into() }.into());
        }
        recipe.check()?;
        Ok(recipe)
    }
}

/// Runs the verb.
///
/// # Errors
/// Says what was wrong, where, and what to do; a run folder that was begun keeps what was whole.
pub fn fine_tune(args: &FineTuneArgs, threads: usize) -> Result<i32> {
    let start = Instant::now();
    let recipe = args.recipe()?;
    let splits = taper_data::open(&recipe.data.path, recipe.data.val_fraction, &Rng::new(recipe.seed).fork("split"))?;
    let (train_set, bad_train) = readable(splits.train, args.strict)?;
    let (val_set, bad_val) = readable(splits.val, args.strict)?;
    let (card, mut classifier, params) = network(&recipe, train_set.classes())?;
    let train = train_loader(train_set.clone(), &recipe, card.input(), threads)?;
    let val = eval_loader(val_set.clone(), recipe.data.batch_size, card.input(), threads)?;

    let name = recipe.data.path.file_name().map_or("data".into(), |name| name.to_string_lossy());
    let folder = run_folder::create(args.out.as_deref(), &name)?;
    let recipe_toml = toml::to_string(&recipe)?;
    files::write(&folder.join("recipe.toml"), recipe_toml.as_bytes())?;
    let plan: Vec<String> = phases(&recipe, classifier.backbone().stages().len())
        .iter()
        .map(|phase| format!("{} epochs {}", phase.epochs, if phase.name == "head" { "the head" } else { phase.name }))
        .collect();
    eprintln!(
        "{} on {}: {} pictures to train on, {} to validate on, {} classes; {}",
        recipe.model,
        recipe.data.path.display(),
        train_set.len(),
        val_set.len(),
        card.classes.len(),
        plan.join(", then ")
    );

    let mut interrupt = Interrupt::listen()?;
    let mut recorder = Recorder::new(&folder);
    let epochs = phases(&recipe, classifier.backbone().stages().len()).iter().map(|phase| phase.epochs).sum();
    let mut progress = Progress::new(epochs, train.batches() * recipe.data.batch_size.min(train_set.len()));
    let observers: &mut [&mut dyn Observer] = &mut [&mut progress, &mut recorder, &mut interrupt];
    let outcome = fit(&mut classifier, &params, (&train, &val), &recipe, observers)?;
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
    let mut summary = summarize(&recipe, &card, &outcome, threads);
    summary.train_images = train_set.len();
    summary.val_images = val_set.len();
    summary.unreadable_images = bad_train + bad_val;
    let page = render(&report(&recipe, &recipe_toml, &summary, &outcome, &train, &*val_set)?)?;
    files::write(&folder.join("report.html"), page.as_bytes())?;
    summary.seconds.total = start.elapsed().as_secs_f64();
    files::write(&folder.join("summary.json"), &json(&summary)?)?;

    if args.json {
        println!("{}", serde_json::to_string(&summary)?);
    } else {
        conclude(&folder, &summary, &*val_set);
    }
    Ok(0)
}

/// The classifier with pretrained weights and a new head.
fn network(recipe: &Recipe, classes: &[String]) -> Result<(ModelCard, Classifier, Params)> {
    let pretrained = taper_transfer::model(&recipe.model)?;
    let manifest = pretrained.manifest()?;
    let HeadRecipe { hidden, dropout } = recipe.head;
    let card = ModelCard {
        schema: 1,
        model: manifest.name,
        head: Head::ConcatPool(ConcatPoolHeadConfig { hidden, dropout }),
        classes: classes.to_vec(),
        input_size: recipe.data.image_size,
        mean: manifest.mean,
        std: manifest.std,
    };
    let (classifier, params) = card.build(Rng::new(recipe.seed).fork("init"))?;
    let mut tensors = match &recipe.weights {
        Some(path) => read_weights(path)?,
        None => pretrained.weights()?,
    };
    // The head is new whatever the file holds: its first values come from the seed.
    tensors
        .retain(|name, _| classifier.part(name) != Part::Head || !Head::PREFIXES.iter().any(|p| name.starts_with(p)));
    load_weights(&params, &tensors, Fit::NewHead(&Head::PREFIXES))
        .with_context(|| format!("these are no weights of {}", recipe.model))?;
    Ok((card, classifier, params))
}

fn summarize(recipe: &Recipe, card: &ModelCard, outcome: &Outcome, threads: usize) -> Summary {
    let last = outcome.history.last();
    Summary {
        schema: 1,
        command: "fine-tune".into(),
        model: card.model.clone(),
        plan: format!("{:?}", recipe.plan).to_lowercase(),
        seed: recipe.seed,
        threads,
        train_images: 0,
        val_images: 0,
        unreadable_images: 0,
        classes: card.classes.clone(),
        epochs: outcome.history.len(),
        best: run_folder::best(&outcome.history),
        r#final: last.map_or_else(Final::default, |e| Final {
            train_loss: e.train_loss,
            val_loss: e.val_loss,
            val_accuracy: e.val_accuracy,
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

fn report(
    recipe: &Recipe,
    recipe_toml: &str,
    summary: &Summary,
    outcome: &Outcome,
    train: &taper_data::Loader,
    val: &dyn Dataset,
) -> Result<Report> {
    let history = outcome.history.iter().map(|e| EpochRow {
        epoch: e.epoch,
        phase: e.phase.into(),
        train_loss: e.train_loss,
        val_loss: e.val_loss,
        val_accuracy: e.val_accuracy,
    });
    let predictions = outcome.evaluation.predictions();
    let shown = eval_transform(recipe.data.image_size.min(160))?;
    let mut mistakes = Vec::new();
    for index in outcome.evaluation.worst().into_iter().take(24) {
        use taper_augment::Transform;
        let picture = shown.apply(val.get(index)?, &mut Rng::new(0));
        let mut png = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut png, image::ImageFormat::Png)?;
        mistakes.push(Mistake {
            path: relative(&val.name(index), &recipe.data.path),
            png: png.into_inner(),
            truth: val.classes()[val.label(index)].clone(),
            predicted: val.classes()[predictions[index]].clone(),
            confidence: f64::from(outcome.evaluation.probabilities[index][predictions[index]]),
        });
    }
    let facts = [
        ("Trained on", format!("{} pictures", summary.train_images)),
        ("Validated on", format!("{} pictures", summary.val_images)),
        ("Left out", format!("{} unreadable pictures", summary.unreadable_images)),
        ("Training speed", format!("{:.0} pictures/s on {} threads", summary.images_per_second, summary.threads)),
        ("Time", format!("{:.0} s training, {:.0} s validation", summary.seconds.train, summary.seconds.eval)),
        ("Machine", format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)),
    ];
    Ok(Report {
        title: recipe.data.path.display().to_string(),
        command: "taper fine-tune -c recipe.toml".into(),
        model: summary.model.clone(),
        plan: summary.plan.clone(),
        seed: summary.seed,
        facts: facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        classes: summary.classes.clone(),
        history: history.collect(),
        rates: outcome.rates.clone(),
        steps_per_epoch: train.batches(),
        confusion: outcome.evaluation.confusion(),
        mistakes,
        recipe_toml: recipe_toml.to_owned(),
    })
}

fn relative(name: &str, root: &Path) -> String {
    Path::new(name).strip_prefix(root).map_or_else(|_| name.to_owned(), |path| path.display().to_string())
}

fn json(value: &impl serde::Serialize) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn conclude(folder: &Path, summary: &Summary, val: &dyn Dataset) {
    let (run, last) = (folder.display(), &summary.r#final);
    println!(
        "accuracy {:.1} % on {} validation pictures (loss {:.3}) after {} epochs in {:.0} s",
        100.0 * last.val_accuracy,
        summary.val_images,
        last.val_loss,
        summary.epochs,
        summary.seconds.total
    );
    println!("the run lies in {run}; next:");
    println!("  open {run}/report.html");
    println!("  taper predict {run} {}", val.name(0));
    println!("  taper eval {run}");
}
