//! Whether two binaries make the same of the same recipes.
//!
//! [`run`] trains with an old binary and with a new one, and compares every file that they leave,
//! byte for byte but for times. A recipe may call its fields something else in the new one: that it
//! differs is told and no fault.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::output::{line, note};
use crate::runs::binary::release;
use crate::runs::compare::{Difference, differences};
use crate::runs::pictures::fresh;
use crate::runs::recipes::{AUGMENTED, CYCLES, GRADUAL, HEAD_THEN_ALL, PLATEAU, Recipe, STORED};

/// What is trained: together they go through all parts of a run.
const RECIPES: [Recipe; 6] = [HEAD_THEN_ALL, AUGMENTED, GRADUAL, STORED, PLATEAU, CYCLES];

/// What all have in common.
const COMMON: [&str; 4] = ["--seed", "7", "--threads", "1"];

/// Train the same with an older binary and with this tree's, and compare what they leave. Half a
/// minute on two cores.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  cargo xtask same ../taper-before")]
pub struct SameArgs {
    /// The binary to compare with
    #[arg(value_name = "OLD")]
    pub old: PathBuf,
    /// The other one [default: built from this tree]
    #[arg(long, value_name = "BINARY")]
    pub new: Option<PathBuf>,
}

/// The two runs of a recipe.
struct Row {
    name: &'static str,
    /// Of the old binary and of the new one.
    took: [Duration; 2],
    differences: Vec<Difference>,
}

impl Row {
    /// What differs and may not.
    fn faults(&self) -> impl Iterator<Item = &Difference> {
        self.differences.iter().filter(|difference| !difference.is_recipe())
    }
}

/// Does what the arguments say in the repository at `root`; true when all results are the same.
///
/// # Errors
/// When the binary cannot be built, or a training fails.
pub fn run(root: &Path, args: &SameArgs) -> Result<bool> {
    let new = match &args.new {
        Some(new) => new.clone(),
        None => release(root)?,
    };
    let found = |binary: &Path| binary.canonicalize().with_context(|| format!("cannot find {}", binary.display()));
    let binaries = [found(&args.old)?, found(&new)?];
    let folder = root.join("target/same");
    fresh(root, &folder)?;
    let rows = RECIPES.iter().map(|recipe| compared(recipe, &binaries, &folder)).collect::<Result<Vec<_>>>()?;
    line(table(&rows));
    let same = rows.iter().all(|row| row.faults().count() == 0);
    if !same {
        line(format_args!("what differs lies in {}", folder.display()));
    }
    Ok(same)
}

/// Trains by a recipe with both binaries.
fn compared(recipe: &Recipe, binaries: &[PathBuf; 2], folder: &Path) -> Result<Row> {
    let runs = ["old", "new"].map(|side| Path::new(recipe.name).join(side));
    let mut took = [Duration::ZERO; 2];
    for ((binary, run), took) in binaries.iter().zip(&runs).zip(&mut took) {
        *took = trained(binary, recipe, folder, run)?;
    }
    let [old, new] = runs.map(|run| folder.join(run));
    let row = Row { name: recipe.name, took, differences: differences(&old, &new)? };
    note(format_args!("{}: {}", row.name, if row.faults().count() == 0 { "the same" } else { "differs" }));
    Ok(row)
}

/// Trains; the time that it took.
fn trained(binary: &Path, recipe: &Recipe, folder: &Path, run: &Path) -> Result<Duration> {
    let log = folder.join(run).with_extension("log");
    fs::create_dir_all(folder.join(recipe.name))?;
    let start = Instant::now();
    let status = Command::new(binary)
        .args(recipe.begin)
        .args(COMMON)
        .arg("--out")
        .arg(run)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&log)?)
        .status()
        .with_context(|| format!("cannot start {}", binary.display()))?;
    if !status.success() {
        let said = fs::read_to_string(&log)?;
        bail!("{} of {}: {status}: {}", recipe.name, binary.display(), said.trim());
    }
    Ok(start.elapsed())
}

/// A row for each recipe.
fn table(rows: &[Row]) -> String {
    let head = "| recipe | old, s | new, s | results |\n|---|---|---|---|".to_owned();
    let lines = rows.iter().map(|row| {
        let mut results: Vec<String> = row.faults().map(ToString::to_string).collect();
        if results.is_empty() {
            results.push("equal".to_owned());
        }
        if row.differences.iter().any(Difference::is_recipe) {
            results.push("recipe.toml is written otherwise".to_owned());
        }
        let [old, new] = row.took.map(|took| took.as_secs_f64());
        format!("| {} | {old:.1} | {new:.1} | {} |", row.name, results.join("; "))
    });
    [head].into_iter().chain(lines).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runs::compare::How;

    #[test]
    fn what_differs_is_told_and_a_recipe_is_no_fault() {
        let difference = |name: &str| Difference { name: name.to_owned(), how: How::Bytes };
        let row = |differences| Row { name: "a", took: [Duration::from_millis(1500); 2], differences };
        let rows = [
            row(vec![]),
            row(vec![difference("recipe.toml"), difference("member-1/recipe.toml")]),
            row(vec![difference("model.safetensors"), difference("recipe.toml")]),
        ];
        assert_eq!(rows.iter().map(|row| row.faults().count()).collect::<Vec<_>>(), [0, 0, 1]);
        let text = table(&rows);
        let lines: Vec<&str> = text.lines().skip(2).collect();
        let expected = [
            "| a | 1.5 | 1.5 | equal |",
            "| a | 1.5 | 1.5 | equal; recipe.toml is written otherwise |",
            "| a | 1.5 | 1.5 | model.safetensors has other bytes; recipe.toml is written otherwise |",
        ];
        assert_eq!(lines, expected);
    }
}
