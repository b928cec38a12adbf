//! The files of the repository, and the Rust among them read into tokens.

use std::{collections::BTreeSet, fs, io::ErrorKind, path::Path, process::Command};

use anyhow::{Context, Result, bail};

use super::token::{Token, test_modules, tokens};

/// Folders at the top that a build or a run leaves behind.
const OUTPUTS: [&str; 3] = [".git", "target", "runs"];

/// A file as git knows it.
#[derive(Debug)]
pub struct File {
    /// Relative to the top of the repository, with `/`.
    pub path: String,
    /// Bytes on disk.
    pub size: u64,
    /// Whether git tracks it; otherwise it is new and not ignored.
    pub tracked: bool,
}

/// A Rust source file.
#[derive(Debug)]
pub struct Source {
    /// Relative to the top of the repository, with `/`.
    pub path: String,
    /// The file as it is.
    pub text: String,
    /// Its code, without comments and literals.
    pub tokens: Vec<Token>,
}

/// The repository, read once.
#[derive(Debug)]
pub struct Tree {
    /// All files, by path.
    pub files: Vec<File>,
    /// Path and text of every `Cargo.toml`, by path.
    pub manifests: Vec<(String, String)>,
    /// Path and text of the pages, Markdown in `crates/` and `xtask/` and at the top, by path.
    pub pages: Vec<(String, String)>,
    /// The Rust among them, by path.
    pub sources: Vec<Source>,
}

impl Tree {
    /// Reads the tree at `root`: what git tracks or would track there, or where there is no git,
    /// all but the outputs of builds and runs.
    ///
    /// # Errors
    /// When git fails or a file cannot be read.
    pub fn read(root: &Path) -> Result<Self> {
        let listed = match root.join(".git").exists() {
            true => git(root)?,
            false => None,
        };
        let listed = match listed {
            Some(listed) => listed,
            None => walk(root)?.into_iter().map(|p| (p, true)).collect(),
        };
        let mut files = vec![];
        for (path, tracked) in listed {
            match fs::symlink_metadata(root.join(&path)) {
                Ok(meta) => files.push(File { path, size: meta.len(), tracked }),
                // Deleted, which git has not been told yet.
                Err(e) if e.kind() == ErrorKind::NotFound => {}
                Err(e) => return Err(e).with_context(|| format!("cannot look at {path}")),
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let mut tree = Self { files, manifests: vec![], pages: vec![], sources: vec![] };
        for file in &tree.files {
            let path = file.path.clone();
            let text = || fs::read_to_string(root.join(&path)).with_context(|| format!("cannot read {path}"));
            if path == "Cargo.toml" || path.ends_with("/Cargo.toml") {
                let text = text()?;
                tree.manifests.push((path, text));
            } else if is_page(&path) {
                let text = text()?;
                tree.pages.push((path, text));
            } else if path.ends_with(".rs") {
                let text = text()?;
                tree.sources.push(Source { tokens: tokens(&text), path, text });
            }
        }
        tree.mark_test_modules();
        Ok(tree)
    }

    /// Whether the file is there.
    pub fn has(&self, path: &str) -> bool {
        self.files.binary_search_by(|f| f.path.as_str().cmp(path)).is_ok()
    }

    /// The folders directly in `crates/`.
    pub fn crates(&self) -> BTreeSet<&str> {
        let inside = self.files.iter().filter_map(|f| f.path.strip_prefix("crates/"));
        inside.filter_map(|p| p.split_once('/')).map(|(name, _)| name).collect()
    }

    /// A module that its parent declares for tests only is a test from end to end.
    fn mark_test_modules(&mut self) {
        let mut places = vec![];
        for source in &self.sources {
            let (folder, name) = source.path.rsplit_once('/').unwrap_or(("", &source.path));
            let stem = name.trim_end_matches(".rs");
            let folder = match stem {
                "lib" | "main" | "mod" => folder.to_owned(),
                _ => format!("{folder}/{stem}"),
            };
            let modules = test_modules(&source.tokens);
            places.extend(modules.into_iter().map(|m| format!("{folder}/{m}")));
        }
        for source in &mut self.sources {
            let inside = |place: &String| {
                let rest = source.path.strip_prefix(place.as_str());
                rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
            };
            if places.iter().any(inside) {
                source.tokens.iter_mut().for_each(|t| t.test = true);
            }
        }
    }
}

/// Whether this is a page of ours and no test's data.
fn is_page(path: &str) -> bool {
    path.ends_with(".md") && (path.starts_with("crates/") || path.starts_with("xtask/") || !path.contains('/'))
}

/// What git lists, with whether it is tracked; nothing where git is not installed.
fn git(root: &Path) -> Result<Option<Vec<(String, bool)>>> {
    let mut listed = vec![];
    for (which, tracked) in [(&["--cached"][..], true), (&["--others", "--exclude-standard"], false)] {
        // The listing only reads, so it need not matter whose files these are.
        let mut command = Command::new("git");
        command.args(["-c", "safe.directory=*", "-C"]).arg(root);
        let output = match command.args(["ls-files", "-z"]).args(which).output() {
            Ok(output) => output,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e).context("cannot start git"),
        };
        if !output.status.success() {
            bail!("git ls-files: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        let names = String::from_utf8(output.stdout).context("a file name is not UTF-8")?;
        let names = names.split('\0').filter(|n| !n.is_empty());
        listed.extend(names.map(|n| (n.to_owned(), tracked)));
    }
    listed.sort();
    listed.dedup_by(|a, b| a.0 == b.0); // a file in conflict is listed once a side
    Ok(Some(listed))
}

/// Every file below `root` but the outputs.
fn walk(root: &Path) -> Result<Vec<String>> {
    let mut found = vec![];
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(root.join(&folder)).with_context(|| format!("cannot list {folder}"))?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_str().with_context(|| format!("{name:?} is not UTF-8"))?;
            match entry.file_type()?.is_dir() {
                true if folder.is_empty() && OUTPUTS.contains(&name) => {}
                true => folders.push(format!("{folder}{name}/")),
                false => found.push(format!("{folder}{name}")),
            }
        }
    }
    Ok(found)
}

/// A made-up tree, for the tests of the checks.
#[cfg(test)]
pub(crate) fn made_up(files: &[(&str, &str)]) -> Tree {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    Tree::read(dir.path()).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_left_out_and_only_at_the_top() {
        let tree = made_up(&[("target/a.rs", "!"), ("runs/1/x", ""), ("crates/a/src/target/b.rs", "")]);
        let paths: Vec<_> = tree.files.iter().map(|f| f.path.as_str()).collect();
        assert_eq!(paths, ["crates/a/src/target/b.rs"]);
        assert!(tree.has("crates/a/src/target/b.rs") && !tree.has("target/a.rs"));
        assert_eq!(tree.crates().into_iter().collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn git_tells_new_files_from_tracked_ones() {
        let dir = tempfile::tempdir().unwrap();
        let git = |args: &[&str]| {
            let mut command = Command::new("git");
            command.args(args).current_dir(dir.path());
            command.output().is_ok_and(|o| o.status.success())
        };
        if !git(&["init", "--quiet"]) {
            return; // no git: the walk of the other test is all there is
        }
        for (name, text) in [("a", ""), ("b", ""), ("c", ""), (".gitignore", "c"), ("gone", "")] {
            fs::write(dir.path().join(name), text).unwrap();
        }
        assert!(git(&["add", "a", "gone", ".gitignore"]));
        fs::remove_file(dir.path().join("gone")).unwrap();
        let tree = Tree::read(dir.path()).unwrap();
        let listed: Vec<_> = tree.files.iter().map(|f| (f.path.as_str(), f.tracked)).collect();
        assert_eq!(listed, [(".gitignore", true), ("a", true), ("b", false)]);
    }

    #[test]
    fn a_module_declared_for_tests_is_one_from_end_to_end() {
        let tree = made_up(&[
            ("src/lib.rs", "#[cfg(test)] mod golden; mod real;"),
            ("src/golden.rs", "fn f() {}"),
            ("src/golden/deep.rs", "fn f() {}"),
            ("src/golden_age.rs", "fn f() {}"),
            ("src/real.rs", "#[cfg(test)]\nmod inner;\nfn f() {}"),
            ("src/real/inner.rs", "fn f() {}"),
        ]);
        let tests = tree.sources.iter().filter(|s| s.tokens.iter().all(|t| t.test));
        let tests: Vec<_> = tests.map(|s| s.path.as_str()).collect();
        assert_eq!(tests, ["src/golden.rs", "src/golden/deep.rs", "src/real/inner.rs"]);
    }
}
