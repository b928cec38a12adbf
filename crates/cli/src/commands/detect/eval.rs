//! `taper detect eval`: how good a detector is.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::json;
use taper_detect::data::proposals::Proposals;
use taper_detect::data::{Loading, Side, open_side};
use taper_detect::model::open;
use taper_detect::train::{Recipe, answers};
use taper_trainer::{Listener, Work};

use super::told::lines;
use crate::output::line;
use crate::terminal::Terminal;

/// Pictures that are looked at a time.
const BATCH: usize = 8;

/// Measure a detector: average precision as COCO computes it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  taper detect eval runs/detect-scenes-1\n  taper detect eval runs/detect-scenes-1 other/scenes --json\n  taper detect eval runs/detect-scenes-1 annotations.json\n\nWithout DATA it is the validation part of the data that the run was trained on. DATA is a folder as for train, of which the validation\npart is taken, or a file of COCO's. Sizes are COCO's: small below 32x32 pixels, large above 96x96."
)]
pub(super) struct EvalArgs {
    /// A run folder
    run: PathBuf,
    /// Pictures with boxes [default: the validation pictures of the run]
    data: Option<PathBuf>,
    /// Boxes for these pictures, of a run with --proposals
    #[arg(long, value_name = "FILE")]
    proposals: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
///
/// # Errors
/// When the run or the pictures cannot be read, or these have classes that it was not trained for.
pub(super) fn eval(args: &EvalArgs) -> Result<i32> {
    let model = open(&args.run)?;
    let (data, proposals) = match (&args.data, &args.proposals) {
        (Some(data), proposals) => (data.clone(), proposals.clone()),
        (None, proposals) => {
            let recipe = Recipe::read(&args.run.join("recipe.toml"))?;
            (recipe.data, proposals.clone().or(recipe.proposals))
        }
    };
    let set = open_side(&data, Side::Val)?;
    set.require_objects(&data)?;
    let set = set.with_classes(&model.card.classes).with_context(|| data.display().to_string())?;
    let proposals = proposals.filter(|_| !model.detector.proposes());
    let proposals = proposals.map(|path| Proposals::read(&path)).transpose()?;
    let (framing, normalize) = (model.card.framing, model.card.normalize()?);
    let loading = Loading { set: &set, framing, normalize, augment: None, proposals: proposals.as_ref() };
    let bar = Terminal.work(Work::Answers);
    bar.begin(set.pictures.len() as u64);
    let mut before = 0;
    let told = |done: usize| bar.advance((done - std::mem::replace(&mut before, done)) as u64);
    let answers = answers(&model.detector, &loading, &model.card.asking, BATCH, told)?;
    drop(bar);
    let metrics = answers.metrics(model.card.classes.len());
    if args.json {
        let (pictures, objects) = (set.pictures.len(), set.objects());
        line(json!({"images": pictures, "objects": objects, "classes": model.card.classes, "metrics": metrics}))?;
        return Ok(0);
    }
    line(format_args!("{} pictures, {} objects", set.pictures.len(), set.objects()))?;
    lines(&metrics, &model.card.classes).iter().try_for_each(line)?;
    Ok(0)
}
