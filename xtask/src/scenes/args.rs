//! The arguments of `cargo xtask scenes`.

use std::path::PathBuf;

/// Compose scenes of the emoji in tests/data, with a box around each: COCO's JSON beside PNG.
///
/// They have many sizes, lie on backgrounds of two colors, and some over another. The same seed
/// gives the same bytes.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask scenes target/scenes && taper detect train target/scenes\n  cargo xtask scenes target/said --captions && taper caption train target/said --size 128"
)]
pub struct ScenesArgs {
    /// The folder that they are written into: train.json, train/, val.json, val/
    #[arg(value_name = "FOLDER")]
    pub out: PathBuf,
    /// Pictures to train on
    #[arg(long, default_value_t = 600, value_name = "N")]
    pub train: usize,
    /// Pictures to validate on
    #[arg(long, default_value_t = 200, value_name = "N")]
    pub val: usize,
    /// Captions, too: up to five true sentences of each in captions.json, as Karpathy's files have
    /// them. The scenes are smaller ones, of up to three of twenty things with a name
    #[arg(long)]
    pub captions: bool,
    /// What all of them follow from
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
}
