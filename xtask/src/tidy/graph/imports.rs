//! What `use` brings into scope.

use std::ops::Range;

use super::super::token::Token;

/// One name that a `use` brings into scope, or all of a module with a star.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// What it is called here; `*` for all, `_` for a trait without a name.
    pub name: String,
    /// What it is, from the module that it stands in.
    pub path: Vec<String>,
    /// Whether it says `pub` or `pub(...)`: a re-export.
    pub public: bool,
    /// Counted from 1.
    pub line: usize,
    /// The tokens of the block that it stands in; none where it holds in the whole module.
    pub block: Option<Range<usize>>,
}

impl Import {
    /// Whether it brings all of a module into scope.
    #[must_use]
    pub fn is_glob(&self) -> bool {
        self.name == "*"
    }

    /// Whether it holds at this token; without one, whether it holds for those who look into the
    /// module.
    #[must_use]
    pub fn holds(&self, at: Option<usize>) -> bool {
        self.block.as_ref().is_none_or(|block| at.is_some_and(|at| block.contains(&at)))
    }
}

/// The imports of the `use` at `tokens[at]`, without the sign that ends it.
pub(super) fn imports(tokens: &[Token], at: usize, public: bool, block: Option<&Range<usize>>) -> Vec<Import> {
    let end = at + tokens[at..].iter().take_while(|t| t.text != ";").count();
    let mut reader = Reader { tokens: &tokens[..end], at: at + 1, found: vec![] };
    reader.tree(&[]);
    let found = reader.found.into_iter();
    found.map(|(name, path)| Import { name, path, public, line: tokens[at].line, block: block.cloned() }).collect()
}

struct Reader<'t> {
    tokens: &'t [Token],
    at: usize,
    found: Vec<(String, Vec<String>)>,
}

impl<'t> Reader<'t> {
    fn peek(&self) -> &'t str {
        self.tokens.get(self.at).map_or("", |t| t.text.as_str())
    }

    fn next(&mut self) -> &'t str {
        let text = self.peek();
        self.at += 1;
        text
    }

    /// `a::b`, `a::{b, c}`, `a::*`, `a as b`, up to a comma or the end of the group.
    fn tree(&mut self, prefix: &[String]) {
        let mut path = prefix.to_vec();
        loop {
            match self.next() {
                ":" => {}
                "{" => return self.group(&path),
                "*" => return self.found.push(("*".to_owned(), path)),
                "as" => {
                    let name = self.next().to_owned();
                    return self.found.push((name, path));
                }
                "r" if self.peek() == "#" => self.at += 1,
                "" | "," | "}" => {
                    self.at -= 1;
                    return;
                }
                name => path.push(name.to_owned()),
            }
            if matches!(self.peek(), "" | "," | "}") {
                // `a::{self}` is `a`.
                if path.len() > 1 && path.last().is_some_and(|p| p == "self") {
                    path.pop();
                }
                let name = path.last().cloned().unwrap_or_default();
                return self.found.push((name, path));
            }
        }
    }

    fn group(&mut self, prefix: &[String]) {
        while !matches!(self.peek(), "" | "}") {
            self.tree(prefix);
            if self.peek() == "," {
                self.at += 1;
            }
        }
        self.at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::token::tokens;
    use super::*;

    #[test]
    fn groups_renames_and_stars() {
        let source = "use crate::a::{self, b::{C, D as E}, r#f, g::*}, h;";
        let found = imports(&tokens(source), 0, false, None);
        let found: Vec<_> = found.iter().map(|i| format!("{} = {}", i.name, i.path.join("::"))).collect();
        let expected =
            ["a = crate::a", "C = crate::a::b::C", "E = crate::a::b::D", "f = crate::a::f", "* = crate::a::g"];
        assert_eq!(found, expected);
        let found = imports(&tokens("use super::{self as up, x as _};"), 0, true, None);
        let found: Vec<_> = found.iter().map(|i| (i.name.as_str(), i.path.join("::"), i.public)).collect();
        assert_eq!(found, [("up", "super::self".to_owned(), true), ("_", "super::x".to_owned(), true)]);
    }
}
