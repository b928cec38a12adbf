//! Files that need each other.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::super::{finding::Finding, tree::Tree};
use super::edges::{Edges, edges};
use super::modules::modules;

/// Names written out at an arrow; of more, only how many.
const NAMES: usize = 8;

/// A finding for each set of files of a crate that all lead to each other.
#[must_use]
pub fn circles(tree: &Tree) -> Vec<Finding> {
    let roots = tree.sources.iter().map(|s| s.path.as_str());
    let roots = roots.filter(|path| is_root(path));
    roots.flat_map(|root| in_crate(tree, root)).collect()
}

/// Whether this is the first file of a crate: `crates/NAME/src/lib.rs`, `xtask/src/main.rs`.
fn is_root(path: &str) -> bool {
    let inside = path.strip_prefix("crates/").and_then(|p| p.split_once('/')).map(|(_, inside)| inside);
    matches!(inside.or(path.strip_prefix("xtask/")), Some("src/lib.rs" | "src/main.rs"))
}

fn in_crate(tree: &Tree, root: &str) -> Vec<Finding> {
    let edges = edges(tree, &modules(tree, root));
    let folder = root.trim_end_matches("lib.rs").trim_end_matches("main.rs");
    let path = |source: usize| tree.sources[source].path.as_str();
    let short = |source: usize| path(source).trim_start_matches(folder);
    components(&edges)
        .into_iter()
        .map(|files| {
            let circle = shortest(&edges, &files);
            let mut said = String::new();
            for (i, &from) in circle.iter().enumerate() {
                let to = circle[(i + 1) % circle.len()];
                said += &format!("{} -({})-> ", short(from), names(edges[&(from, to)].keys()));
            }
            said += short(circle[0]);
            let next = circle[1 % circle.len()];
            let line = edges[&(circle[0], next)].values().min().copied().unwrap_or(1);
            let all: Vec<_> = files.iter().map(|&file| short(file)).collect();
            let what =
                format!("{} files need each other; the shortest circle is {said}; all: {}", files.len(), all.join(" "));
            let remedy = "move what two files share into one below both, or let one of them take it as an argument";
            Finding { path: path(circle[0]).to_owned(), line, check: "circle", what, remedy: remedy.to_owned() }
        })
        .collect()
}

fn names<'n>(names: impl ExactSizeIterator<Item = &'n String>) -> String {
    let more = names.len().saturating_sub(NAMES);
    let mut said: Vec<String> = names.take(NAMES).cloned().collect();
    if more > 0 {
        said.push(format!("{more} more"));
    }
    said.join(", ")
}

/// The sets of several files in which each leads to each other.
fn components(edges: &Edges) -> Vec<BTreeSet<usize>> {
    let files: BTreeSet<usize> = edges.keys().flat_map(|&(from, to)| [from, to]).collect();
    let ahead: BTreeMap<usize, BTreeSet<usize>> = files.iter().map(|&file| (file, reached(edges, file))).collect();
    let mut found: BTreeSet<BTreeSet<usize>> = BTreeSet::new();
    for (file, reach) in &ahead {
        if reach.contains(file) {
            found.insert(reach.iter().copied().filter(|other| ahead[other].contains(file)).collect());
        }
    }
    found.into_iter().collect()
}

/// The files that one leads to.
fn reached(edges: &Edges, from: usize) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(file) = open.pop() {
        open.extend(next(edges, file).filter(|&to| reached.insert(to)));
    }
    reached
}

fn next(edges: &Edges, from: usize) -> impl Iterator<Item = usize> {
    edges.range((from, 0)..=(from, usize::MAX)).map(|((_, to), _)| *to)
}

/// The shortest circle among these files, each once.
fn shortest(edges: &Edges, files: &BTreeSet<usize>) -> Vec<usize> {
    let circles = files.iter().map(|&start| {
        let mut before = BTreeMap::new();
        let mut open = VecDeque::from([start]);
        while let Some(file) = open.pop_front() {
            for to in next(edges, file).filter(|to| files.contains(to)) {
                if before.contains_key(&to) {
                    continue;
                }
                before.insert(to, file);
                open.push_back(to);
            }
        }
        let mut circle = vec![start];
        let mut file = start;
        while let Some(&from) = before.get(&file).filter(|&&from| from != start) {
            circle.push(from);
            file = from;
        }
        circle[1..].reverse();
        circle
    });
    circles.min_by_key(Vec::len).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::super::tree::made_up;
    use super::*;

    #[test]
    fn a_circle_is_one_finding_with_the_names_that_tie_it() {
        let tree = made_up(&[
            ("crates/x/src/lib.rs", "mod a; mod b; mod c; mod d;"),
            ("crates/x/src/a.rs", "\nuse crate::b::{B, b}; pub struct A;"),
            ("crates/x/src/b.rs", "use crate::{a::A, c::C}; pub struct B; pub fn b() {}"),
            ("crates/x/src/c.rs", "use crate::{a::A, d::D}; pub struct C;"),
            ("crates/x/src/d.rs", "pub struct D;"),
            ("crates/y/src/lib.rs", "mod e; fn f(x: e::E) {}"),
            ("crates/y/src/e.rs", "pub struct E;"),
        ]);
        let found = circles(&tree);
        let said: Vec<_> = found.iter().map(|f| (f.path.as_str(), f.line, f.what.as_str())).collect();
        let expected =
            "3 files need each other; the shortest circle is a.rs -(B, b)-> b.rs -(A)-> a.rs; all: a.rs b.rs c.rs";
        assert_eq!(said, [("crates/x/src/a.rs", 2, expected)]);
    }

    #[test]
    fn circles_apart_are_findings_apart() {
        let tree = made_up(&[
            ("xtask/src/lib.rs", "mod a; mod b; mod c; mod d; mod e;"),
            ("xtask/src/a.rs", "use crate::b::B; pub struct A;"),
            ("xtask/src/b.rs", "use crate::a::A; use crate::c::C; pub struct B;"),
            ("xtask/src/c.rs", "use crate::d::D; pub struct C;"),
            ("xtask/src/d.rs", "use crate::e::E; pub struct D;"),
            ("xtask/src/e.rs", "use crate::c::C; pub struct E;"),
        ]);
        let found = circles(&tree);
        let paths: Vec<_> = found.iter().map(|f| f.path.as_str()).collect();
        assert_eq!(paths, ["xtask/src/a.rs", "xtask/src/c.rs"]);
        let circle = "c.rs -(D)-> d.rs -(E)-> e.rs -(C)-> c.rs";
        assert!(found[1].what.contains(circle), "{}", found[1].what);
    }
}
