//! The gallery of the lecture, by a release build of the binary.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// Build the binary for release, and run `taper gallery` with the same flags.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example: cargo xtask gallery --quick --out target/gallery")]
pub struct GalleryArgs {
    /// The folder that the pages are written into
    #[arg(long, value_name = "FOLDER", default_value = "target/gallery")]
    pub out: PathBuf,
    /// Only what these slides say: one, or a range as in 14-38
    #[arg(long, value_name = "SLIDES")]
    pub only: Option<String>,
    /// A sixth of the work
    #[arg(long)]
    pub quick: bool,
    /// Pictures in the place of those that are made
    #[arg(long, value_name = "FOLDER")]
    pub data: Option<PathBuf>,
    /// What all chance follows from
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

/// What cargo is told, from `run` on.
fn words(args: &GalleryArgs) -> Vec<std::ffi::OsString> {
    let mut words: Vec<std::ffi::OsString> =
        ["run", "--release", "--package", "taper", "--", "gallery", "--out"].map(Into::into).to_vec();
    words.push(args.out.clone().into());
    if let Some(only) = &args.only {
        words.extend(["--only".into(), only.into()]);
    }
    if args.quick {
        words.push("--quick".into());
    }
    if let Some(data) = &args.data {
        words.extend(["--data".into(), data.into()]);
    }
    words.extend(["--seed".into(), args.seed.to_string().into()]);
    words
}

/// Runs it; true where it ended well.
///
/// # Errors
/// When cargo cannot be started.
pub fn run(root: &Path, args: &GalleryArgs) -> Result<bool> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let status =
        cargo.args(words(args)).current_dir(root).status().context("cannot start cargo for a release build")?;
    Ok(status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_is_handed_on() {
        let args = GalleryArgs {
            out: "a".into(),
            only: Some("14-38".into()),
            quick: true,
            data: Some("pictures".into()),
            seed: 3,
        };
        let said: Vec<_> = words(&args).into_iter().map(|word| word.into_string().unwrap()).collect();
        assert_eq!(
            said[5..],
            ["gallery", "--out", "a", "--only", "14-38", "--quick", "--data", "pictures", "--seed", "3"]
        );
    }
}
