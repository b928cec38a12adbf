//! `taper caption eval`: how good a captioner is.

use std::path::PathBuf;

use anyhow::Result;
use serde_json::json;
use taper_caption::data::{Part, karpathy};
use taper_caption::model::{Search, open};
use taper_caption::text::sentence;
use taper_caption::train::{Recipe, judgment};
use taper_trainer::{Listener, Work};

use super::train::lines;
use crate::output::line;
use crate::terminal::Terminal;

/// Measure a captioner: BLEU-1 to BLEU-4 and CIDEr-D as COCO's code computes them.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  taper caption eval runs/caption-scenes-1\n  taper caption eval runs/caption-flickr8k-1 --part test --beam 20\n  taper caption eval runs/caption-scenes-1 other/captions.json --json\n\nWithout DATA it is the data that the run was trained on. DATA is a file or folder as for train."
)]
pub(super) struct EvalArgs {
    /// A run folder
    run: PathBuf,
    /// Pictures with captions [default: those of the run]
    data: Option<PathBuf>,
    /// The folder of the pictures [default: that of the file, or its images]
    #[arg(long, value_name = "FOLDER")]
    images: Option<PathBuf>,
    /// Which part of the data
    #[arg(long, value_enum, value_name = "PART", default_value = "val")]
    part: Which,
    /// How many captions the search for one keeps [default: the run's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    beam: Option<u16>,
    /// Print the result as JSON, with each caption
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Which {
    /// What it is trained on
    Train,
    /// What it is measured on while it is trained
    Val,
    /// What is kept for the end
    Test,
}

/// Runs the verb.
///
/// # Errors
/// When the run, the captions or the pictures cannot be read.
pub(super) fn eval(args: &EvalArgs) -> Result<i32> {
    let model = open(&args.run)?;
    let (data, images) = match &args.data {
        Some(data) => (data.clone(), args.images.clone()),
        None => {
            let recipe = Recipe::read(&args.run.join("recipe.toml"))?;
            (recipe.data, args.images.clone().or(recipe.images))
        }
    };
    let part = match args.part {
        Which::Train => Part::Train,
        Which::Val => Part::Val,
        Which::Test => Part::Test,
    };
    let parts = karpathy::read(&data, images.as_deref())?;
    let set = parts.require(part, &data)?;
    let search = Search { beam: args.beam.map_or(model.card.search.beam, usize::from), ..model.card.search };
    let bar = Terminal.work(Work::Answers);
    bar.begin(set.pictures.len() as u64);
    let mut before = 0;
    let told = |done: usize| bar.advance((done - std::mem::replace(&mut before, done)) as u64);
    let (judged, judgment) = judgment(&model, set, search, told)?;
    drop(bar);
    let captions = set.captions();
    if args.json {
        let one = |(judged, picture): (&taper_caption::evaluate::Judged, &taper_caption::data::Captioned)| {
            let references: Vec<String> = judged.references.iter().map(|words| sentence(words)).collect();
            json!({"image": picture.path, "caption": sentence(&judged.said), "references": references})
        };
        let said: Vec<_> = judged.iter().zip(&set.pictures).map(one).collect();
        line(json!({"images": said.len(), "captions": captions, "metrics": judgment, "said": said}))?;
        return Ok(0);
    }
    line(format_args!("{} pictures, {captions} captions", set.pictures.len()))?;
    lines(&judgment).iter().try_for_each(line)?;
    Ok(0)
}
