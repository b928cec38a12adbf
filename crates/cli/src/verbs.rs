//! The command line of the binary `taper`.

use clap::{Parser, Subcommand};

use crate::commands::{
    AdviseArgs, AugmentArgs, CheckArgs, DataArgs, EnsembleArgs, EvalArgs, ExplainArgs, ExportArgs, FeaturesArgs,
    FineTuneArgs, InspectArgs, LrFindArgs, ModelsArgs, OptimizeArgs, PredictArgs, ProbeArgs, ReportArgs, ResumeArgs,
    SearchArgs, ServeArgs, TrainArgs,
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
    Augment(AugmentArgs),
}
