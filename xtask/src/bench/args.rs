//! The arguments of `cargo xtask bench`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// Measure speed and peak memory, alone or beside PyTorch.
///
/// Each job runs in a process of its own, after a warm-up; the median counts. Measure with nothing
/// else running.
#[derive(Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true)]
#[command(
    after_help = "Examples:\n  cargo xtask bench --jobs resnet18_train,adam_step\n  cargo xtask bench --jobs all-networks --torch python3\n  \
    cargo xtask bench --torch python3 --repeat 5\n  cargo xtask bench --jobs mobilenet_v2_train --compare --record\n  cargo xtask bench --precision bf16 --jobs resnet50_train\n  cargo xtask bench layers\n  cargo xtask bench memory mobilenet_v2 --batch 32\n  \
    cargo xtask bench optim --torch python3\n  cargo xtask bench augment --each --torch python3\n  cargo xtask bench sources --python python3"
)]
pub struct BenchArgs {
    /// What to measure instead of the jobs.
    #[command(subcommand)]
    pub target: Option<Target>,
    /// The jobs, by name; all-networks for those of torchvision, trained and asked [default: all]
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub jobs: Vec<String>,
    /// Print a line of JSON for each job and configuration: job, config, per_second, peak_mb
    #[arg(long)]
    pub json: bool,
    /// Timed runs in a process, after a warm-up
    #[arg(long, global = true, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub repeat: u32,
    /// Processes for each job and configuration, in turns [default: 3 with --torch, else 1]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: Option<u32>,
    /// Threads to compute with, on both sides
    #[arg(long, global = true, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: u16,
    /// What our networks compute their convolutions in; PyTorch is measured in both
    #[arg(long, global = true, value_enum, default_value_t)]
    pub precision: Precision,
    /// Run the same jobs in PyTorch with this Python, which has torch and torchvision
    #[arg(long, global = true, value_name = "PYTHON")]
    pub torch: Option<PathBuf>,
    /// Configurations of the other side to leave out: compiled takes minutes
    #[arg(long, global = true, value_delimiter = ',', value_name = "NAMES")]
    pub without: Vec<String>,
    /// Put what was measured beside the newest in the history of this kind of processor
    #[arg(long, conflicts_with = "json")]
    pub compare: bool,
    /// Add what was measured to the history of this kind of processor, in xtask/bench/history
    #[arg(long)]
    pub record: bool,
    /// Run one job in this process.
    #[arg(long, hide = true, value_name = "JOB")]
    pub alone: Option<String>,
}

/// What convolutions and the maps between them are computed in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Precision {
    /// float32
    #[default]
    F32,
    /// Maps of bfloat16, float32 sums
    Bf16,
    /// Integers of 8 bits, where networks answer
    Int8,
}

impl Precision {
    /// As the argument says it.
    #[cfg(feature = "bench")]
    pub(super) fn name(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::Bf16 => "bf16",
            Precision::Int8 => "int8",
        }
    }

    /// What our configuration is called.
    #[cfg(feature = "bench")]
    pub(super) fn ours(self) -> &'static str {
        match self {
            Precision::F32 => "taper",
            Precision::Bf16 => "taper_bf16",
            Precision::Int8 => "taper_int8",
        }
    }
}

/// What can be measured instead of the jobs.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Target {
    /// Single convolutions: effective GFLOP/s forward and for each gradient, beside the machine's
    /// peak
    Layers,
    /// A step of Adam and one of SGD with momentum over 67 million parameters: the jobs adam_step
    /// and sgd_step
    Optim,
    /// 140 JPEGs of 500x375 decoded, and decoded, cut, mirrored, lit and normalized: the jobs
    /// decode and augment
    Augment {
        /// Each transform alone in place of the jobs: decoded pictures, one thread, with --torch
        /// beside AlbumentationsX and torchvision v2 where that Python has them
        #[arg(long)]
        each: bool,
        /// Print lines of JSON: job, config, per_second, peak_mb
        #[arg(long)]
        json: bool,
    },
    /// A training step of a network: what is in memory after each of its operations
    Memory(MemoryArgs),
    /// Millions of small pictures as tar, Parquet, NumPy and CSV: how soon the first 1000 batches
    /// are there, and in how much memory
    Sources(SourcesArgs),
}

/// The network whose memory is looked at.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct MemoryArgs {
    /// A network of torchvision, such as mobilenet_v2
    pub network: String,
    /// Pictures of 224x224 in a batch
    #[arg(long, default_value_t = 16, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub batch: u32,
    /// Compute what lies within the stages again for its gradient, as `taper` does with this flag
    #[arg(long)]
    pub checkpoint_activations: bool,
}

/// Data sets of many small pictures.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct SourcesArgs {
    /// Pictures in each
    #[arg(long, default_value_t = 2_000_000, value_name = "N", value_parser = clap::value_parser!(u32).range(100..))]
    pub records: u32,
    /// The Python that writes them, which has NumPy, Pillow and pyarrow [default: python3]
    #[arg(long, value_name = "PYTHON")]
    pub python: Option<PathBuf>,
    /// Open one data set in this process.
    #[arg(long, hide = true, value_name = "DATA")]
    pub opened: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        bench: BenchArgs,
    }

    #[test]
    fn jobs_are_separated_by_commas_and_layers_stands_alone() {
        let args = Cli::try_parse_from(["bench", "--jobs", "a,b", "--threads", "4"]).unwrap().bench;
        assert_eq!((args.jobs, args.threads, args.repeat), (vec!["a".to_owned(), "b".to_owned()], 4, 3));
        let args = Cli::try_parse_from(["bench", "layers", "--repeat", "2"]).unwrap().bench;
        assert_eq!((args.target, args.repeat), (Some(Target::Layers), 2));
        let args = Cli::try_parse_from(["bench", "optim", "--torch", "python3"]).unwrap().bench;
        assert_eq!((args.target, args.torch), (Some(Target::Optim), Some("python3".into())));
        let args = Cli::try_parse_from(["bench", "augment", "--each", "--rounds", "3"]).unwrap().bench;
        assert_eq!((args.target, args.rounds), (Some(Target::Augment { each: true, json: false }), Some(3)));
        assert!(Cli::try_parse_from(["bench", "--repeat", "0"]).is_err());
        assert!(Cli::try_parse_from(["bench", "--json", "layers"]).is_err());
    }
}
