//! `taper data convert`: a data set in another form.

use std::path::PathBuf;

use anyhow::Result;
use serde_json::json;
use taper_data::{Dataset, Form, convert as write, open_parts};

use super::columns::ColumnFlags;
use crate::output::{line, shell};
use crate::terminal::Terminal;
use taper_trainer::store::hub_data::local;
use taper_trainer::store::pictures::tell;
use taper_trainer::{Listener, Work};

/// Write a data set as folders, as shards of WebDataset or as Parquet files.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  taper data convert labels.csv --to folder --out pictures\n  taper data convert pictures --to tar --out shards\n  taper data convert 'data/*.parquet' --to folder --out pictures\n\nDATA is whatever fine-tune takes. A split that lies there is kept; none is drawn. Files of pictures stay as they are; arrays become PNG."
)]
pub(super) struct ConvertArgs {
    /// The data set
    data: PathBuf,
    /// What it is written as
    #[arg(long, value_enum, value_name = "FORM")]
    to: Target,
    /// The folder, which must not be there yet
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    #[command(flatten)]
    columns: ColumnFlags,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Target {
    /// Class folders, or pictures beside a table metadata.csv
    Folder,
    /// Tar files with .cls or .json beside each picture
    Tar,
    /// Parquet files with the names of classes in their metadata
    Parquet,
}

/// Runs the verb.
///
/// # Errors
/// When a picture cannot be read, or the folder is there.
pub(super) fn convert(args: &ConvertArgs) -> Result<i32> {
    let form = match args.to {
        Target::Folder => Form::Folder,
        Target::Tar => Form::Tar,
        Target::Parquet => Form::Parquet,
    };
    let parts = open_parts(local(&args.data, &Terminal)?, &args.columns.config())?;
    tell(&parts.left_out, &Terminal);
    let count = |part: Option<&dyn Dataset>| part.map_or(0, Dataset::len);
    let counts = [count(Some(&*parts.train)), count(parts.val.as_deref()), count(parts.test.as_deref())];
    let progress = Terminal.work(Work::Reading);
    progress.begin(counts.iter().sum::<usize>() as u64);
    write(&parts, &args.out, form, || progress.advance(1))?;
    drop(progress);
    let [train, val, test] = counts;
    if args.json {
        let (data, out) = (args.data.to_string_lossy(), args.out.to_string_lossy());
        line(json!({
            "schema": 1, "command": "data convert", "data": data, "out": out, "train": train, "val": val, "test": test,
            "classes": parts.train.classes(),
        }))?;
        return Ok(0);
    }
    let sides = [("to train on", train), ("to validate on", val), ("to test with", test)];
    let sides = sides.iter().filter(|(_, count)| *count > 0).map(|(side, count)| format!("{count} {side}"));
    line(format_args!("{}: {} pictures", args.out.display(), sides.collect::<Vec<_>>().join(", ")))?;
    line(format_args!("taper fine-tune {}", shell(&args.out)))?;
    Ok(0)
}
