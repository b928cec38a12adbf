//! The command line of the repository's chores: `cargo xtask <verb>`.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Result;
use clap::{Parser, Subcommand};
use xtask::{
    attack::{self, AttackArgs},
    bench::{self, BenchArgs},
    ci,
    dist::{self, DistArgs},
    experiments::{self, ExperimentsArgs},
    fuzz::{self, FuzzArgs},
    gallery::{self, GalleryArgs},
    mpi::{self, MpiArgs},
    output::{line, note},
    root,
    same::{self, SameArgs},
    scenes::{self, ScenesArgs},
    tidy::tidy,
};

/// The repository's own chores.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", arg_required_else_help = true)]
#[command(after_help = "Exit code: 0 all well, 1 something was found or failed, 2 wrong usage.\n\
    Example: cargo xtask tidy && cargo xtask ci")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Run what every change has to pass: tests, formatting, clippy, documentation, packages.
    ///
    /// Each command is printed before it runs, so that it can be repeated by hand; the first
    /// failure ends the run. `.ci/run` does exactly this.
    Ci {
        /// Print the commands, run none.
        #[arg(long)]
        list: bool,
    },
    /// Look for what must stay absent: wrong dependencies, unsafe outside its room, printing
    /// libraries, ...
    ///
    /// Each finding names file and line and says what to do. The same checks are a test of this
    /// crate.
    Tidy {
        /// Another tree than this repository
        #[arg(long, value_name = "FOLDER")]
        root: Option<PathBuf>,
        /// Only what lies below this folder of it, such as `crates/optim`
        #[arg(value_name = "PART")]
        part: Option<PathBuf>,
    },
    Bench(BenchArgs),
    Experiments(ExperimentsArgs),
    Dist(DistArgs),
    Attack(AttackArgs),
    Same(SameArgs),
    Scenes(ScenesArgs),
    Fuzz(FuzzArgs),
    Gallery(GalleryArgs),
    Mpi(MpiArgs),
}

fn main() -> ExitCode {
    match run(&Cli::parse().verb) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            note(format_args!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// True when all is well.
fn run(verb: &Verb) -> Result<bool> {
    let root = root()?;
    match verb {
        Verb::Ci { list: true } => {
            for step in ci::steps() {
                line(step);
            }
            Ok(true)
        }
        Verb::Ci { list: false } => {
            ci::run(&ci::steps(), |step| ci::cargo(&root, step))?;
            Ok(true)
        }
        Verb::Bench(args) => bench::run(&root, args),
        Verb::Experiments(args) => experiments::run(&root, args),
        Verb::Dist(args) => dist::run(&root, args),
        Verb::Attack(args) => attack::run(&root, args),
        Verb::Same(args) => same::run(&root, args),
        Verb::Scenes(args) => scenes::run(&root, args),
        Verb::Fuzz(args) => fuzz::run(&root, args),
        Verb::Gallery(args) => gallery::run(&root, args),
        Verb::Mpi(args) => mpi::run(&root, args),
        Verb::Tidy { root: other, part } => {
            let mut findings = tidy(other.as_ref().unwrap_or(&root))?;
            findings.retain(|finding| part.as_ref().is_none_or(|part| Path::new(&finding.path).starts_with(part)));
            for finding in &findings {
                line(finding);
            }
            match findings.len() {
                0 => line("tidy: nothing found"),
                1 => line("tidy: 1 finding"),
                n => line(format_args!("tidy: {n} findings")),
            }
            Ok(findings.is_empty())
        }
    }
}
