//! `taper report`: several runs beside each other.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::output::{line, regardless};
use taper_report::page::{Compared, EpochRow, compare};
use taper_trainer::files;
use taper_trainer::recipe::{modern, settings};
use taper_trainer::store::summary::SUMMARY;
use taper_trainer::store::summary::Summary;

/// Compare runs on one page: what came out, in what their recipes differ, and their curves.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  taper report runs/pictures-1 runs/pictures-2\n  taper report runs/* --out comparison.html\n\nEach run has a page of its own already: RUN/report.html."
)]
pub struct ReportArgs {
    /// Run folders
    #[arg(required = true, num_args = 2..)]
    runs: Vec<PathBuf>,
    /// The page
    #[arg(long, value_name = "FILE", default_value = "comparison.html")]
    out: PathBuf,
}

/// Runs the verb.
///
/// # Errors
/// When a folder is no run that is at its end, or the page cannot be written.
pub fn report(args: &ReportArgs) -> Result<i32> {
    let runs = args.runs.iter().map(|run| {
        compared(run).with_context(|| format!("{} is no run at its end, which is what can be compared", run.display()))
    });
    let runs = runs.collect::<Result<Vec<_>>>()?;
    let metrics: BTreeSet<&str> = runs.iter().map(|run| run.metric.name()).collect();
    ensure!(
        metrics.len() < 2,
        "the runs are judged by different figures, {}, which cannot be compared: name runs on labels of one kind",
        metrics.into_iter().collect::<Vec<_>>().join(" and ")
    );
    files::write(&args.out, compare(&runs)?.as_bytes())?;
    regardless(line(format_args!("wrote {}", args.out.display())))?;
    Ok(0)
}

fn compared(run: &Path) -> Result<Compared> {
    let summary = Summary::read(&run.join(SUMMARY))?;
    let [recipe, rows] = ["recipe.toml", "history.csv"].map(|name| run.join(name));
    // Runs of before and of now have their settings in the same rows.
    let settled: toml::Table = modern(&files::read_text(&recipe)?, &recipe)
        .0
        .parse()
        .with_context(|| format!("{} is no TOML", recipe.display()))?;
    Ok(Compared {
        name: run.file_name().map_or_else(|| run.display().to_string(), |name| name.to_string_lossy().into_owned()),
        history: history(&files::read_text(&rows)?)
            .with_context(|| format!("{} is no history of a run", rows.display()))?,
        metric: summary.r#final.figure.metric(),
        accuracy: summary.r#final.figure.value(),
        loss: summary.r#final.val_loss,
        seconds: summary.seconds.total,
        settings: settings(&settled),
    })
}

/// The rows of a `history.csv`.
fn history(text: &str) -> Result<Vec<EpochRow>> {
    let row = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        let [epoch, phase, _, train_loss, val_loss, val_accuracy] = fields[..] else {
            bail!("{line:?} is no row of a history.csv");
        };
        let number = |field: &str| field.parse::<f64>().with_context(|| format!("{field:?} is no number"));
        Ok(EpochRow {
            epoch: epoch.parse().with_context(|| format!("{epoch:?} is no epoch"))?,
            phase: phase.to_owned(),
            train_loss: number(train_loss)?,
            val_loss: number(val_loss)?,
            val_accuracy: number(val_accuracy)?,
        })
    };
    text.lines().skip(1).map(row).collect()
}
