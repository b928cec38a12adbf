//! The modules of a crate: in files of their own and in braces.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::super::token::{Token, closing, starts_with};
use super::super::tree::{Source, Tree};
use super::imports::{Import, imports};

/// A module and what it defines and imports outside tests.
#[derive(Debug)]
pub struct Module {
    /// The one it lies in; the root has none.
    pub parent: Option<usize>,
    /// The number of its file among the sources of the tree.
    pub source: usize,
    /// The modules in it, by name.
    pub children: BTreeMap<String, usize>,
    /// What is defined in it, functions, types, constants and macros.
    pub items: BTreeSet<String>,
    /// The macros among them.
    pub macros: BTreeSet<String>,
    /// What it brings into scope, in blocks of it too.
    pub imports: Vec<Import>,
    /// The tokens that are its own code: not those of modules in it nor of what it imports.
    pub code: Vec<Range<usize>>,
}

/// A module yet to be read.
struct Unread {
    name: String,
    parent: Option<usize>,
    source: usize,
    body: Range<usize>,
    /// The folder that the files of its modules lie in.
    folder: String,
}

/// The modules of the crate whose root is this file, the root first.
#[must_use]
pub fn modules(tree: &Tree, root: &str) -> Vec<Module> {
    let files: BTreeMap<&str, usize> = tree.sources.iter().enumerate().map(|(i, s)| (s.path.as_str(), i)).collect();
    let mut found: Vec<Module> = vec![];
    let mut unread: Vec<_> =
        files.get(root).map(|&source| whole(tree, source, String::new(), None)).into_iter().collect();
    while let Some(module) = unread.pop() {
        let number = found.len();
        if let Some(parent) = module.parent {
            found[parent].children.insert(module.name.clone(), number);
        }
        let source = &tree.sources[module.source];
        let mut scan = Scan::new(source, module.source, module.parent, module.body.clone());
        scan.read();
        for (name, body) in scan.inner {
            let folder = format!("{}/{name}", module.folder);
            unread.push(match body {
                Some(body) => Unread { name, parent: Some(number), source: module.source, body, folder },
                None => {
                    let places = [format!("{folder}.rs"), format!("{folder}/mod.rs")];
                    match places.iter().find_map(|place| files.get(place.as_str())) {
                        Some(&source) => whole(tree, source, name, Some(number)),
                        None => continue,
                    }
                }
            });
        }
        found.push(scan.module);
    }
    found
}

/// A file as a module.
fn whole(tree: &Tree, source: usize, name: String, parent: Option<usize>) -> Unread {
    let Source { path, tokens, .. } = &tree.sources[source];
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let folder = match (file, parent) {
        (_, None) | ("mod.rs", _) => folder.to_owned(),
        _ => path.trim_end_matches(".rs").to_owned(),
    };
    Unread { name, parent, source, body: 0..tokens.len(), folder }
}

/// What introduces an item with a name.
const ITEMS: [&str; 8] = ["fn", "struct", "enum", "trait", "union", "type", "const", "static"];

/// What stands before a word of `ITEMS` that introduces none: `<const N`, `, const N`, `*const T`,
/// `'static`.
const NOT_AFTER: [&str; 4] = ["<", ",", "*", "'"];

/// The reading of one module.
struct Scan<'t> {
    tokens: &'t [Token],
    body: Range<usize>,
    at: usize,
    /// Where the brackets that are open were opened.
    open: Vec<usize>,
    module: Module,
    /// Modules in it, with their body where it is here.
    inner: Vec<(String, Option<Range<usize>>)>,
}

impl<'t> Scan<'t> {
    fn new(file: &'t Source, source: usize, parent: Option<usize>, body: Range<usize>) -> Self {
        let module = Module {
            parent,
            source,
            children: BTreeMap::new(),
            items: BTreeSet::new(),
            macros: BTreeSet::new(),
            imports: vec![],
            code: vec![],
        };
        Self { tokens: &file.tokens, at: body.start, body, open: vec![], module, inner: vec![] }
    }

    fn text(&self, at: usize) -> &'t str {
        self.tokens.get(at).map_or("", |t| t.text.as_str())
    }

    fn read(&mut self) {
        let mut code = self.at;
        while self.at < self.body.end {
            let end = match self.text(self.at) {
                _ if self.tokens[self.at].test => self.at + 1,
                "use" if self.text(self.at + 1) != "<" => self.import(),
                "mod" if self.open.is_empty() => self.inner(),
                _ => {
                    self.other();
                    self.at += 1;
                    continue;
                }
            };
            self.module.code.push(code..self.at);
            (self.at, code) = (end, end);
        }
        self.module.code.push(code..self.body.end);
        self.module.code.retain(|range| !range.is_empty());
    }

    /// Reads a `use`; where it ends.
    fn import(&mut self) -> usize {
        let block = self.open.iter().rev().find(|&&open| self.text(open) == "{");
        let block = block.map(|&open| open..closing(self.tokens, open));
        let before = self.at.checked_sub(1).map_or("", |before| self.text(before));
        let public = self.open.is_empty() && self.at > self.body.start && matches!(before, "pub" | ")");
        self.module.imports.extend(imports(self.tokens, self.at, public, block.as_ref()));
        self.at + self.tokens[self.at..].iter().take_while(|t| t.text != ";").count() + 1
    }

    /// Notes a `mod`; where it ends.
    fn inner(&mut self) -> usize {
        let name = self.text(self.at + 1).to_owned();
        match self.text(self.at + 2) {
            "{" => {
                let end = closing(self.tokens, self.at + 2);
                self.inner.push((name, Some(self.at + 3..end)));
                end + 1
            }
            _ => {
                self.inner.push((name, None));
                self.at + 3
            }
        }
    }

    /// Notes an item, or a bracket.
    fn other(&mut self) {
        let text = self.text(self.at);
        match text {
            "(" | "[" | "{" => self.open.push(self.at),
            ")" | "]" | "}" => drop(self.open.pop()),
            _ if !self.open.is_empty() => {}
            "macro_rules" if starts_with(&self.tokens[self.at + 1..], &["!"]) => {
                let name = self.text(self.at + 2).to_owned();
                self.module.macros.insert(name.clone());
                self.module.items.insert(name);
            }
            _ if ITEMS.contains(&text) => {
                let before = self.at.checked_sub(1).map_or("", |before| self.text(before));
                let mutable = usize::from(self.text(self.at + 1) == "mut");
                let name = self.text(self.at + 1 + mutable);
                let named = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
                let keyword = matches!(name, "fn" | "unsafe" | "extern" | "async");
                if named && !keyword && !NOT_AFTER.contains(&before) {
                    self.module.items.insert(name.to_owned());
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tree::made_up;
    use super::*;

    #[test]
    fn modules_lie_in_files_folders_and_braces() {
        let tree = made_up(&[
            ("src/lib.rs", "mod a; mod b; mod missing; #[cfg(test)] mod t;"),
            ("src/a.rs", "mod c { mod d; }"),
            ("src/a/c/d.rs", "fn f() {}"),
            ("src/b/mod.rs", "mod e;"),
            ("src/b/e.rs", ""),
            ("src/t.rs", ""),
        ]);
        let found = modules(&tree, "src/lib.rs");
        let mut paths: Vec<_> = found.iter().map(|m| tree.sources[m.source].path.as_str()).collect();
        paths.sort_unstable();
        assert_eq!(paths, ["src/a.rs", "src/a.rs", "src/a/c/d.rs", "src/b/e.rs", "src/b/mod.rs", "src/lib.rs"]);
        assert_eq!(found[0].children.keys().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn items_are_what_a_module_itself_defines() {
        let source = "pub const fn a<const N: usize>(p: *const T) -> &'static str { fn inner() {} const X: u8 = 1; }
            struct B<'a>(&'a u8); static mut C: u8 = 0; impl D { fn e() {} } macro_rules! f { () => { struct G; } }
            pub(crate) type H = *const I; mod j { fn k() {} } #[cfg(test)] fn l() {} unsafe extern \"C\" fn m() {}";
        let found = modules(&made_up(&[("src/lib.rs", source)]), "src/lib.rs");
        assert_eq!(found[0].items.iter().collect::<Vec<_>>(), ["B", "C", "H", "a", "f", "m"]);
        assert_eq!(found[0].macros.iter().collect::<Vec<_>>(), ["f"]);
        assert_eq!(found[1].items.iter().collect::<Vec<_>>(), ["k"]);
    }

    #[test]
    fn an_import_in_a_block_holds_there_and_code_is_without_imports() {
        let source = "pub(crate) use a::B; use c::D; fn f() { use e::F; F }";
        let tree = made_up(&[("src/lib.rs", source)]);
        let found = modules(&tree, "src/lib.rs");
        let imports: Vec<_> = found[0].imports.iter().map(|i| (i.name.as_str(), i.public)).collect();
        assert_eq!(imports, [("B", true), ("D", false), ("F", false)]);
        let [b, d, f] = [0, 1, 2].map(|i| found[0].imports[i].holds(None));
        assert!(b && d && !f && found[0].imports[2].holds(Some(tree.sources[0].tokens.len() - 2)));
        let code = found[0].code.iter().flat_map(|r| &tree.sources[0].tokens[r.clone()]);
        assert_eq!(code.map(|t| t.text.as_str()).collect::<String>(), "pub(crate)fnf(){F}");
    }
}
