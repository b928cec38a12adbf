//! `taper data stats`: what the colors of a data set are like.

use std::path::PathBuf;

use anyhow::Result;
use rayon::prelude::*;
use serde_json::json;
use taper_augment::{ColorStatistics, Principal};
use taper_tensor::Rng;

use super::columns::ColumnFlags;
use crate::commands::strict::Strict;
use crate::output::line;
use crate::terminal::Terminal;
use taper_trainer::recipe::TransformRecipe;
use taper_trainer::store::hub_data::local;
use taper_trainer::store::pictures::tell;
use taper_trainer::store::readable::{Readable, readable};
use taper_trainer::{Listener, Work};

/// Mean, deviation, covariance and principal components of the colors of the training pictures.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  taper data stats tests/data/emoji --json\n\nValues are in 0..1; every pixel of every picture counts once."
)]
pub(super) struct StatsArgs {
    /// The data set
    data: PathBuf,
    #[command(flatten)]
    columns: ColumnFlags,
    #[command(flatten)]
    strict: Strict,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
///
/// # Errors
/// When there are no pictures, or too many cannot be read.
pub(super) fn stats(args: &StatsArgs) -> Result<i32> {
    let splits = taper_data::open(local(&args.data, &Terminal)?, &args.columns.config(), &Rng::new(0).fork("split"))?;
    tell(&splits.left_out, &Terminal);
    let Readable { dataset: pictures, unreadable, .. } = readable(splits.train, args.strict.policy(), &Terminal)?;
    let progress = Terminal.work(Work::Reading);
    progress.begin(pictures.len() as u64);
    // Exact sums: the number of threads changes nothing.
    let colors = (0..pictures.len()).into_par_iter().map(|index| {
        let mut colors = ColorStatistics::default();
        colors.add(&pictures.get(index)?);
        progress.advance(1);
        Ok(colors)
    });
    let colors = colors.try_reduce(ColorStatistics::default, |mut all: ColorStatistics, more| {
        all.merge(&more);
        Ok::<_, taper_data::DataError>(all)
    })?;
    drop(progress);
    let Principal { values, vectors } = colors.principal();
    if args.json {
        line(json!({
            "schema": 1, "command": "data stats", "data": args.data.to_string_lossy(), "images": pictures.len(),
            "unreadable_images": unreadable, "pixels": colors.pixels(), "mean": colors.mean(), "std": colors.deviation(),
            "covariance": colors.covariance(), "eigenvalues": values, "eigenvectors": vectors,
        }))?;
        return Ok(0);
    }
    let row = |values: [f64; 3]| values.map(|value| format!("{value:>9.5}")).concat();
    line(format_args!("{} pictures of {}, {} pixels", pictures.len(), args.data.display(), colors.pixels()))?;
    line("                  red    green     blue")?;
    line(format_args!("mean        {}", row(colors.mean())))?;
    line(format_args!("deviation   {}", row(colors.deviation())))?;
    for (name, covariance) in ["red", "green", "blue"].into_iter().zip(colors.covariance()) {
        line(format_args!("cov. {name:<7}{}", row(covariance)))?;
    }
    for (value, vector) in values.into_iter().zip(vectors) {
        line(format_args!("component   {}   variance {value:.5}", row(vector)))?;
    }
    // Rounded numbers are components enough for light.
    let short = |value: f64| (value * 1e5).round() / 1e5;
    let (values, vectors) = (values.map(short), vectors.map(|vector| vector.map(short)));
    let lighting = TransformRecipe::PcaLighting { sigma: 0.1, values, vectors, from: None };
    line("for augment.train in a recipe:")?;
    line(lighting)?;
    Ok(0)
}
