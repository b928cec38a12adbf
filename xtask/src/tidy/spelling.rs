//! American spelling, as rustc, candle and PyTorch have it.

use super::finding::Finding;
use super::tree::Tree;
use super::words::{AMERICAN, SPELLINGS, Spelling};

/// The files that have to name the other spellings: the table, this one, the old names of recipes,
/// and the names that files of licenses have.
const EXEMPT: [&str; 4] = [
    "xtask/src/tidy/words.rs",
    "xtask/src/tidy/spelling.rs",
    "crates/trainer/src/recipe/renamed.rs",
    "xtask/src/dist/licenses.rs",
];

/// Words of the other spelling, in code, comments, strings and pages.
#[must_use]
pub fn spelling(tree: &Tree) -> Vec<Finding> {
    let sources = tree.sources.iter().map(|s| (&s.path, &s.text));
    let pages = tree.pages.iter().chain(&tree.manifests).map(|(path, text)| (path, text));
    let mut findings = vec![];
    for (path, text) in sources.chain(pages).filter(|(path, _)| !EXEMPT.contains(&path.as_str())) {
        for (number, line) in text.lines().enumerate() {
            for (word, Spelling { british, american }) in misspelled(line) {
                findings.push(Finding {
                    path: path.clone(),
                    line: number + 1,
                    check: "spelling",
                    what: format!("`{word}`"),
                    remedy: format!("write {american} for {british}"),
                });
            }
        }
    }
    findings
}

/// The words of a line that are spelled otherwise, each with how.
fn misspelled(line: &str) -> Vec<(&str, &'static Spelling)> {
    let words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
    let found = words.filter(|word| !word.is_empty()).filter_map(|word| {
        let small = word.to_lowercase();
        if AMERICAN.contains(&small.as_str()) {
            return None;
        }
        let spelled = SPELLINGS.iter().find(|spelling| stands_in(spelling.british, &small));
        spelled.map(|spelling| (word, spelling))
    });
    found.collect()
}

/// Whether a stem is part of a word. One in -is is a verb only before e, a or i: optimise, but
/// optimistic.
fn stands_in(stem: &str, word: &str) -> bool {
    let verb = stem.ends_with("is");
    let follows = |rest: &str| !verb || rest.starts_with(['e', 'a', 'i']);
    word.match_indices(stem).any(|(at, _)| follows(&word[at + stem.len()..]))
}

#[cfg(test)]
mod tests {
    use super::super::tree::made_up;
    use super::*;

    #[test]
    fn words_and_parts_of_names_are_found() {
        let words = |line| misspelled(line).into_iter().map(|(word, _)| word).collect::<Vec<_>>();
        assert_eq!(
            words("fn one_colour(x: Minimiser) // grey, COLOURS"),
            ["one_colour", "Minimiser", "grey", "COLOURS"]
        );
        assert_eq!(
            words("normalised initialisation of centred organisms"),
            ["normalised", "initialisation", "centred"]
        );
        assert!(words("optimistic color analysis and analyses of a programmer, exactly").is_empty());
    }

    #[test]
    fn sources_pages_and_manifests_are_read() {
        let tree = made_up(&[
            ("crates/a/src/lib.rs", "// a\n// behaviour\nconst S: &str = \"grey\";"),
            ("crates/a/README.md", "colour"),
            ("crates/a/Cargo.toml", "description = \"colour\""),
            ("tests/data/words.md", "colour"),
            (EXEMPT[0], "colour"),
        ]);
        let found = spelling(&tree);
        let found: Vec<_> = found.iter().map(|f| (f.path.as_str(), f.line, f.remedy.as_str())).collect();
        let lib = "crates/a/src/lib.rs";
        let expected = [
            (lib, 2, "write behavior for behaviour"),
            (lib, 3, "write gray for grey"),
            ("crates/a/README.md", 1, "write color for colour"),
            ("crates/a/Cargo.toml", 1, "write color for colour"),
        ];
        assert_eq!(found, expected);
    }
}
