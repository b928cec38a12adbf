//! `taper lr-find`: a learning rate to begin with.

use std::time::Instant;

use anyhow::{Result, bail};
use serde_json::json;

use super::args::RunArgs;
use crate::commands::chart_files::ChartFiles;
use crate::output::{line, note};
use crate::terminal::Terminal;
use taper_report::range_test_picture::draw;
use taper_trainer::build::colors::measured;
use taper_trainer::build::memory;
use taper_trainer::build::network::{Network, network};
use taper_trainer::build::pipeline::{eval_loader, train_loader};
use taper_trainer::build::pretrained::tell;
use taper_trainer::recipe::{Recipe, RecipeError, Rule};
use taper_trainer::store::pictures::Pictures;
use taper_trainer::study::range_test::{FEWEST_STEPS, range_test};

/// Find a learning rate: train for a few steps while the rate grows, and see where the loss falls.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  taper lr-find pictures\n  taper lr-find pictures --optimizer momentum --png rates.png\n  taper lr-find pictures --head-epochs 0          the layers that are trained after the head\n  taper lr-find fashion-mnist --scratch\n\nThe first phase of the recipe is tried, the head by default. The rate of the steepest fall is one to begin with (--lr), where the\nloss falls by more than the noise of its batches; near the rate of the lowest loss a training breaks. Nothing is kept: every run begins from the same weights as without it."
)]
pub struct LrFindArgs {
    #[command(flatten)]
    run: RunArgs,
    /// From random weights, as train
    #[arg(long)]
    scratch: bool,
    /// The rate of the first step
    #[arg(long, value_name = "RATE", default_value_t = 1e-6)]
    low: f64,
    /// The rate of the last step
    #[arg(long, value_name = "RATE", default_value_t = 1.0)]
    high: f64,
    /// How many steps
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(FEWEST_STEPS as i64..=100_000))]
    steps: u32,
    #[command(flatten)]
    files: ChartFiles,
}

/// Runs the verb.
///
/// # Errors
/// When the pictures cannot be read, or the range is invalid.
pub fn lr_find(args: &LrFindArgs, threads: usize) -> Result<i32> {
    args.files.check()?;
    let (start, usual) = (Instant::now(), if args.scratch { Recipe::from_scratch() } else { Recipe::default() });
    let recipe = &args.run.recipe(&usual)?;
    args.run.makes_no_run()?;
    if !(args.low > 0.0 && args.high > args.low && args.high.is_finite()) {
        let got = format!("{} to {}", args.low, args.high);
        bail!(RecipeError::Field { field: "--low", wanted: "above 0, and below --high", got });
    }
    if let Rule::Lbfgs(_) = recipe.optimize.rule {
        let wanted = "one that takes steps: lbfgs finds their length by itself";
        bail!(RecipeError::Field { field: "optimize.rule", wanted, got: "lbfgs".into() });
    }
    let pictures = Pictures::open(recipe, args.run.strict.policy(), &Terminal)?;
    let recipe = &measured(recipe, &pictures.train, threads, &Terminal)?;
    let Network { card, mut classifier, params, loaded } = network(recipe, &*pictures.train, &Terminal)?;
    loaded.iter().for_each(|loaded| tell(&loaded.read, &Terminal));
    let train = train_loader(pictures.train.clone(), recipe, card.input(), threads)?;
    if let Some(said) = memory::enough((&classifier, &params), &train, recipe)? {
        note(format_args!("doubtful: memory: {said}"));
    }
    let val = eval_loader(pictures.val.clone(), recipe.data.batch_size, card.input(), threads)?;
    let range = (args.low, args.high, args.steps as usize);
    let found = range_test(&mut classifier, &params, (&train, &val), recipe, range)?;
    if args.files.wanted() {
        let title = format!("{} on {}, {}", recipe.model, recipe.data.path.display(), recipe.optimize.rule.name());
        args.files.write(&draw(&title, &found)?, &found.csv())?;
    }
    if args.run.json {
        line(json!({
            "schema": 1, "command": "lr-find", "model": recipe.model, "data": recipe.data.path,
            "optimizer": recipe.optimize.rule.name(), "rates": found.rates, "losses": found.losses, "smoothed": found.smooth,
            "steepest": found.named().ok(), "unnamed": found.named().err().map(|why| why.to_string()),
            "lowest": found.lowest(), "still_falls": found.still_falls(), "recipe_rate": recipe.optimize.lr,
            "seconds": start.elapsed().as_secs_f64(),
        }))?;
        return Ok(0);
    }
    let usual = recipe.optimize.lr;
    match (found.named(), found.lowest()) {
        (Ok(rate), Some(lowest)) => {
            line(format_args!("the loss falls fastest at {rate:.1e}: --lr {rate:.1e} is one to begin with"))?;
            let end = if found.still_falls() { ", where the range ends: --high shows what comes after" } else { "" };
            line(format_args!("it is lowest at {lowest:.1e}{end}; the recipe has {usual:.1e}"))?;
        }
        (Err(why), _) => {
            line(format_args!("no rate can be named: {why}"))?;
            line(format_args!("the recipe has {usual:.1e}"))?;
        }
        (Ok(_), None) => {}
    }
    let (steps, seconds) = (found.rates.len(), start.elapsed().as_secs_f64());
    line(format_args!("{steps} steps in {seconds:.1} s; nothing was kept"))?;
    args.files.tell()?;
    Ok(0)
}
