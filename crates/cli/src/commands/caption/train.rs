//! `taper caption train` and `taper caption resume`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use taper_caption::train::{self, Ended, Judgment};
use taper_trainer::epochs::EpochRow;
use taper_trainer::store::checkpoint::Every;

use super::flags::TrainArgs;
use crate::commands::told::Told;
use crate::interrupt::{EXIT_CODE, Interrupt};
use crate::output::{line, note, regardless, shell};
use crate::terminal::Terminal;

/// Go on with a training that was broken off; it ends as if it had never stopped, to the bit.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  taper caption resume runs/caption-scenes-1")]
pub(super) struct ResumeArgs {
    /// A run folder
    run: PathBuf,
    /// Write down where the training stands after so many steps (200) or minutes (5m), beside the
    /// ends of epochs
    #[arg(long, value_name = "STEPS|MINUTESm")]
    checkpoint_every: Option<Every>,
    /// Print summary.json at the end
    #[arg(long)]
    json: bool,
}

/// What an epoch was measured as.
fn measured(row: &EpochRow) -> String {
    match row.measures[..] {
        [loss, bleu, cider] if !loss.is_nan() => {
            format!(", val loss {loss:.3}, BLEU-4 {:.1} %, CIDEr-D {cider:.2}", 100.0 * bleu)
        }
        _ => String::new(),
    }
}

/// What captions are judged as, a line each.
pub(super) fn lines(judgment: &Judgment) -> [String; 3] {
    let [b1, b2, b3, b4] = judgment.metrics.bleu.map(|bleu| 100.0 * bleu);
    let metrics = &judgment.metrics;
    [
        format!("BLEU-1 {b1:.1} %, BLEU-2 {b2:.1} %, BLEU-3 {b3:.1} %, BLEU-4 {b4:.1} %"),
        format!("CIDEr-D {:.3}", metrics.cider),
        format!(
            "loss of a word {:.3} (perplexity {:.2}), {:.1} words a caption, {:.1} % of them word by word as written",
            judgment.loss,
            judgment.loss.exp(),
            metrics.length,
            100.0 * metrics.exact
        ),
    ]
}

/// Runs the verb.
///
/// # Errors
/// When a setting, the pictures, the vectors or the weights are not to be had.
pub(super) fn train(args: &TrainArgs, threads: usize) -> Result<i32> {
    let mut told = Told::new(Interrupt::listen()?, measured);
    let folder = (args.out.as_deref(), args.checkpoint_every.unwrap_or_default());
    tell(train::run(&args.recipe()?, folder, threads, &Terminal, &mut told)?, args.json)
}

/// Runs the verb.
///
/// # Errors
/// When the folder is no run, or its pictures are others.
pub(super) fn resume(args: &ResumeArgs, threads: usize) -> Result<i32> {
    if !args.run.is_dir() {
        bail!("there is no folder {}", args.run.display());
    }
    let mut told = Told::new(Interrupt::listen()?, measured);
    let every = args.checkpoint_every.unwrap_or_default();
    tell(train::resume(&args.run, every, threads, &Terminal, &mut told)?, args.json)
}

/// Says how a training ended.
fn tell(ended: Ended, json: bool) -> Result<i32> {
    let summary = match ended {
        Ended::Done(summary) => summary,
        Ended::Interrupted { run } => {
            note(format_args!("interrupted; to go on: taper caption resume {}", shell(&run)));
            return Ok(EXIT_CODE);
        }
    };
    if json {
        regardless(line(serde_json::to_string(&*summary)?))?;
        return Ok(0);
    }
    for text in lines(&summary.last) {
        regardless(line(text))?;
    }
    let (words, vectors) = (summary.words, summary.words_with_vectors);
    regardless(line(format_args!("{words} words, {vectors} of them begun with vectors of a file")))?;
    let seconds = summary.seconds.total;
    regardless(line(format_args!("{:.0} s, {:.1} pictures/s in training", seconds, summary.images_per_second)))?;
    regardless(line(format_args!("the run: {}", summary.run.display())))?;
    Ok(0)
}
