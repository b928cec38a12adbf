//! What an average of the weights is worth on few pictures: it should never be less than the
//! weights are without.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use taper_trainer::store::summary::SUMMARY;

use super::args::Beside;
use super::table::{deviation, mean};

/// Flags of `taper fine-tune`, and those that ask for the average where it is not among them.
const CASES: [(&str, &str); 3] =
    [("--preset thorough", ""), ("--preset quick", "--average ema"), ("", "--average polyak")];

/// Validation pictures of each class that a run sees after every epoch: it is tested on all of them
/// when it has ended.
const SEEN: usize = 1;

/// What came out of one training.
#[derive(Clone, Copy, Debug)]
struct Outcome {
    accuracy: f64,
    seconds: f64,
}

/// Trains what is not in `runs` yet, on so many of the training pictures in `data` by seed, and
/// returns the table. A call that is broken off goes on with the next.
///
/// # Errors
/// When there are no pictures, or a training fails.
pub(super) fn table(
    (root, data, runs): (&Path, &Path, &Path),
    (sizes, beside): (&[usize], &[Beside]),
    seeds: u64,
    tell: impl Fn(String),
) -> Result<String> {
    let own = build(root)?;
    let mut tested = 0;
    for class in sorted(&data.join("val"))? {
        tested += sorted(&class)?.len();
    }
    let mut text = format!(
        "`taper fine-tune` with SqueezeNet 1.1 on a part of `{0}`, as many pictures of each class, others for each seed; tested on all {1} \
         pictures of `val`. Accuracies\nin percent, the mean over {seeds} seeds; less: points less than without an average, ± the standard error of the \
         difference by pairs of one seed.\nSeconds: of a run, the fastest seed, without an average, with it{2}.\n\n",
        data.file_name().unwrap_or_default().display(),
        tested,
        beside.iter().map(|other| format!(", {}", other.name)).collect::<String>(),
    );
    let titles: String = beside.iter().map(|other| format!(" {} | less |", other.name)).collect();
    let rules = "--:|--:|".repeat(beside.len());
    // Writing into a string cannot fail.
    let _ = writeln!(text, "| pictures | command | no average | average | less |{titles} seconds |");
    let _ = writeln!(text, "|--:|---|--:|--:|--:|{rules}---|");
    for &size in sizes {
        for (flags, average) in CASES {
            let with = format!("{flags} {average}");
            let without = format!("{flags} --average none");
            let mut columns = vec![("none", &*own, without), ("average", &*own, with.clone())];
            columns.extend(beside.iter().map(|other| (&*other.name, &*other.binary, with.clone())));
            let mut results = vec![Vec::new(); columns.len()];
            for seed in 0..seeds {
                let pictures = part(data, &runs.join("pictures"), size, seed)?;
                for ((column, binary, words), results) in columns.iter().zip(&mut results) {
                    let name = format!("{size}{}/{column}-{seed}", with.replace(' ', ""));
                    let result = run(binary, words, seed, &pictures, data, &runs.join(&name))?;
                    tell(format!("{name}: {:.1} % in {:.0} s", 100.0 * result.accuracy, result.seconds));
                    results.push(result);
                }
            }
            let _ = writeln!(text, "{}", line(size, with.trim(), &results));
        }
    }
    Ok(text)
}

/// A row of the table, of the results of each column: the first is without an average.
fn line(size: usize, command: &str, results: &[Vec<Outcome>]) -> String {
    let percent = |results: &[Outcome]| 100.0 * mean(&results.iter().map(|o| o.accuracy).collect::<Vec<_>>());
    let cells = results[1..].iter().map(|results_of| {
        let less: Vec<f64> =
            results[0].iter().zip(results_of).map(|(none, with)| 100.0 * (none.accuracy - with.accuracy)).collect();
        let error = deviation(&less) / (less.len() as f64).sqrt();
        format!(" {:.1} | {:+.1} ± {error:.1} |", percent(results_of), mean(&less))
    });
    let fastest = |results: &Vec<Outcome>| results.iter().fold(f64::INFINITY, |least, o| least.min(o.seconds));
    let seconds: Vec<String> = results.iter().map(|results| format!("{:.0}", fastest(results))).collect();
    let cells: String = cells.collect();
    format!("| {size} | `{command}` | {:.1} |{cells} {} |", percent(&results[0]), seconds.join(", "))
}

/// Builds the binary of this version, beside this program.
fn build(root: &Path) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--release", "--package", "taper", "--manifest-path"])
        .arg(root.join("Cargo.toml"))
        .status()
        .context("cannot start cargo")?;
    ensure!(built.success(), "taper does not build");
    Ok(std::env::current_exe()?.with_file_name("taper"))
}

/// A folder below `place` with so many of the training pictures, as many of each class, which lie
/// evenly in the order of their names and begin with the one that has the number of the seed; all
/// of them where there are not more.
fn part(data: &Path, place: &Path, size: usize, seed: u64) -> Result<PathBuf> {
    let folder = place.join(format!("{size}-{seed}"));
    if folder.is_dir() {
        return Ok(folder);
    }
    let begun = place.join(format!("{size}-{seed}.part"));
    let classes = sorted(&data.join("train"))?;
    let all: usize = classes.iter().map(|class| Ok(sorted(class)?.len())).sum::<Result<_>>()?;
    let each = if size >= all { usize::MAX } else { size / classes.len() };
    for (side, each) in [("train", each), ("val", SEEN)] {
        for class in sorted(&data.join(side))? {
            let (files, to) = (sorted(&class)?, begun.join(side).join(class.file_name().unwrap_or_default()));
            std::fs::create_dir_all(&to)?;
            let each = each.min(files.len());
            for i in 0..each {
                let file = &files[(seed as usize + i * (files.len() / each)) % files.len()];
                let to = to.join(file.file_name().unwrap_or_default());
                std::fs::copy(file, to).with_context(|| format!("cannot copy {}", file.display()))?;
            }
        }
    }
    std::fs::rename(&begun, &folder)?;
    Ok(folder)
}

/// What lies in a folder, by name.
fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// What a binary makes of pictures with such flags; trained where it is not yet.
fn run(binary: &Path, words: &str, seed: u64, pictures: &Path, data: &Path, folder: &Path) -> Result<Outcome> {
    let tested = folder.join("test.json");
    if !tested.is_file() {
        if folder.is_dir() {
            std::fs::remove_dir_all(folder)?;
        }
        let mut command = Command::new(binary);
        command.arg("fine-tune").arg(pictures).args(words.split_whitespace()).args(["--seed", &seed.to_string()]);
        output(command.arg("--out").arg(folder))?;
        let told = output(Command::new(binary).arg("eval").arg(folder).arg(data).arg("--json"))?;
        taper_trainer::files::write(&tested, &told)?;
    }
    let read = |path: &Path| -> Result<Value> { Ok(serde_json::from_slice(&std::fs::read(path)?)?) };
    let number = |value: &Value| value.as_f64().with_context(|| format!("{} lacks a number", folder.display()));
    let (tested, summary) = (read(&tested)?, read(&folder.join(SUMMARY))?);
    Ok(Outcome { accuracy: number(&tested["accuracy"])?, seconds: number(&summary["seconds"]["total"])? })
}

/// What a command prints.
pub(super) fn output(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(output.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_counted_by_pairs_of_one_seed() {
        let outcomes =
            |values: [f64; 3]| values.map(|accuracy| Outcome { accuracy, seconds: 10.0 * accuracy }).to_vec();
        let results = [outcomes([0.8, 0.9, 0.7]), outcomes([0.81, 0.89, 0.7]), outcomes([0.4, 0.5, 0.3])];
        let wanted = "| 40 | `--preset quick` | 80.0 | 80.0 | +0.0 ± 0.6 | 40.0 | +40.0 ± 0.0 | 7, 7, 3 |";
        assert_eq!(line(40, "--preset quick", &results), wanted);
    }
}
