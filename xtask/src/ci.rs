//! What every change has to pass, as a list of cargo commands.
//!
//! [`steps`] is the one place that says what they are. The tests come first: they say the most. The
//! feature is that of the benchmark, which has to pass like everything else.

use std::{
    env, fmt,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, bail};

use crate::output::note;

/// One cargo command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// What a failure is called.
    pub name: &'static str,
    /// What stands after `cargo`.
    pub args: &'static [&'static str],
    /// An environment variable of this step alone.
    pub env: Option<(&'static str, &'static str)>,
}

const CLIPPY: &[&str] =
    &["clippy", "--workspace", "--all-targets", "--features", "xtask/bench", "--locked", "--", "-D", "warnings"];

/// The same with the feature that needs an MPI.
const CLIPPY_WITH_MPI: &[&str] = &[
    "clippy",
    "--workspace",
    "--all-targets",
    "--features",
    "xtask/bench,taper/mpi",
    "--locked",
    "--",
    "-D",
    "warnings",
];

/// The steps, in their order, where no MPI is installed.
const STEPS: &[Step] = &[
    Step { name: "tests", args: &["test", "--workspace", "--features", "xtask/bench", "--locked"], env: None },
    // The only one without `--locked`: it resolves no dependencies and does not know the flag.
    Step { name: "formatting", args: &["fmt", "--all", "--", "--check"], env: None },
    Step { name: "clippy", args: CLIPPY, env: None },
    Step {
        name: "documentation",
        args: &["doc", "--workspace", "--no-deps", "--features", "xtask/bench", "--locked"],
        env: Some(("RUSTDOCFLAGS", "-D warnings")),
    },
    // What is packed is not built, which would be everything once more: `tidy` looks for what could
    // be missing in it.
    Step {
        name: "packages",
        args: &[
            "package",
            "--workspace",
            "--exclude",
            "xtask",
            "--no-verify",
            "--exclude-lockfile",
            "--allow-dirty",
            "--locked",
        ],
        env: None,
    },
];

/// The steps, in their order. Where Debian's MPI and clang are, the feature `mpi` is compiled too:
/// its bindings are made of the headers that are installed.
pub fn steps() -> Vec<Step> {
    let both = Command::new("sh").args(["-c", "command -v mpicc && ls /usr/lib/llvm-*/lib/libclang*.so*"]).output();
    steps_with(both.is_ok_and(|output| output.status.success()))
}

fn steps_with(mpi: bool) -> Vec<Step> {
    let step = |step: &Step| if mpi && step.args == CLIPPY { Step { args: CLIPPY_WITH_MPI, ..*step } } else { *step };
    STEPS.iter().map(step).collect()
}

impl fmt::Display for Step {
    /// The command as one would type it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((key, value)) = self.env {
            write!(f, "{key}=\"{value}\" ")?;
        }
        write!(f, "cargo {}", self.args.join(" "))
    }
}

/// Runs the steps in order, each announced first, and stops at the first for which `execute` is
/// false.
///
/// # Errors
/// When a step fails, with its name and command, or cannot be started.
pub fn run(steps: &[Step], mut execute: impl FnMut(&Step) -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    for (i, step) in steps.iter().enumerate() {
        note(format_args!("\n[{}/{}] {}: {step}", i + 1, steps.len(), step.name));
        let begun = Instant::now();
        if !execute(step)? {
            bail!("ci stopped at {}: {step}", step.name);
        }
        note(format_args!("{}: passed in {} s", step.name, begun.elapsed().as_secs()));
    }
    note(format_args!("\nci: all passed in {} s", start.elapsed().as_secs()));
    Ok(())
}

/// Runs one step in the folder `root`, its output passed through; true when it succeeded.
///
/// # Errors
/// When cargo cannot be started.
pub fn cargo(root: &Path, step: &Step) -> Result<bool> {
    // Cargo says which of its binaries started this one; another toolchain would build all anew.
    let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(step.args)
        .envs(step.env)
        .current_dir(root)
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("cannot start {step}"))?;
    Ok(status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tests_come_first_and_the_lock_file_is_obeyed() {
        let printed: Vec<String> = steps_with(false).iter().map(Step::to_string).collect();
        assert_eq!(
            printed,
            [
                "cargo test --workspace --features xtask/bench --locked",
                "cargo fmt --all -- --check",
                "cargo clippy --workspace --all-targets --features xtask/bench --locked -- -D warnings",
                "RUSTDOCFLAGS=\"-D warnings\" cargo doc --workspace --no-deps --features xtask/bench --locked",
                "cargo package --workspace --exclude xtask --no-verify --exclude-lockfile --allow-dirty --locked",
            ]
        );
    }

    #[test]
    fn where_there_is_an_mpi_its_feature_is_compiled() {
        let differs = |(without, with): (&Step, &Step)| (without != with).then(|| with.to_string());
        let differs: Vec<String> = steps_with(false).iter().zip(&steps_with(true)).filter_map(differs).collect();
        assert_eq!(
            differs,
            ["cargo clippy --workspace --all-targets --features xtask/bench,taper/mpi --locked -- -D warnings"]
        );
    }

    #[test]
    fn stops_at_the_first_failure_and_names_it() {
        let mut seen = vec![];
        let error = run(STEPS, |step| {
            seen.push(step.name);
            Ok(step.name != "formatting")
        });
        assert_eq!(seen, ["tests", "formatting"]);
        let message = error.unwrap_err().to_string();
        assert!(message.contains("formatting"), "{message}");
        assert!(run(STEPS, |_| Ok(true)).is_ok());
    }

    #[test]
    fn a_step_runs_cargo() {
        let step = Step { name: "version", args: &["--version"], env: None };
        assert!(cargo(&env::current_dir().unwrap(), &step).unwrap());
    }
}
