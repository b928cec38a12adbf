//! What was measured before: lines of JSON in `xtask/bench/history`, a file for each kind of
//! processor, of which only the same kind is worth comparing with.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::machine;
use super::row::Row;
use super::table::{number, table};

/// One job on one day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Entry {
    /// Year, month and day, UTC.
    date: String,
    commit: String,
    processor: String,
    threads: u16,
    job: String,
    config: String,
    per_second: f64,
    peak_mb: Option<f64>,
}

/// The file for this machine's kind of processor.
fn file(root: &Path, processor: &str) -> PathBuf {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let words: String = processor.chars().map(letter).collect();
    let words: Vec<&str> = words.split('-').filter(|word| !word.is_empty()).collect();
    root.join("xtask/bench/history").join(words.join("-") + ".jsonl")
}

/// Adds what was measured to the history of this kind of processor; returns the file.
pub(super) fn record(root: &Path, rows: &[Row], threads: u16) -> Result<PathBuf> {
    let processor = machine::kind();
    let (path, date) = (file(root, &processor), time::UtcDateTime::now().date().to_string());
    let commit = machine::commit(root).unwrap_or_default();
    let folder = path.parent().unwrap_or(root);
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let write = || -> Result<()> {
        let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
        for row in rows {
            for (config, summary) in row.all() {
                let entry = Entry {
                    date: date.clone(),
                    commit: commit.clone(),
                    processor: processor.clone(),
                    threads,
                    job: row.job.name.to_owned(),
                    config: config.to_owned(),
                    per_second: summary.per_second,
                    peak_mb: summary.peak_mb,
                };
                writeln!(file, "{}", serde_json::to_string(&entry)?)?;
            }
        }
        Ok(())
    };
    write().with_context(|| format!("cannot add to {}", path.display()))?;
    Ok(path)
}

/// Ours beside the newest of the same job, configuration and threads on this kind of processor.
pub(super) fn beside(root: &Path, rows: &[Row], threads: u16) -> Result<String> {
    let path = file(root, &machine::kind());
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let entries = entries(&text).with_context(|| format!("in {}", path.display()))?;
    Ok(changes(&entries, rows, threads))
}

fn entries(text: &str) -> Result<Vec<Entry>> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(i, line)| serde_json::from_str(line).with_context(|| format!("line {}", i + 1))).collect()
}

fn changes(entries: &[Entry], rows: &[Row], threads: u16) -> String {
    let cells = rows.iter().map(|row| {
        let (config, now) = (row.precision.ours(), row.ours);
        let same = |entry: &&Entry| entry.job == row.job.name && entry.config == config && entry.threads == threads;
        let none = || "-".to_owned();
        let ratio = |then: f64, now: f64| format!("{:.2}", now / then);
        // Lines are added at the end.
        let then = entries.iter().rev().find(same);
        [
            row.job.name.to_owned(),
            then.map_or_else(none, |then| format!("{} ({}, {})", number(then.per_second), then.date, then.commit)),
            number(now.per_second),
            then.map_or_else(none, |then| ratio(then.per_second, now.per_second)),
            then.and_then(|then| Some(ratio(then.peak_mb?, now.peak_mb?))).unwrap_or_else(none),
        ]
    });
    table(["job", "before", "now", "speed, now / before", "peak memory, now / before"], cells)
}

#[cfg(test)]
mod tests {
    use super::super::args::Precision;
    use super::super::jobs::JOBS;
    use super::super::row::Summary;
    use super::*;

    fn row(per_second: f64) -> Row {
        let ours = Summary { per_second, slowest: per_second, fastest: per_second, peak_mb: Some(per_second) };
        Row { job: JOBS[0], ours, precision: Precision::F32, torch: Vec::new() }
    }

    #[test]
    fn the_newest_of_the_same_kind_is_compared_with() {
        let root = tempfile::tempdir().unwrap();
        assert!(beside(root.path(), &[row(1.0)], 2).unwrap().contains(" - |"));
        for (per_second, threads) in [(8.0, 2), (4.0, 2), (1.0, 1)] {
            record(root.path(), &[row(per_second)], threads).unwrap();
        }
        let text = beside(root.path(), &[row(6.0)], 2).unwrap();
        let line = text.lines().last().unwrap();
        assert!(line.contains("4.00 (20") && line.matches("1.50").count() == 2, "{text}");
        let path = file(root.path(), &machine::kind());
        fs::write(&path, "{}\n").unwrap();
        let error = format!("{:#}", beside(root.path(), &[row(6.0)], 2).unwrap_err());
        assert!(error.contains("line 1"), "{error}");
    }

    #[test]
    fn a_processor_has_a_file_by_its_name() {
        let path = file(Path::new("r"), "Intel(R) Xeon(R) Processor, avx512f+amx_bf16");
        assert_eq!(path, Path::new("r/xtask/bench/history/intel-r-xeon-r-processor-avx512f-amx-bf16.jsonl"));
    }
}
