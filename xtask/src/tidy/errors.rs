//! Errors that may grow.

use super::finding::Finding;
use super::layers::libraries;
use super::token::{Token, closing, starts_with};
use super::tree::Tree;

/// Public errors of the libraries to which no case can be added without breaking those who match on
/// them.
#[must_use]
pub fn errors(tree: &Tree) -> Vec<Finding> {
    let mut findings = vec![];
    let library = |path: &str| libraries().any(|name| path.starts_with(&format!("crates/{name}/src/")));
    for source in tree.sources.iter().filter(|s| library(&s.path)) {
        for item in items(&source.tokens).into_iter().filter(|item| item.is_error && !item.non_exhaustive) {
            findings.push(Finding {
                path: source.path.clone(),
                line: item.line,
                check: "errors",
                what: format!("`{}` is public and exhaustive", item.name),
                remedy: "write #[non_exhaustive] above it".to_owned(),
            });
        }
    }
    findings
}

/// A public enum or struct outside tests, by its attributes.
struct Item<'t> {
    name: &'t str,
    line: usize,
    is_error: bool,
    non_exhaustive: bool,
}

fn items(tokens: &[Token]) -> Vec<Item<'_>> {
    let mut found = vec![];
    let (mut is_error, mut non_exhaustive) = (false, false);
    let mut at = 0;
    while at < tokens.len() {
        let rest = &tokens[at..];
        if starts_with(rest, &["#", "["]) {
            let end = closing(tokens, at + 1);
            let inside = &tokens[at + 2..end.max(at + 2)];
            is_error |= starts_with(inside, &["derive"]) && inside.iter().any(|t| t.text == "Error");
            non_exhaustive |= starts_with(inside, &["non_exhaustive"]);
            at = end + 1;
            continue;
        }
        if let [public, kind, name, ..] = rest
            && public.text == "pub"
            && matches!(kind.text.as_str(), "enum" | "struct")
            && !public.test
        {
            found.push(Item { name: &name.text, line: name.line, is_error, non_exhaustive });
        }
        (is_error, non_exhaustive) = (false, false);
        at += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::tree::made_up;
    use super::*;

    #[test]
    fn public_errors_of_libraries_may_grow() {
        let source = "use thiserror::Error;
            #[derive(Debug, Error)] pub enum A { #[error(\"a\")] B }
            #[non_exhaustive] #[derive(Debug, Error)] #[error(\"c\")] pub struct C;
            #[derive(Debug, thiserror::Error)] #[non_exhaustive] pub enum D {}
            #[derive(Debug, thiserror::Error)] #[error(\"e\")] pub struct E { pub f: u8 }
            #[derive(Debug, Error)] pub(crate) enum F {} #[derive(Debug, Error)] enum G {}
            #[derive(Debug)] pub enum H { Error }
            #[cfg(test)] mod tests { #[derive(Error)] pub enum I {} }";
        let tree = made_up(&[
            ("crates/data/src/error.rs", source),
            ("crates/data/tests/it.rs", source),
            ("crates/cli/src/error.rs", source),
        ]);
        let found = errors(&tree);
        let found: Vec<_> = found.iter().map(|f| (f.path.as_str(), f.line, f.what.as_str())).collect();
        let path = "crates/data/src/error.rs";
        assert_eq!(found, [(path, 2, "`A` is public and exhaustive"), (path, 5, "`E` is public and exhaustive")]);
    }
}
