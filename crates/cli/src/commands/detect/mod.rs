//! `taper detect`: what is where on pictures.

mod eval;
mod predict;
mod told;
mod train;

use anyhow::Result;
use clap::Subcommand;

/// Train a detector on pictures with boxes, and use it (Faster R-CNN).
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  taper detect train scenes\n  taper detect eval runs/detect-scenes-1\n  taper detect predict runs/detect-scenes-1 street.jpg --out found.png"
)]
pub struct DetectArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Train(Box<train::TrainArgs>),
    Resume(train::ResumeArgs),
    Eval(eval::EvalArgs),
    Predict(predict::PredictArgs),
}

/// Runs the verb.
///
/// # Errors
/// As each of them has.
pub fn detect(args: &DetectArgs, threads: usize) -> Result<i32> {
    match &args.what {
        What::Train(args) => train::train(args, threads),
        What::Resume(args) => train::resume(args, threads),
        What::Eval(args) => eval::eval(args),
        What::Predict(args) => predict::predict(args),
    }
}
