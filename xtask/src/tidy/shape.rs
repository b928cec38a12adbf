//! What lies where, and how large it may be.

use super::{finding::Finding, tree::Tree};

/// Lines in a Rust source file; past it a file holds two concepts.
const MOST_LINES: usize = 400;

/// Bytes in a file of the repository.
const MOST_BYTES: u64 = 10_000_000;

/// What may lie at the top, beside licenses and files with a dot.
const TOP: [&str; 7] = ["Cargo.toml", "Cargo.lock", "README.md", "crates", "models", "tests", "xtask"];

fn finding(check: &'static str, path: String, line: usize, what: String, remedy: &str) -> Finding {
    Finding { path, line, check, what, remedy: remedy.to_owned() }
}

/// Source files that are too long.
#[must_use]
pub fn long(tree: &Tree) -> Vec<Finding> {
    let lines = tree.sources.iter().map(|s| (s, s.text.lines().count()));
    let long = lines.filter(|(_, lines)| *lines > MOST_LINES);
    long.map(|(source, lines)| {
        let what = format!("{lines} lines, at most {MOST_LINES}");
        let remedy = "find the second concept in it and give it a file of its own";
        finding("long", source.path.clone(), MOST_LINES + 1, what, remedy)
    })
    .collect()
}

/// Tracked files that are too large.
#[must_use]
pub fn big(tree: &Tree) -> Vec<Finding> {
    let big = tree.files.iter().filter(|f| f.tracked && f.size > MOST_BYTES);
    big.map(|file| {
        let what = format!("{:.1} MB, at most {} MB", file.size as f64 / 1e6, MOST_BYTES / 1_000_000);
        let remedy = "take it out of git before it is pushed; weights are named in models/ and fetched when asked for";
        finding("big", file.path.clone(), 1, what, remedy)
    })
    .collect()
}

/// Crates without a README, and roots of crates that do not begin by saying what they are.
#[must_use]
pub fn essays(tree: &Tree) -> Vec<Finding> {
    let mut findings = vec![];
    let crates = tree.crates().into_iter().map(|name| format!("crates/{name}"));
    let xtask = tree.has("xtask/Cargo.toml").then(|| "xtask".to_owned());
    for folder in crates.chain(xtask) {
        let readme = format!("{folder}/README.md");
        if !tree.has(&readme) {
            let remedy = "write what the crate is for, with one example that runs";
            findings.push(finding("essays", readme, 1, "no README.md".to_owned(), remedy));
        }
        let roots = ["lib.rs", "main.rs"].map(|name| format!("{folder}/src/{name}"));
        let roots: Vec<_> = tree.sources.iter().filter(|s| roots.contains(&s.path)).collect();
        if roots.is_empty() {
            let path = format!("{folder}/src/lib.rs");
            let what = "neither lib.rs nor main.rs".to_owned();
            findings.push(finding("essays", path, 1, what, "add the one, or delete the folder"));
        }
        for source in roots.into_iter().filter(|s| !s.text.starts_with("//!")) {
            let what = "does not begin with `//!`".to_owned();
            let remedy = "begin with a short essay: what the crate is for and how its parts meet";
            findings.push(finding("essays", source.path.clone(), 1, what, remedy));
        }
    }
    findings
}

/// Tracked files that the top of the repository has no place for.
#[must_use]
pub fn top_level(tree: &Tree) -> Vec<Finding> {
    let mut findings: Vec<Finding> = vec![];
    for file in tree.files.iter().filter(|f| f.tracked) {
        let name = file.path.split('/').next().unwrap_or(&file.path);
        if TOP.contains(&name) || name.starts_with('.') || name.starts_with("LICENSE-") {
            continue;
        }
        // Files are sorted by path, so those of one folder follow each other: one finding is
        // enough.
        if findings.last().is_none_or(|last| last.path.split('/').next() != Some(name)) {
            let what = format!("`{name}` at the top level");
            let remedy = "move it into the crate it belongs to; pages about the whole lie in crates/";
            findings.push(finding("top level", file.path.clone(), 1, what, remedy));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::tree::{File, made_up};
    use super::*;

    fn places(findings: &[Finding]) -> Vec<(&str, usize)> {
        findings.iter().map(|f| (f.path.as_str(), f.line)).collect()
    }

    #[test]
    fn four_hundred_lines_are_enough() {
        let (full, over) = ("\n".repeat(400), "\n".repeat(401));
        let tree = made_up(&[("tests/a.rs", &full), ("tests/b.rs", &over), ("tests/c.json", &over)]);
        assert_eq!(places(&long(&tree)), [("tests/b.rs", 401)]);
    }

    #[test]
    fn large_files_are_found_once_tracked() {
        let mut tree = made_up(&[]);
        for (path, size, tracked) in [("a", 10_000_000, true), ("b", 10_000_001, true), ("c", 20_000_000, false)] {
            tree.files.push(File { path: path.to_owned(), size, tracked });
        }
        assert_eq!(places(&big(&tree)), [("b", 1)]);
    }

    #[test]
    fn a_crate_says_what_it_is() {
        let tree = made_up(&[
            ("crates/CONTRIBUTING.md", ""),
            ("crates/data/README.md", "# data"),
            ("crates/data/src/lib.rs", "//! Data."),
            ("crates/optim/src/lib.rs", "\n//! Late."),
            ("crates/tensor/README.md", "# tensor"),
            ("crates/trainer/README.md", "# trainer"),
            ("crates/trainer/src/lib.rs", "//! Trainer."),
            ("crates/trainer/src/main.rs", "fn main() {}"),
            ("xtask/Cargo.toml", ""),
            ("xtask/src/main.rs", "//! Chores."),
        ]);
        let expected = [
            "crates/optim/README.md",
            "crates/optim/src/lib.rs",
            "crates/tensor/src/lib.rs",
            "crates/trainer/src/main.rs",
            "xtask/README.md",
        ];
        assert_eq!(places(&essays(&tree)), expected.map(|path| (path, 1)));
    }

    #[test]
    fn the_top_level_is_fixed() {
        let tree = made_up(&[
            (".ci/run", ""),
            (".gitignore", ""),
            ("Cargo.lock", ""),
            ("LICENSE-MIT", ""),
            ("NOTES.md", ""),
            ("crates/CONTRIBUTING.md", ""),
            ("docs/a.md", ""),
            ("docs/b.md", ""),
        ]);
        assert_eq!(places(&top_level(&tree)), [("NOTES.md", 1), ("docs/a.md", 1)]);
    }
}
