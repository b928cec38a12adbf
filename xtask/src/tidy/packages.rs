//! A crate is whole without the rest of the repository.
//!
//! `cargo package` copies the folder of a crate, and `ci` packs without building what it has
//! packed, which would be everything once more. So what is read from outside the folder is looked
//! for here. Tests may: what a manifest says of them is left out of a package where they lie
//! outside.

use anyhow::Result;

use super::finding::Finding;
use super::manifest::Manifest;
use super::tree::{Source, Tree};

/// Macros that read a file when code is compiled.
const READERS: [&str; 3] = ["include", "include_str", "include_bytes"];

/// What code and manifests of the crates read from outside their folder.
///
/// # Errors
/// When a manifest is not TOML.
pub fn packages(tree: &Tree) -> Result<Vec<Finding>> {
    let remedy = "move the file into the crate, for a test into its tests folder";
    let finding = |path: &str, line, what| {
        let (path, remedy) = (path.to_owned(), remedy.to_owned());
        Finding { path, line, check: "packages", what, remedy }
    };
    let mut findings = vec![];
    for source in &tree.sources {
        let Some(inside) = in_crate(&source.path) else {
            continue;
        };
        // From the folder that the file lies in up to that of the crate.
        let depth = inside.matches('/').count();
        for Read { path, line } in reads(source) {
            if leads_out(depth, path) {
                findings.push(finding(&source.path, line, format!("`{path}` lies outside the crate")));
            }
        }
    }
    for manifest in Manifest::of_crates(tree)? {
        for path in manifest.files().filter(|path| manifest.folder != "xtask" && leads_out(0, path)) {
            findings.push(finding(manifest.path, 1, format!("`{path}` lies outside the crate")));
        }
    }
    Ok(findings)
}

/// The path of code in its crate: `src/lib.rs`, not a file of tests.
fn in_crate(path: &str) -> Option<&str> {
    let (_, inside) = path.strip_prefix("crates/")?.split_once('/')?;
    let first = inside.split('/').next()?;
    (first != "tests" && first != "benches").then_some(inside)
}

/// Whether a path leads out of a folder from so many folders below it.
fn leads_out(depth: usize, path: &str) -> bool {
    let mut depth = depth;
    for part in path.split('/') {
        match part {
            ".." if depth == 0 => return true,
            ".." => depth -= 1,
            "." | "" => {}
            _ => depth += 1,
        }
    }
    false
}

/// A file that code reads.
struct Read<'s> {
    path: &'s str,
    line: usize,
}

/// What the code of a file reads outside tests: the first string behind each macro that does.
fn reads(source: &Source) -> Vec<Read<'_>> {
    let mut found = vec![];
    let lines: Vec<usize> = line_starts(&source.text);
    let mut after = 0;
    for pair in source.tokens.windows(2) {
        if !READERS.contains(&pair[0].text.as_str()) || pair[1].text != "!" {
            continue;
        }
        // Tokens know their line only; of several on one, each begins behind the one before.
        let from = lines[pair[0].line - 1].max(after);
        let text = &source.text[from..];
        let Some(at) = text.find(&format!("{}!", pair[0].text)) else {
            continue;
        };
        after = from + at + pair[0].text.len();
        let path = source.text[after..].split('"').nth(1);
        if let (Some(path), false) = (path, pair[0].test) {
            found.push(Read { path, line: pair[0].line });
        }
    }
    found
}

fn line_starts(text: &str) -> Vec<usize> {
    let ends = text.match_indices('\n').map(|(at, _)| at + 1);
    [0].into_iter().chain(ends).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tree::made_up;
    use super::*;

    #[test]
    fn code_reads_nothing_from_outside_its_crate() {
        let source = "#[doc = include_str!(\"../README.md\")] struct Readme;
            const A: [&str; 2] = [include_str!(\"a.css\"), include_str!(\"../../b.js\")];
            // include_str!(\"../../../c\")
            const D: &[u8] = include_bytes!(concat!(
                \"../../../models/\", \"d\"));
            #[cfg(test)] mod tests { const E: &str = include_str!(\"../../../tests/e\"); }";
        let tree = made_up(&[
            ("crates/a/src/lib.rs", source),
            ("crates/a/src/deep/b.rs", "const A: &str = include_str!(\"../../b.js\");"),
            ("crates/a/tests/it.rs", "const A: &str = include_str!(\"../../../b.js\");"),
        ]);
        let found = packages(&tree).unwrap();
        let found: Vec<_> = found.iter().map(|f| (f.path.as_str(), f.line, f.what.as_str())).collect();
        let lib = "crates/a/src/lib.rs";
        let expected =
            [(lib, 2, "`../../b.js` lies outside the crate"), (lib, 4, "`../../../models/` lies outside the crate")];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_manifest_names_files_of_its_own_but_for_tests() {
        let manifest = "[package]\nreadme = \"../../README.md\"\n[lib]\npath = \"src/lib.rs\"\n\
                        [[bin]]\nname = \"b\"\npath = \"../b.rs\"\n[[test]]\nname = \"t\"\npath = \"../../tests/main.rs\"\n\
                        [dependencies]\nother = { path = \"../other\" }";
        let found = packages(&made_up(&[("crates/a/Cargo.toml", manifest)])).unwrap();
        let found: Vec<_> = found.iter().map(|f| f.what.as_str()).collect();
        assert_eq!(found, ["`../../README.md` lies outside the crate", "`../b.rs` lies outside the crate"]);
    }
}
