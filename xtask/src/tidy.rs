//! What must stay absent from the repository.
//!
//! [`tidy`] reads the [`Tree`] once and hands it to the checks, one idea a file: which crate may
//! know which ([`layers`]), what a crate may read outside its folder ([`packages`]), which file may
//! use which ([`graph`]), what Rust sources may not say ([`sources`]), which errors may grow
//! ([`errors`]), how long a function ([`functions`]) and how wide a comment may be ([`comments`]),
//! how words are spelled ([`spelling`]), and what lies where ([`shape`]). Sources are read as
//! [`Token`](token::Token)s, so that comments, strings and tests are told apart from code.

pub mod finding;
pub mod manifest;
pub mod token;
pub mod tree;

pub mod comments;
pub mod errors;
pub mod functions;
pub mod graph;
pub mod layers;
pub mod packages;
pub mod shape;
pub mod sources;
pub mod spelling;
pub mod words;

use std::path::Path;

use anyhow::Result;

pub use finding::Finding;
pub use tree::Tree;

/// All findings in the repository at `root`, by path and line; none in a tidy one.
///
/// # Errors
/// When the repository cannot be listed, a file not be read or a manifest not be parsed.
pub fn tidy(root: &Path) -> Result<Vec<Finding>> {
    let tree = Tree::read(root)?;
    let mut findings = layers::layers(&tree)?;
    findings.extend(sources::unsafe_room(&tree));
    findings.extend(sources::files(&tree));
    findings.extend(sources::spreading(&tree));
    findings.extend(sources::printing(&tree));
    findings.extend(sources::unfinished(&tree));
    findings.extend(errors::errors(&tree));
    findings.extend(comments::wide_comments(&tree));
    findings.extend(spelling::spelling(&tree));
    findings.extend(packages::packages(&tree)?);
    findings.extend(graph::circles::circles(&tree));
    findings.extend(functions::long_functions(&tree));
    findings.extend(shape::long(&tree));
    findings.extend(shape::big(&tree));
    findings.extend(shape::essays(&tree));
    findings.extend(shape::top_level(&tree));
    findings.sort();
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_of_all_checks_come_sorted() {
        let dir = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        put("notes.txt", "");
        put("crates/data/Cargo.toml", "[dependencies]\ntaper-optim = \"1\"");
        put("crates/data/README.md", "# data");
        put("crates/data/src/lib.rs", "//! Data.\nfn f() { unsafe {} }");
        let found = tidy(dir.path()).unwrap();
        let found: Vec<_> = found.iter().map(|f| (f.path.as_str(), f.line, f.check)).collect();
        assert_eq!(
            found,
            [
                ("crates/data/Cargo.toml", 2, "layers"),
                ("crates/data/src/lib.rs", 2, "unsafe"),
                ("notes.txt", 1, "top level"),
            ]
        );
    }
}
