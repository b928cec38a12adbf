//! The arguments of `cargo xtask experiments`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Train with and without each technique, and write the table of what came out. Takes about an hour on two cores.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  cargo xtask experiments regularize --seeds 1 --epochs 5 --out table.md")]
pub struct ExperimentsArgs {
    /// Which techniques.
    #[command(subcommand)]
    pub topic: Topic,
}

/// Which techniques are studied.
#[derive(Clone, Debug, Subcommand)]
pub enum Topic {
    /// Those of taper-regularize, on a small part of Fashion-MNIST: crates/regularize/EXPERIMENTS.md
    Regularize {
        /// The folder with the four IDX files
        #[arg(long, default_value = "/usr/share/datasets/fashion-mnist", value_name = "DATA")]
        data: PathBuf,
        /// Training pictures, drawn by the seed
        #[arg(long, default_value_t = 5000, value_name = "N")]
        pictures: usize,
        /// Epochs of each training
        #[arg(long, default_value_t = 15, value_name = "N")]
        epochs: usize,
        /// Trainings of each case
        #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
        seeds: u64,
        /// Only these cases, by name; their baselines come along
        #[arg(long, value_name = "NAMES", value_delimiter = ',')]
        only: Vec<String>,
        /// The file [default: crates/regularize/EXPERIMENTS.md]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

impl ExperimentsArgs {
    /// The arguments that matter for the table and are not the default ones, as they are typed.
    #[cfg(feature = "bench")]
    pub(super) fn changed(&self) -> String {
        let Topic::Regularize { pictures, epochs, seeds, ref only, .. } = self.topic;
        let all = [("pictures", pictures, 5000), ("epochs", epochs, 15), ("seeds", seeds as usize, 3)];
        let changed = all.iter().filter(|(_, value, usual)| value != usual);
        let some = if only.is_empty() { String::new() } else { format!(" --only {:?}", only.join(",")) };
        changed.map(|(name, value, _)| format!(" --{name} {value}")).chain([some]).collect()
    }
}
