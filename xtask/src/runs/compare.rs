//! What two runs have left.

use std::collections::BTreeSet;
use std::path::Path;
use std::{fmt, fs};

use anyhow::{Context, Result};

/// What summary.json tells of time and memory, which are other ones in every run.
const MEASURED: [&str; 7] = [
    "\"seconds\"",
    "\"total\"",
    "\"train\"",
    "\"eval\"",
    "\"data_wait\"",
    "\"images_per_second\"",
    "\"peak_memory_mb\"",
];

/// What has to be the same of a file of this name in a run: all, but for times, and the name of the
/// run itself.
fn lasting(run: &Path, name: &str, bytes: Vec<u8>) -> Vec<u8> {
    let own = format!("{}/", run.file_name().unwrap_or_default().to_string_lossy());
    let text = || String::from_utf8_lossy(&bytes).replace(&own, "");
    let told = |line: &&str| !MEASURED.iter().any(|key| line.trim_start().starts_with(key));
    match name.rsplit('/').next() {
        Some("summary.json") => text().lines().filter(told).collect::<Vec<_>>().join("\n").into(),
        // Its last column has seconds.
        Some("trials.csv") => text()
            .lines()
            .map(|line| line.rsplit_once(',').map_or(line, |(row, _)| row))
            .collect::<Vec<_>>()
            .join("\n")
            .into(),
        // It tells of times in its sentences and its curves.
        Some("report.html") => Vec::new(),
        _ => bytes,
    }
}

/// A file that two runs do not have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Its path in the run.
    pub(crate) name: String,
    pub(crate) how: How,
}

/// How it differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// Only the first run has it.
    Missing,
    /// Only the second.
    LeftOver,
    Bytes,
}

impl Difference {
    /// Whether it is what the run was told, not what it made of it.
    pub(crate) fn is_recipe(&self) -> bool {
        self.how == How::Bytes && self.name.rsplit('/').next() == Some("recipe.toml")
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match self.how {
            How::Missing => "is missing",
            How::LeftOver => "is left over",
            How::Bytes => "has other bytes",
        };
        write!(f, "{} {how}", self.name)
    }
}

/// In what a run differs from another, by file.
pub(crate) fn differences(whole: &Path, run: &Path) -> Result<Vec<Difference>> {
    let [wanted, found] = [whole, run].map(|folder| files(folder).map(BTreeSet::from_iter));
    let (wanted, found): (BTreeSet<String>, BTreeSet<String>) = (wanted?, found?);
    let only = |name: &String, how| Difference { name: name.clone(), how };
    let mut said: Vec<_> = wanted.difference(&found).map(|name| only(name, How::Missing)).collect();
    said.extend(found.difference(&wanted).map(|name| only(name, How::LeftOver)));
    for name in wanted.intersection(&found) {
        let read = |folder: &Path| fs::read(folder.join(name)).with_context(|| format!("cannot read {name}"));
        if lasting(whole, name, read(whole)?) != lasting(run, name, read(run)?) {
            said.push(Difference { name: name.clone(), how: How::Bytes });
        }
    }
    Ok(said)
}

/// All files below a folder by their paths from there, in order.
pub(crate) fn files(folder: &Path) -> Result<Vec<String>> {
    let (mut open, mut found) = (vec![folder.to_path_buf()], Vec::new());
    while let Some(at) = open.pop() {
        for entry in fs::read_dir(&at).with_context(|| format!("cannot read {}", at.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if let Ok(below) = path.strip_prefix(folder) {
                found.push(below.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_counts_but_for_times() {
        let place = tempfile::tempdir().unwrap();
        let [whole, run] = ["whole", "run"].map(|name| place.path().join(name));
        let write = |run: &Path, name: &str, text: &str| {
            fs::create_dir_all(run.join(name).parent().unwrap()).unwrap();
            fs::write(run.join(name), text).unwrap();
        };
        let summary = |run: &Path, seconds, epochs| {
            let own = run.file_name().unwrap().to_str().unwrap();
            format!(
                "{{\n  \"seconds\": {{\n    \"total\": {seconds}\n  }},\n  \"epochs\": {epochs}\n  \"run\": \"{own}/a\"\n}}"
            )
        };
        for name in ["a/model", "b", "report.html"] {
            write(&whole, name, "one");
            write(&run, name, "one");
        }
        write(&whole, "a/summary.json", &summary(&whole, 1, 7));
        write(&run, "a/summary.json", &summary(&run, 2, 7));
        write(&whole, "trials.csv", "trial,loss,seconds\n0,1.5,1\n");
        write(&run, "trials.csv", "trial,loss,seconds\n0,1.5,2\n");
        write(&run, "report.html", "two");
        assert!(differences(&whole, &run).unwrap().is_empty());
        write(&run, "a/summary.json", &summary(&run, 2, 8));
        write(&run, "trials.csv", "trial,loss,seconds\n0,1.6,2\n");
        let wanted = ["a/summary.json has other bytes", "trials.csv has other bytes"];
        let said = || differences(&whole, &run).unwrap().iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(said(), wanted);
        write(&run, "a/model", "two");
        write(&run, "a/.writing-x", "");
        fs::remove_file(run.join("report.html")).unwrap();
        assert_eq!(said()[..3], ["report.html is missing", "a/.writing-x is left over", "a/model has other bytes"]);
    }
}
