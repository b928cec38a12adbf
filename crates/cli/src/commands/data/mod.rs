//! `taper data`: data sets by themselves.

mod columns;
mod convert;
mod stats;

use anyhow::Result;
use clap::Subcommand;

/// Look at a data set, or write it in another form.
#[derive(Debug, clap::Args)]
pub struct DataArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Convert(convert::ConvertArgs),
    Stats(stats::StatsArgs),
}

/// Runs the verb.
///
/// # Errors
/// As each of them has.
pub fn data(args: &DataArgs) -> Result<i32> {
    match &args.what {
        What::Convert(args) => convert::convert(args),
        What::Stats(args) => stats::stats(args),
    }
}
