//! What Rust sources may not say, and where.

use super::{
    finding::Finding,
    layers::libraries,
    token::{Token, closing, starts_with},
    tree::{Source, Tree},
};

/// The one folder with the keyword in it.
const ROOM: &str = "crates/tensor/src/kernels/";

fn finding(check: &'static str, source: &Source, token: &Token, what: String, remedy: &str) -> Finding {
    Finding { path: source.path.clone(), line: token.line, check, what, remedy: remedy.to_owned() }
}

/// The `unsafe` keyword stands only in the kernels' room, in tests as in code.
#[must_use]
pub fn unsafe_room(tree: &Tree) -> Vec<Finding> {
    let mut findings = vec![];
    for source in tree.sources.iter().filter(|s| !s.path.starts_with(ROOM)) {
        for token in source.tokens.iter().filter(|t| t.text == "unsafe") {
            let what = format!("`unsafe` outside {ROOM}");
            let remedy = "use a safe function, or give the kernels a new one with a safe face";
            findings.push(finding("unsafe", source, token, what, remedy));
        }
    }
    findings
}

/// The optimizers know no files, except in tests.
#[must_use]
pub fn files(tree: &Tree) -> Vec<Finding> {
    let mut findings = vec![];
    for source in tree.sources.iter().filter(|s| s.path.starts_with("crates/optim/src/")) {
        let names = ["fs", "File", "OpenOptions"];
        let found = source.tokens.iter().filter(|t| !t.test && names.contains(&t.text.as_str()));
        for token in found {
            let what = format!("`{}`: optim knows no files", token.text);
            let remedy = "take or return tensors by name, and let the trainer read and write the file";
            findings.push(finding("files", source, token, what, remedy));
        }
    }
    findings
}

/// The one file of the kernels' crate that hands work to other threads.
const SPREADING: &str = "crates/tensor/src/kernels/memory/parallel.rs";

/// Kernels spread their work through one file, which is compiled once; tests may ask for threads.
#[must_use]
pub fn spreading(tree: &Tree) -> Vec<Finding> {
    let mut findings = vec![];
    let kernels = |s: &&Source| s.path.starts_with("crates/tensor/src/") && s.path != SPREADING;
    for source in tree.sources.iter().filter(kernels) {
        for token in source.tokens.iter().filter(|t| !t.test && t.text == "rayon") {
            let what = format!("`rayon` outside {SPREADING}");
            let remedy =
                "use `each`, `chunks` or `collect` of that file: rayon's own code is compiled anew at every call";
            findings.push(finding("spreading", source, token, what, remedy));
        }
    }
    findings
}

/// The files that print; what they offer cannot panic.
const PRINTERS: [&str; 2] = ["crates/cli/src/output.rs", "xtask/src/output.rs"];

/// Nothing prints but the `PRINTERS`, except in tests, documentation and examples.
#[must_use]
pub fn printing(tree: &Tree) -> Vec<Finding> {
    let mut findings = vec![];
    let library = |s: &Source| libraries().any(|l| s.path.starts_with(&format!("crates/{l}/src/")));
    let code = |s: &&Source| s.path.contains("/src/") && !PRINTERS.contains(&s.path.as_str());
    for source in tree.sources.iter().filter(code) {
        for pair in source.tokens.windows(2).filter(|w| !w[0].test) {
            let what = match (pair[0].text.as_str(), pair[1].text.as_str()) {
                (name @ ("print" | "println" | "eprint" | "eprintln" | "dbg"), "!") => format!("`{name}!`"),
                // Above the libraries it may be asked whether this is a terminal.
                (name @ ("stdout" | "stderr"), "(") if library(source) => format!("`{name}()`"),
                _ => continue,
            };
            let remedy = "a library returns the value or an error; the binary and xtask print with their `output`, which cannot panic";
            findings.push(finding("printing", source, &pair[0], what, remedy));
        }
    }
    findings
}

/// Nothing is left for later: no ignored test, no placeholder.
#[must_use]
pub fn unfinished(tree: &Tree) -> Vec<Finding> {
    let mut findings = vec![];
    for source in &tree.sources {
        for (i, token) in source.tokens.iter().enumerate() {
            let rest = &source.tokens[i..];
            let (what, remedy) = match token.text.as_str() {
                "#" if ignores(rest) => {
                    ("an ignored test".to_owned(), "make it pass and fast enough to run always, or delete it")
                }
                name @ ("todo" | "unimplemented") if starts_with(&rest[1..], &["!"]) => {
                    (format!("`{name}!`"), "write it, or return an error that says what is not supported")
                }
                _ => continue,
            };
            findings.push(finding("unfinished", source, token, what, remedy));
        }
    }
    findings
}

/// Whether the attribute that begins here ignores a test, always or on a condition.
fn ignores(tokens: &[Token]) -> bool {
    if !starts_with(tokens, &["#", "["]) {
        return false;
    }
    let inside = &tokens[2..closing(tokens, 1).max(2)];
    let conditional = starts_with(inside, &["cfg_attr"]);
    let says = |t: &Token| t.text == "ignore";
    inside.first().is_some_and(says) || conditional && inside.iter().any(says)
}

#[cfg(test)]
mod tests {
    use super::super::tree::made_up;
    use super::*;

    fn places(findings: &[Finding]) -> Vec<(&str, usize)> {
        findings.iter().map(|f| (f.path.as_str(), f.line)).collect()
    }

    #[test]
    fn unsafe_stays_in_its_room() {
        let tree = made_up(&[
            ("crates/tensor/src/kernels/gemm.rs", "fn f() { unsafe {} }"),
            ("crates/tensor/src/kernels_too.rs", "// unsafe\n\nfn f() { unsafe {} }"),
            ("crates/data/src/lib.rs", "#![deny(unsafe_code)]\nconst S: &str = \"unsafe\";"),
            ("crates/data/tests/it.rs", "\nunsafe fn f() {}"),
        ]);
        let found = unsafe_room(&tree);
        assert_eq!(places(&found), [("crates/data/tests/it.rs", 2), ("crates/tensor/src/kernels_too.rs", 3)]);
    }

    #[test]
    fn optim_knows_no_files() {
        let tree = made_up(&[
            ("crates/optim/src/a.rs", "use std::fs;\nuse std::{io, fs::File};\n/// std::fs\nfn f(profile: u8) {}"),
            ("crates/optim/src/b.rs", "#[cfg(test)]\nmod tests { use std::fs::File; }"),
            ("crates/optim/tests/it.rs", "use std::fs;"),
            ("crates/data/src/lib.rs", "use std::fs;"),
        ]);
        let a = "crates/optim/src/a.rs";
        assert_eq!(places(&files(&tree)), [(a, 1), (a, 2), (a, 2)]);
    }

    #[test]
    fn kernels_spread_their_work_in_one_place() {
        let tree = made_up(&[
            (SPREADING, "use rayon::prelude::*;"),
            ("crates/tensor/src/ops/conv.rs", "// rayon\nfn f() { rayon::join(a, b); }"),
            ("crates/tensor/src/ops/pool.rs", "#[cfg(test)]\nmod tests { use rayon::prelude::*; }"),
            ("crates/tensor/tests/it.rs", "use rayon::prelude::*;"),
            ("crates/optim/src/a.rs", "use rayon::prelude::*;"),
        ]);
        assert_eq!(places(&spreading(&tree)), [("crates/tensor/src/ops/conv.rs", 2)]);
    }

    #[test]
    fn only_output_prints() {
        let says = "fn f() {\nprintln!();\neprintln!();\nprint!();\ndbg!(1);\nio::stderr();\n}";
        let tree = made_up(&[
            ("crates/cli/src/output.rs", says),
            ("crates/augment/src/lib.rs", says),
            ("crates/augment/src/b.rs", "//! println!()\n#[test]\nfn t() { println!(); }\nfn print() {}"),
            ("crates/augment/examples/e.rs", says),
            ("crates/augment/tests/it.rs", says),
            ("crates/cli/src/lib.rs", says),
        ]);
        let lines = |path, last| (2..=last).map(move |line| (path, line));
        let expected = lines("crates/augment/src/lib.rs", 6).chain(lines("crates/cli/src/lib.rs", 5));
        assert_eq!(places(&printing(&tree)), expected.collect::<Vec<_>>());
    }

    #[test]
    fn nothing_is_left_for_later() {
        let tree = made_up(&[
            ("crates/data/tests/it.rs", "#[test]\n#[ignore = \"slow\"]\nfn t() {}\n#[cfg_attr(unix, ignore)]"),
            ("xtask/src/main.rs", "fn f() { todo!() }\nfn g() { unimplemented!() }"),
            ("xtask/src/b.rs", "// todo!()\nfn ignore(todo: bool) { if !todo {} }\n#[cfg(ignore)] struct X;"),
        ]);
        let (it, main) = ("crates/data/tests/it.rs", "xtask/src/main.rs");
        assert_eq!(places(&unfinished(&tree)), [(it, 2), (it, 4), (main, 1), (main, 2)]);
    }
}
