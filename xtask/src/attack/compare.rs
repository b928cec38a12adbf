//! What two runs have left.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Files that tell how long something took; they are there in both, and no more is asked of them.
const TIMED: [&str; 3] = ["summary.json", "report.html", "trials.csv"];

/// In what a run differs from another, a line for each file.
pub(super) fn differences(whole: &Path, run: &Path) -> Result<Vec<String>> {
    let [wanted, found] = [whole, run].map(|folder| files(folder).map(BTreeSet::from_iter));
    let (wanted, found): (BTreeSet<String>, BTreeSet<String>) = (wanted?, found?);
    let mut said: Vec<String> = wanted.difference(&found).map(|name| format!("{name} is missing")).collect();
    said.extend(found.difference(&wanted).map(|name| format!("{name} is left over")));
    for name in wanted.intersection(&found) {
        let timed = TIMED.iter().any(|timed| name.rsplit('/').next() == Some(timed));
        let read = |folder: &Path| fs::read(folder.join(name)).with_context(|| format!("cannot read {name}"));
        if !timed && read(whole)? != read(run)? {
            said.push(format!("{name} has other bytes"));
        }
    }
    Ok(said)
}

/// All files below a folder by their paths from there, in order.
pub(super) fn files(folder: &Path) -> Result<Vec<String>> {
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
    fn every_file_counts_but_those_with_times() {
        let place = tempfile::tempdir().unwrap();
        let [whole, run] = ["whole", "run"].map(|name| place.path().join(name));
        let write = |run: &Path, name: &str, text: &str| {
            fs::create_dir_all(run.join(name).parent().unwrap()).unwrap();
            fs::write(run.join(name), text).unwrap();
        };
        for (name, text) in [("a/model", "one"), ("b", "one"), ("a/summary.json", "1 s"), ("report.html", "1 s")] {
            write(&whole, name, text);
            write(&run, name, text);
        }
        write(&run, "a/summary.json", "2 s");
        assert!(differences(&whole, &run).unwrap().is_empty());
        write(&run, "a/model", "two");
        write(&run, "a/.writing-x", "");
        fs::remove_file(run.join("report.html")).unwrap();
        let wanted = ["report.html is missing", "a/.writing-x is left over", "a/model has other bytes"];
        assert_eq!(differences(&whole, &run).unwrap(), wanted);
    }
}
