//! The command line of the binary `taper`.

use clap::{Parser, Subcommand};

use crate::commands::{
    AdviseArgs, AugmentArgs, CaptionArgs, CheckArgs, DataArgs, DetectArgs, EnsembleArgs, EvalArgs, ExplainArgs,
    ExportArgs, FeaturesArgs, FineTuneArgs, GalleryArgs, InspectArgs, LrFindArgs, ModelsArgs, OptimizeArgs,
    PredictArgs, ProbeArgs, ReportArgs, ResumeArgs, SearchArgs, ServeArgs, TrainArgs,
};

/// Train and fine-tune image classifiers: one binary, no Python, every run reproducible to the bit.
#[derive(Debug, Parser)]
#[command(
    name = "taper",
    version,
    max_term_width = 100,
    after_help = "First steps:\n  taper fine-tune pictures        pictures/train/<class>/*, pictures/val/<class>/*\n  taper predict squeezenet1_1 cat.jpg\n\nExit codes: 0 done, 1 failed, 2 wrong usage or recipe, 130 interrupted."
)]
pub struct Cli {
    #[command(subcommand)]
    /// What to do.
    pub verb: Verb,
    /// Threads to compute with; they change the time, never the result [default: all cores]
    #[arg(long, global = true, hide_short_help = true, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// The most memory to take, such as 4G or 500M; a training that needs more is refused, with
    /// what would fit [default: what the machine, the control group and ulimit have]
    #[arg(long, global = true, hide_short_help = true, value_name = "SIZE", value_parser = bytes)]
    pub memory: Option<u64>,
}

/// A size in bytes, by a number and a letter.
fn bytes(text: &str) -> Result<u64, &'static str> {
    let wanted = "a size such as 4G, 1.5G or 500M";
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text[digits.len()..].to_ascii_uppercase().trim_end_matches('B') {
        "K" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        _ => return Err(wanted),
    };
    let size = digits.parse::<f64>().map_err(|_| wanted)? * unit;
    if (1e6..1e15).contains(&size) { Ok(size as u64) } else { Err(wanted) }
}

/// The verbs.
#[derive(Debug, Subcommand)]
#[allow(missing_docs)]
pub enum Verb {
    FineTune(Box<FineTuneArgs>),
    Train(Box<TrainArgs>),
    Resume(ResumeArgs),
    Check(Box<CheckArgs>),
    LrFind(Box<LrFindArgs>),
    Search(Box<SearchArgs>),
    Eval(EvalArgs),
    Ensemble(EnsembleArgs),
    Report(ReportArgs),
    Predict(PredictArgs),
    Explain(ExplainArgs),
    Serve(ServeArgs),
    Models(ModelsArgs),
    Probe(ProbeArgs),
    Advise(AdviseArgs),
    Features(FeaturesArgs),
    Export(ExportArgs),
    Optimize(OptimizeArgs),
    Inspect(InspectArgs),
    Data(DataArgs),
    Detect(DetectArgs),
    Caption(CaptionArgs),
    Augment(AugmentArgs),
    Gallery(GalleryArgs),
}
