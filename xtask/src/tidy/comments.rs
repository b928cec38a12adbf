//! How wide a comment may be.

use super::finding::Finding;
use super::token::comments;
use super::tree::{Source, Tree};

/// Columns in a line with a comment. Code may be wider, as rustfmt says.
const MOST_COLUMNS: usize = 100;

/// Comments that pass the last column, but for code, tables and addresses in them, which cannot be
/// wrapped.
#[must_use]
pub fn wide_comments(tree: &Tree) -> Vec<Finding> {
    tree.sources.iter().flat_map(in_source).collect()
}

fn in_source(source: &Source) -> Vec<Finding> {
    let lines: Vec<&str> = source.text.lines().collect();
    let mut findings = vec![];
    // Documentation may hold code, from one ``` to the next.
    let (mut in_code, mut before) = (false, 0);
    for comment in comments(&source.text) {
        in_code &= comment.line == before + 1;
        before = comment.line;
        let text = comment.text.trim_start_matches(['/', '!']).trim();
        if text.starts_with("```") {
            in_code = !in_code;
        }
        let columns = lines.get(comment.line - 1).map_or(0, |line| line.chars().count());
        if columns > MOST_COLUMNS && !in_code && !text.starts_with('|') && !text.contains("://") {
            findings.push(Finding {
                path: source.path.clone(),
                line: comment.line,
                check: "comments",
                what: format!("a comment up to column {columns}, at most {MOST_COLUMNS}"),
                remedy: "wrap it, or say it in fewer words".to_owned(),
            });
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::tree::made_up;
    use super::*;

    #[test]
    fn comments_end_at_column_one_hundred() {
        let (full, over) = ("x".repeat(97), "x".repeat(98));
        let source = format!(
            "// {full}\n// {over}\n/// {over}\n//! {full}\n/// | {over} |\n// https://example.org/{over}\n\
             /// ```\n/// {over}\n/// ```\n/// {over}\nlet {over} = \"// {over}\";\n{over} // x\n"
        );
        let tree = made_up(&[("crates/a/src/lib.rs", &source), ("crates/a/README.md", &over)]);
        let lines: Vec<_> = wide_comments(&tree).iter().map(|f| f.line).collect();
        assert_eq!(lines, [2, 3, 4, 10, 12]);
    }

    #[test]
    fn code_in_documentation_ends_with_it() {
        let over = "x".repeat(98);
        let source = format!("/// ```\n/// f();\nfn f() {{}}\n/// {over}\n");
        let tree = made_up(&[("crates/a/src/lib.rs", &source)]);
        assert_eq!(wide_comments(&tree).len(), 1);
    }
}
