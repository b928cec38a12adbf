//! `taper eval`: how good a model is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use serde_json::json;
use taper_data::{Dataset, Folder, Idx};
use taper_tensor::Rng;

use super::readable;
use crate::evaluate::{evaluate_marginal, passes};
use crate::model;
use crate::output::line;
use crate::pipeline::{BATCH, eval_loader};
use crate::recipe::Recipe;
use crate::views::{Mean, Views, evaluate_views};

/// Measure a trained model on pictures.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  taper eval runs/emoji-1\n  taper eval runs/emoji-1 other/pictures --json\n  taper eval runs/emoji-1 --marginalize 16\n  taper eval runs/emoji-1 --tta ten-crop\n\nWithout DATA it is the validation part of the data that the run was trained on.\nDATA holds val/<class>/*, or <class>/*, all of which is used."
)]
pub struct EvalArgs {
    /// A run folder
    run: String,
    /// The folder of pictures [default: the validation pictures of the run]
    data: Option<PathBuf>,
    /// Average the probabilities over N passes with the noise of training on, such as dropout [default: one pass without]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    marginalize: Option<u16>,
    /// See each picture several times and average: flips, ten-crop, multi-scale, or N random views as in training
    #[arg(long, value_name = "VIEWS")]
    tta: Option<Views>,
    /// What is averaged over the views
    #[arg(long, value_name = "WHAT", default_value = "probabilities", requires = "tta")]
    tta_mean: Mean,
    /// Stop at the first picture that cannot be read
    #[arg(long)]
    strict: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
///
/// # Errors
/// When the model or the pictures cannot be read, or their classes differ.
pub fn eval(args: &EvalArgs, threads: usize) -> Result<i32> {
    let model = model::open(&args.run)?;
    let (dataset, path) = pictures(args)?;
    if dataset.classes() != model.card.classes {
        bail!(
            "{} has the classes {:?}, the model was trained for {:?}: both must be the same",
            path.display(),
            dataset.classes(),
            model.card.classes
        );
    }
    let (dataset, unreadable) = readable(dataset, args.strict)?;
    let (input, how) = (model.card.input(), passes(args.marginalize));
    let plain = || evaluate_marginal(&model.classifier, &eval_loader(dataset.clone(), BATCH, input, threads)?, how);
    // What the views are worth is told beside what there is without them.
    let (result, without) = match args.tta {
        None => (plain()?, None),
        Some(views) => {
            let recipe = if let Views::Random(_) = views { recipe(args)? } else { Recipe::default() };
            let data = (&dataset, input, threads);
            let seen = evaluate_views(&model.classifier, data, (views, args.tta_mean), &recipe, how)?;
            (seen, Some((views, plain()?)))
        }
    };
    let confusion = result.confusion();
    let recall: Vec<f64> = confusion
        .iter()
        .enumerate()
        .map(|(class, row)| row[class] as f64 / row.iter().sum::<usize>().max(1) as f64)
        .collect();
    if args.json {
        line(json!({
            "schema": 1, "command": "eval", "run": args.run, "data": path, "images": dataset.len(),
            "unreadable_images": unreadable, "classes": model.card.classes,
            "marginalize": args.marginalize, "accuracy": result.accuracy(),
            "loss": result.loss, "recall": recall, "confusion": confusion,
            "seconds": result.took.as_secs_f64(),
            "tta": without.as_ref().map(|(views, plain)| json!({
                "views": views.count(), "mean": format!("{:?}", args.tta_mean).to_lowercase(),
                "without": {"accuracy": plain.accuracy(), "loss": plain.loss, "seconds": plain.took.as_secs_f64()},
            })),
        }))?;
        return Ok(0);
    }
    line(format_args!(
        "accuracy {:.1} %, loss {:.3} on {} pictures of {}",
        100.0 * result.accuracy(),
        result.loss,
        dataset.len(),
        path.display()
    ))?;
    if let Some((views, plain)) = &without {
        line(format_args!(
            "  over {} views, in {:.1} times the time; without them accuracy {:.1} %, loss {:.3}",
            views.count(),
            result.took.as_secs_f64() / plain.took.as_secs_f64(),
            100.0 * plain.accuracy(),
            plain.loss
        ))?;
    }
    let width = model.card.classes.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    for ((class, recall), row) in model.card.classes.iter().zip(&recall).zip(&confusion) {
        line(format_args!("  {class:width$} {:>5.1} % of {}", 100.0 * recall, row.iter().sum::<usize>()))?;
    }
    Ok(0)
}

/// The recipe of the run.
fn recipe(args: &EvalArgs) -> Result<Recipe> {
    Recipe::read(&Path::new(&args.run).join("recipe.toml"))
}

/// The pictures to measure on, and where they came from.
fn pictures(args: &EvalArgs) -> Result<(Arc<dyn Dataset>, PathBuf)> {
    if let Some(path) = &args.data {
        if path.is_dir()
            && let Some((_, test)) = Idx::sides(path)?
        {
            return Ok((Arc::new(test), path.clone()));
        }
        let val = ["val", "valid"].map(|name| path.join(name)).into_iter().find(|p| p.is_dir());
        return Ok((Arc::new(Folder::open(val.as_ref().unwrap_or(path))?), path.clone()));
    }
    let recipe = recipe(args).with_context(|| format!("name the pictures: taper eval {} DATA", args.run))?;
    let split = Rng::new(recipe.seed).fork("split");
    let splits = taper_data::open(&recipe.data.path, recipe.data.val_fraction, &split)?;
    Ok((splits.val, recipe.data.path))
}
