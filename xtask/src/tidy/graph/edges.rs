//! What the files of a crate use of each other.

use std::collections::{BTreeMap, BTreeSet};

use super::super::token::Token;
use super::super::tree::Tree;
use super::modules::Module;
use super::names::{Kind, Names, Target};

/// The names that one file uses of another, each with the line where it does so first.
pub type Uses = BTreeMap<String, usize>;

/// For each file that uses names of another, by the numbers of the sources: which.
pub type Edges = BTreeMap<(usize, usize), Uses>;

/// What the code of these modules, without tests, uses of each other's files.
#[must_use]
pub fn edges(tree: &Tree, modules: &[Module]) -> Edges {
    let names = Names::new(modules);
    let mut edges = Edges::new();
    for (number, module) in modules.iter().enumerate() {
        let tokens = &tree.sources[module.source].tokens;
        let mut user = User { modules, names: &names, number, module, tokens, edges: &mut edges };
        let paths = user.paths();
        user.imports(&paths);
        paths.iter().for_each(|path| user.path(path));
    }
    edges
}

/// A name in code, with what is named through it.
struct Path {
    at: usize,
    parts: Vec<String>,
    /// The sign that follows.
    next: String,
}

/// A module that uses others.
struct User<'a> {
    modules: &'a [Module],
    names: &'a Names<'a>,
    number: usize,
    module: &'a Module,
    tokens: &'a [Token],
    edges: &'a mut Edges,
}

impl User<'_> {
    fn add(&mut self, target: &Target, name: Option<&str>, line: usize) {
        let (module, defined) = match target {
            Target::Item(module, defined) => (*module, defined.as_str()),
            Target::Module(module) => (*module, ""),
            Target::Outside => return,
        };
        let (from, to) = (self.module.source, self.modules[module].source);
        if from != to {
            let uses = self.edges.entry((from, to)).or_default();
            let first = uses.entry(name.unwrap_or(defined).to_owned()).or_insert(line);
            *first = line.min(*first);
        }
    }

    /// All names in the code of the module that begin a path.
    fn paths(&self) -> Vec<Path> {
        let text = |at: usize| self.tokens.get(at).map_or("", |t| t.text.as_str());
        let mut found = vec![];
        for range in &self.module.code {
            let mut at = range.start;
            while at < range.end {
                let begin = at;
                at += 1;
                if !is_name(text(begin)) || self.tokens[begin].test {
                    continue;
                }
                let before = |n: usize| begin.checked_sub(n).map_or("", text);
                let mut parts = vec![text(begin).to_owned()];
                while text(at) == ":" && text(at + 1) == ":" && is_name(text(at + 2)) {
                    parts.push(text(at + 2).to_owned());
                    at += 3;
                }
                let field = before(1) == "." && before(2) != ".";
                let deeper = before(1) == ":" && before(2) == ":";
                let visibility = before(1) == "in" && before(2) == "(";
                if !(field || deeper || visibility || before(1) == "'") {
                    let turbofish = text(at) == ":" && text(at + 1) == ":";
                    let next = if turbofish { "::" } else { text(at) };
                    found.push(Path { at: begin, parts, next: next.to_owned() });
                }
            }
        }
        found
    }

    /// What is imported for this module alone is used; what is re-exported only where the code
    /// names it.
    fn imports(&mut self, paths: &[Path]) {
        let through: BTreeSet<&str> = paths.iter().filter(|p| p.parts.len() > 1).map(|p| p.parts[0].as_str()).collect();
        for import in self.module.imports.iter().filter(|i| !i.public) {
            let kind = if import.is_glob() { Kind::Module } else { Kind::Item };
            let at = import.block.as_ref().map(|b| b.start);
            match self.names.resolve(self.number, &import.path, at, kind) {
                // What is used of the module, the paths say, or the names that a star brings.
                Target::Module(_) if import.is_glob() || through.contains(import.name.as_str()) => {}
                target => self.add(&target, import.path.last().map(String::as_str), import.line),
            }
        }
    }

    fn path(&mut self, path: &Path) {
        let (at, line) = (path.at, self.tokens[path.at].line);
        let name = path.parts[0].as_str();
        if path.parts.len() > 1 {
            let target = self.names.resolve(self.number, &path.parts, Some(at), Kind::Item);
            if let Target::Item(..) = target {
                self.add(&target, None, line);
            }
        } else if path.next == "!" {
            self.invoked(name, line);
        } else if self.says(path) {
            let target = self.names.resolve(self.number, &path.parts, Some(at), Kind::Item);
            if let Target::Item(..) = target {
                self.add(&target, None, line);
            }
        }
    }

    /// A macro is defined above, or imported.
    fn invoked(&mut self, name: &str, line: usize) {
        let mut above = Some(self.number);
        while let Some(module) = above {
            if self.modules[module].macros.contains(name) {
                return self.add(&Target::Item(module, name.to_owned()), None, line);
            }
            above = self.modules[module].parent;
        }
    }

    /// Whether a single word stands for what is imported under this name, and is no variable or
    /// field called the same.
    fn says(&self, path: &Path) -> bool {
        let name = path.parts[0].as_str();
        if matches!(name, "crate" | "self" | "super" | "Self") || path.next == ":" {
            return false;
        }
        name.starts_with(char::is_uppercase) || matches!(path.next.as_str(), "(" | "::")
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::super::super::tree::made_up;
    use super::super::modules::modules;
    use super::*;

    /// `from -> to: names` for each edge of a made-up crate.
    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<_> = files.iter().map(|(path, text)| (format!("src/{path}"), *text)).collect();
        let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        let tree = made_up(&files);
        let edges = edges(&tree, &modules(&tree, "src/lib.rs"));
        let path = |source: usize| tree.sources[source].path.trim_start_matches("src/").trim_end_matches(".rs");
        edges
            .iter()
            .map(|((from, to), uses)| {
                let names: Vec<_> = uses.keys().map(String::as_str).collect();
                format!("{} -> {}: {}", path(*from), path(*to), names.join(" "))
            })
            .collect()
    }

    #[test]
    fn imports_and_paths_lead_to_where_a_name_is_defined() {
        let edges = found(&[
            ("lib.rs", "mod a; mod b; mod c; pub use b::B; pub use image::RgbImage;"),
            ("a.rs", "use crate::{B as Other, RgbImage, c::{self, C}}; use std::fmt; fn f(x: c::D) { crate::b::g() }"),
            ("b.rs", "pub struct B; pub fn g() {}"),
            ("c.rs", "pub struct C; pub enum D { E } fn h() { super::b::B::new(); super::a::f::<u8>() }"),
        ]);
        assert_eq!(edges, ["a -> b: B g", "a -> c: C D", "c -> a: f", "c -> b: B"]);
    }

    #[test]
    fn modules_and_reexports_alone_are_no_use() {
        let lib = "mod a; pub use a::{A, run}; pub(crate) use a::B;";
        let a = "pub struct A; pub struct B; pub fn run() {}";
        assert!(found(&[("lib.rs", lib), ("a.rs", a)]).is_empty());
        let used = format!("{lib} fn f(a: A) {{ let run = 1; run + a.run() }}");
        assert_eq!(found(&[("lib.rs", &used), ("a.rs", a)]), ["lib -> a: A"]);
        let called = format!("{lib} fn f(b: B) {{ run() }}");
        assert_eq!(found(&[("lib.rs", &called), ("a.rs", a)]), ["lib -> a: B run"]);
    }

    #[test]
    fn a_child_uses_its_parent_and_a_parent_its_child() {
        let edges = found(&[
            ("lib.rs", "mod a;"),
            ("a/mod.rs", "mod b; pub struct A; fn f() -> b::B { b::B }"),
            ("a/b.rs", "use super::A; pub struct B;"),
        ]);
        assert_eq!(edges, ["a/b -> a/mod: A", "a/mod -> a/b: B"]);
    }

    #[test]
    fn tests_do_not_count() {
        let edges = found(&[
            ("lib.rs", "mod a; mod b; #[cfg(test)] mod t;"),
            ("a.rs", "#[cfg(test)] use crate::b::B; #[cfg(test)] mod tests { use super::super::b::B; } fn f() {}"),
            ("b.rs", "pub struct B; #[test] fn t() { crate::a::f() }"),
            ("t.rs", "use crate::a::f;"),
        ]);
        assert_eq!(edges, Vec::<String>::new());
    }

    #[test]
    fn a_name_may_be_a_module_and_a_function() {
        let edges = found(&[
            ("lib.rs", "mod split; mod a; mod b; pub use split::split;"),
            ("split.rs", "mod inner; pub fn split() {} pub use inner::Part;"),
            ("split/inner.rs", "pub struct Part;"),
            ("a.rs", "use crate::split; fn f() { split(); }"),
            ("b.rs", "use crate::split; fn f(x: split::Part) {}"),
        ]);
        assert_eq!(edges, ["a -> split: split", "b -> split: split", "b -> split/inner: Part"]);
    }

    #[test]
    fn macros_stars_and_blocks() {
        let edges = found(&[
            ("lib.rs", "macro_rules! m { () => {} } mod a; mod b; mod c;"),
            ("a.rs", "use crate::b::*; m!(); fn f(x: B) { g(x.h) }"),
            ("b.rs", "pub struct B; pub struct C; pub fn g() {} pub fn h() {}"),
            ("c.rs", "fn f() { use super::b; b::g() } fn g(b: u8) { b } pub(in crate::b) fn x<'a>(y: &'a D) {}"),
        ]);
        assert_eq!(edges, ["a -> b: B g", "a -> lib: m", "c -> b: g"]);
    }

    #[test]
    fn what_a_macro_makes_is_in_the_file_that_is_named() {
        let edges = found(&[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b::Made;"),
            ("b.rs", "macro_rules! m { ($n:ident) => { pub struct $n; } } m!(Made);"),
        ]);
        assert_eq!(edges, ["a -> b: Made"]);
    }
}
