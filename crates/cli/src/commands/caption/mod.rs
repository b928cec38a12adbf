//! `taper caption`: what is on a picture, in a sentence.

mod eval;
mod flags;
mod predict;
mod train;

use anyhow::Result;
use clap::Subcommand;

/// Train a network that says in a sentence what is on a picture, and use it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  taper caption train scenes --fine-tune 10\n  taper caption eval runs/caption-scenes-1\n  taper caption predict runs/caption-scenes-1 street.jpg"
)]
pub struct CaptionArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Train(Box<flags::TrainArgs>),
    Resume(train::ResumeArgs),
    Eval(eval::EvalArgs),
    Predict(predict::PredictArgs),
}

/// Runs the verb.
///
/// # Errors
/// As each of them has.
pub fn caption(args: &CaptionArgs, threads: usize) -> Result<i32> {
    match &args.what {
        What::Train(args) => train::train(args, threads),
        What::Resume(args) => train::resume(args, threads),
        What::Eval(args) => eval::eval(args),
        What::Predict(args) => predict::predict(args),
    }
}
