//! Fuzzing: what comes from outside, with bytes that nobody would send.
//!
//! A *body* ([`body`], with the feature `bench`) reads bytes as one kind of thing that other people
//! write, and asserts what must hold whatever they are. It is written once: the tests of this crate
//! give it seeds with a few changes, and `cargo xtask fuzz NAME` gives it to libFuzzer, which looks
//! for the changes that reach new code. The [`seeds`] are made of the repository's fixtures when
//! they are needed.
//!
//! libFuzzer needs the compiler's marks of what code runs. A stable compiler sets them when LLVM's
//! pass is asked for by its name (`fuzz/rustc.sh`), so that no nightly one is needed; a nightly one
//! adds the address sanitizer.

#[cfg(feature = "bench")]
mod bodies;
#[cfg(feature = "bench")]
mod seeds;
#[cfg(feature = "bench")]
mod servers;

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

#[cfg(feature = "bench")]
pub use {bodies::body, seeds::seeds};

/// What can be fuzzed.
pub const TARGETS: [&str; 10] =
    ["pictures", "safetensors", "pth", "recipe", "space", "model.json", "checkpoint", "idx", "hub", "http"];

/// Give a reader of other people's bytes to libFuzzer.
///
/// What has reached new code is kept in target/fuzz/corpus/NAME and used again the next time; an
/// input that fails lies in target/fuzz/failed, to be given to a test. Needs a C++ compiler, which
/// builds libFuzzer.
#[derive(Clone, Debug, clap::Args)]
pub struct FuzzArgs {
    /// What to fuzz: pictures, safetensors, pth, recipe, space, model.json, checkpoint, idx, hub,
    /// http
    #[arg(value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(TARGETS), hide_possible_values = true)]
    pub target: String,
    /// How long
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    pub seconds: u64,
    /// Megabytes of memory that no input may need
    #[arg(long, default_value_t = 2048, value_name = "MB")]
    pub memory: u64,
}

/// The crates whose arithmetic is checked for overflow, as in a development build: those of the
/// workspace that read bytes or compute with what was read, and those that they give it to.
const CHECKED: [&str; 8] = [
    "taper",
    "taper-augment",
    "taper-data",
    "taper-regularize",
    "taper-tensor",
    "taper-transfer",
    "candle-core",
    "safetensors",
];

/// Builds the program and runs it; true when nothing was found.
///
/// # Errors
/// When cargo or the program cannot be started.
pub fn run(root: &Path, args: &FuzzArgs) -> Result<bool> {
    let about = Command::new("rustc").arg("-V").output().context("cannot start rustc")?;
    let nightly = String::from_utf8_lossy(&about.stdout).contains("nightly");
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.args(["build", "--release", "--locked", "--package", "xtask", "--features", "fuzz", "--bin", "taper-fuzz"]);
    for name in CHECKED {
        build.arg("--config").arg(format!("profile.release.package.{name}.overflow-checks=true"));
    }
    build.env("RUSTC_WORKSPACE_WRAPPER", root.join("xtask/fuzz/rustc.sh")).current_dir(root);
    build.env("TAPER_FUZZ_FLAGS", if nightly { "-Zsanitizer=address" } else { "" });
    if !build.status().context("cannot start cargo")?.success() {
        bail!("the fuzzer does not build");
    }
    let target = root.join("target");
    let (corpus, failed) = (target.join("fuzz/corpus").join(&args.target), target.join("fuzz/failed"));
    for folder in [&corpus, &failed] {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    // An allocation past the limit fails at once, whether its memory is touched or not. The address
    // sanitizer needs all addresses and looks itself.
    let limit = if nightly { "unlimited".to_owned() } else { (2 * args.memory * 1024).to_string() };
    let status = Command::new("sh")
        .args(["-c", "ulimit -v \"$1\" && shift && exec \"$@\"", "sh", &limit])
        .arg(target.join("release/taper-fuzz"))
        .arg(&corpus)
        .arg(format!("-artifact_prefix={}/{}-", failed.display(), args.target))
        .arg(format!("-max_total_time={}", args.seconds))
        .arg(format!("-rss_limit_mb={}", args.memory))
        .args(["-timeout=20", "-print_final_stats=1", "-max_len=65536", "-verbosity=1"])
        .env("TAPER_FUZZ", &args.target)
        .env("TAPER_FUZZ_SEEDS", &corpus)
        .current_dir(root)
        .status()
        .context("cannot start the fuzzer")?;
    Ok(status.success())
}
