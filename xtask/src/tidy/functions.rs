//! How long a function may be.

use super::token::{Token, closing, starts_with};
use super::{finding::Finding, tree::Tree};

/// Lines from `fn` to the end of the body.
const MOST_LINES: usize = 60;

/// Functions outside tests that are too long; what macros write does not count.
#[must_use]
pub fn long_functions(tree: &Tree) -> Vec<Finding> {
    let mut findings = vec![];
    for source in tree.sources.iter().filter(|s| !s.path.split('/').any(|part| part == "tests")) {
        for Function { name, line, lines } in functions(&source.tokens) {
            if lines > MOST_LINES {
                let what = format!("`{name}` has {lines} lines, at most {MOST_LINES}");
                let remedy = "find the steps in it and give each a function with a name".to_owned();
                findings.push(Finding { path: source.path.clone(), line, check: "function", what, remedy });
            }
        }
    }
    findings
}

struct Function<'t> {
    name: &'t str,
    line: usize,
    lines: usize,
}

/// The functions with a body outside tests and macros.
fn functions(tokens: &[Token]) -> Vec<Function<'_>> {
    let mut found = vec![];
    let mut at = 0;
    while at + 1 < tokens.len() {
        let token = &tokens[at];
        if token.text == "macro_rules" && starts_with(&tokens[at + 1..], &["!"]) {
            let open = tokens[at..].iter().position(|t| matches!(t.text.as_str(), "{" | "(" | "["));
            at = open.map_or(tokens.len(), |open| closing(tokens, at + open));
        } else if token.text == "fn"
            && !token.test
            && tokens[at + 1].text != "("
            && let Some(end) = body_end(tokens, at)
        {
            let lines = tokens[end].line - token.line + 1;
            found.push(Function { name: &tokens[at + 1].text, line: token.line, lines });
        }
        at += 1;
    }
    found
}

/// The last token of the body of the function at `start`; nothing if it has none.
fn body_end(tokens: &[Token], start: usize) -> Option<usize> {
    let mut at = start;
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            ";" => return None,
            "{" => return Some(closing(tokens, at)),
            "(" | "[" => at = closing(tokens, at) + 1,
            _ => at += 1,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::tree::made_up;
    use super::*;

    #[test]
    fn sixty_lines_are_enough() {
        let body = |lines: usize| format!("fn f(x: [u8; 2]) {{{}}}", "\n".repeat(lines - 1));
        let (full, over) = (body(60), body(61));
        let tree = made_up(&[
            ("crates/a/src/full.rs", &full),
            ("crates/a/src/over.rs", &format!("trait T {{ fn g(); }}\n{over}")),
            ("crates/a/src/test.rs", &format!("#[cfg(test)] mod tests {{ {over} }}\n#[test]\n{over}")),
            ("crates/a/src/made.rs", &format!("macro_rules! m {{ () => {{ {over} }} }}")),
            ("crates/a/tests/it.rs", &over),
        ]);
        let found = long_functions(&tree);
        let found: Vec<_> = found.iter().map(|f| (f.path.as_str(), f.line, f.what.as_str())).collect();
        assert_eq!(found, [("crates/a/src/over.rs", 2, "`f` has 61 lines, at most 60")]);
    }
}
