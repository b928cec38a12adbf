//! The arguments of `cargo xtask attack`.

use clap::Args;

/// Kill trainings at random, go on with them, and compare what they leave with undisturbed ones.
/// 200 kills take about ten minutes on two cores.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  cargo xtask attack --kills 20\n  cargo xtask attack --seed 7")]
pub struct AttackArgs {
    /// How many processes are killed
    #[arg(long, default_value_t = 200, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub kills: u32,
    /// What draws the moments
    #[arg(long, default_value_t = 0, value_name = "SEED")]
    pub seed: u64,
}
