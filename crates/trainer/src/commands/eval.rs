//! `taper eval`: how good a model is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use taper_data::{Dataset, Folder, Idx, validation};

use super::chart_files::ChartFiles;
use super::ensemble::{Table, parts, rows_of};
use crate::evaluate::{Evaluation, evaluate_marginal, passes};
use crate::metrics::{ClassScore, Reliability, bootstrap, class_scores, reliability, temperature, tempered, top};
use crate::model;
use crate::output::{line, shell};
use crate::pictures::{Readable, readable, splits, tell};
use crate::pipeline::{BATCH, eval_loader};
use crate::recipe::Recipe;
use crate::reliability_diagram::{draw, table};
use crate::views::{Mean, Views, evaluate_views};

/// Measure a trained model on pictures.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  taper eval runs/emoji-1\n  taper eval runs/emoji-1 other/pictures --json\n  taper eval runs/emoji-1 --marginalize 16\n  taper eval runs/emoji-1 --tta ten-crop\n  taper eval runs/emoji-1 --compare\n  taper eval runs/emoji-1 --png reliability.png\n\nWithout DATA it is the validation part of the data that the run was trained on.\nDATA holds val/<class>/*, or <class>/*, all of which is used.\nThe picture shows how often answers of each probability are right."
)]
pub struct EvalArgs {
    /// A run folder, or a pretrained model
    run: String,
    /// The folder of pictures [default: the validation pictures of the run]
    data: Option<PathBuf>,
    /// A file in place of the model's own weights (safetensors, or a state dict of PyTorch's)
    #[arg(long, value_name = "FILE", conflicts_with = "compare")]
    weights: Option<PathBuf>,
    /// Average the probabilities over N passes with the noise of training on, such as dropout [default: one pass without]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    marginalize: Option<u16>,
    /// See each picture several times and average: flips, ten-crop, multi-scale, or N random views as in training
    #[arg(long, value_name = "VIEWS")]
    tta: Option<Views>,
    /// What is averaged over the views
    #[arg(long, value_name = "WHAT", default_value = "probabilities", requires = "tta")]
    tta_mean: Mean,
    /// Beside the network that the run left: its best epoch, its snapshots or members together, and what several views are worth
    #[arg(long, conflicts_with_all = ["marginalize", "tta", "svg", "png", "csv"])]
    compare: bool,
    /// Stop at the first picture that cannot be read
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    files: ChartFiles,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
///
/// # Errors
/// When the model or the pictures cannot be read, or their classes differ.
pub fn eval(args: &EvalArgs, threads: usize) -> Result<i32> {
    args.files.check()?;
    if args.compare {
        return compare(args, threads);
    }
    let model = model::open(&args.run, args.weights.as_deref())?;
    let (dataset, path) = pictures(&args.run, args.data.as_deref())?;
    same_classes(&*dataset, &path, (&args.run, &model.card.classes))?;
    let Readable { dataset, unreadable, .. } = readable(dataset, args.strict)?;
    let (input, how) = (model.card.input(), passes(args.marginalize));
    let plain = || evaluate_marginal(&model.classifier, &eval_loader(dataset.clone(), BATCH, input, threads)?, how);
    // What the views are worth is told beside what there is without them.
    let (result, without) = match args.tta {
        None => (plain()?, None),
        Some(views) => {
            let recipe = if let Views::Random(_) = views { recipe(&args.run)? } else { Recipe::default() };
            let data = (&dataset, input, threads);
            let seen = evaluate_views(&model.classifier, data, (views, args.tta_mean), &recipe, how)?;
            (seen, Some((views, plain()?)))
        }
    };
    let (scores, reliability) = (class_scores(&result), reliability(&result));
    if args.files.wanted() {
        let title = format!("{} on {}", args.run, path.display());
        args.files.write(&draw(&title, &reliability)?, &table(&reliability))?;
    }
    let told = Told { args, result: &result, scores: &scores, reliability: &reliability, classes: &model.card.classes };
    if args.json {
        let views = without.as_ref().map(|(views, plain)| {
            json!({
                "views": views.count(), "mean": format!("{:?}", args.tta_mean).to_lowercase(),
                "without": {"accuracy": plain.accuracy(), "loss": plain.loss, "seconds": plain.took.as_secs_f64()},
            })
        });
        line(told.json(&path, unreadable, views))?;
        return Ok(0);
    }
    told.text(&path, without.as_ref().map(|(views, plain)| (views, plain)))?;
    args.files.tell()?;
    Ok(0)
}

/// What can be made of a run without training again, each with what it costs.
fn compare(args: &EvalArgs, threads: usize) -> Result<i32> {
    let parts = parts(&args.run);
    // Of several members the first stands for one.
    let whole = Path::new(&args.run).join("model.json").is_file();
    let single = parts.first().filter(|_| !whole).unwrap_or(&args.run).clone();
    let (dataset, path) = pictures(&single, args.data.as_deref())?;
    let Readable { dataset, unreadable, .. } = readable(dataset, args.strict)?;
    let table = Table { path, unreadable, mean: Mean::Probabilities };
    let best = Path::new(&single).join("checkpoint/best.safetensors");
    let mut names = vec![single.clone()];
    names.extend(best.is_file().then(|| best.display().to_string()));
    let (mut rows, _) = rows_of(&names, &dataset, (&table, threads), false)?;
    rows.truncate(names.len());
    if parts.len() > 1 {
        let (all, _) = rows_of(&parts, &dataset, (&table, threads), false)?;
        rows.extend(all.into_iter().skip(usize::from(parts[0] == single)));
    }
    let model = model::open(&single, None)?;
    let input = model.card.input();
    for (name, views) in [("flips", Views::Flips), ("ten crops", Views::TenCrop)] {
        let data = (&dataset, input, threads);
        let how = (views, Mean::Probabilities);
        let seen = evaluate_views(&model.classifier, data, how, &Recipe::default(), passes(None))?;
        rows.push((format!("{single}, {name}"), seen));
    }
    if args.json {
        line(table.json(&parts, &rows, &[]))?;
    } else {
        table.tell(&rows)?;
    }
    Ok(0)
}

/// What was measured.
struct Told<'a> {
    args: &'a EvalArgs,
    result: &'a Evaluation,
    scores: &'a [ClassScore],
    reliability: &'a Reliability,
    classes: &'a [String],
}

impl Told<'_> {
    fn json(&self, path: &Path, unreadable: usize, views: Option<Value>) -> Value {
        let Self { args, result, scores, reliability, classes } = self;
        let recall: Vec<f64> = scores.iter().map(|score| score.recall).collect();
        json!({
            "schema": 1, "command": "eval", "run": args.run, "data": path.to_string_lossy(), "images": result.labels.len(),
            "unreadable_images": unreadable, "classes": classes, "marginalize": args.marginalize,
            "accuracy": result.accuracy(), "interval": bootstrap(result), "top5": top(result, 5), "loss": result.loss,
            "recall": recall, "scores": scores, "confusion": result.confusion(),
            "calibration_error": reliability.error, "reliability": reliability.bins, "temperature": temperature(result),
            "seconds": result.took.as_secs_f64(), "tta": views,
        })
    }

    fn text(&self, path: &Path, without: Option<(&Views, &Evaluation)>) -> Result<()> {
        let Self { result, scores, classes, .. } = self;
        let [low, high] = bootstrap(result).map(|end| 100.0 * end);
        line(format_args!(
            "accuracy {:.1} % ({low:.1} to {high:.1} in 95 of 100 samples), loss {:.3} on {} pictures of {}",
            100.0 * result.accuracy(),
            result.loss,
            result.labels.len(),
            path.display()
        ))?;
        if let Some((views, plain)) = without {
            line(format_args!(
                "  over {} views, in {:.1} times the time; without them accuracy {:.1} %, loss {:.3}",
                views.count(),
                result.took.as_secs_f64() / plain.took.as_secs_f64(),
                100.0 * plain.accuracy(),
                plain.loss
            ))?;
        }
        if classes.len() > 5 {
            line(format_args!("top 5: {:.1} %", 100.0 * top(result, 5)))?;
        }
        let best = temperature(result);
        let softer = tempered(result, best);
        line(format_args!(
            "calibration error {:.1} %; with logits divided by {best:.2}, fitted on these pictures, {:.1} % and a loss of {:.3}",
            100.0 * self.reliability.error,
            100.0 * reliability(&softer).error,
            softer.loss
        ))?;
        let width = classes.iter().map(|name| name.chars().count()).max().unwrap_or(0).max("mean of classes".len());
        line(format_args!("{:width$}  precision   recall       F1      AUC  pictures", "class"))?;
        for (class, score) in classes.iter().zip(*scores) {
            self.row(width, class, score)?;
        }
        let mean = |value: fn(&ClassScore) -> f64| scores.iter().map(value).sum::<f64>() / scores.len().max(1) as f64;
        let known: Vec<f64> = scores.iter().filter_map(|score| score.auc).collect();
        let mean = ClassScore {
            pictures: result.labels.len(),
            precision: mean(|score| score.precision),
            recall: mean(|score| score.recall),
            f1: mean(|score| score.f1),
            auc: (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64),
        };
        self.row(width, "mean of classes", &mean)
    }

    fn row(&self, width: usize, name: &str, score: &ClassScore) -> Result<()> {
        let [precision, recall, f1] = [score.precision, score.recall, score.f1].map(|share| 100.0 * share);
        let auc = score.auc.map_or("-".to_owned(), |auc| format!("{auc:.3}"));
        line(format_args!(
            "{name:width$}    {precision:>5.1} %  {recall:>5.1} %  {f1:>5.1} %  {auc:>7}  {:>8}",
            score.pictures
        ))
    }
}

/// Refuses pictures of other classes than a run was trained for.
pub(super) fn same_classes(pictures: &dyn Dataset, path: &Path, (run, classes): (&str, &[String])) -> Result<()> {
    if pictures.classes() != classes {
        let path = path.display();
        bail!(
            "{path} has the classes {:?}, {run} was trained for {classes:?}: both must be the same",
            pictures.classes()
        );
    }
    Ok(())
}

/// The recipe of the run, or of the run that a file of weights is part of.
fn recipe(run: &str) -> Result<Recipe> {
    Recipe::read(&model::folder(Path::new(run)).join("recipe.toml"))
}

/// The pictures to measure a run on, its own validation pictures where no others are named, and where they came from.
pub(super) fn pictures(run: &str, data: Option<&Path>) -> Result<(Arc<dyn Dataset>, PathBuf)> {
    if let Some(path) = data {
        if path.is_dir()
            && let Some((_, test)) = Idx::sides(path)?
        {
            return Ok((Arc::new(test), path.to_path_buf()));
        }
        let folder = Folder::open(validation(path)?.as_deref().unwrap_or(path))?;
        tell(folder.left_out());
        return Ok((Arc::new(folder), path.to_path_buf()));
    }
    let recipe =
        recipe(run).with_context(|| format!("name the pictures: taper eval {} DATA", shell(Path::new(run))))?;
    Ok((splits(&recipe)?.val, recipe.data.path))
}
