//! What had another name before, which is still read.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::place::Place;

/// Places of settings, with the names that they had, and what the last word of each is now.
const RENAMED: &[(&str, &str)] = &[
    ("optimize.rate", "lr"),
    ("optimize.head_factor", "head_lr_scale"),
    ("optimize.backbone_factor", "backbone_lr_scale"),
    ("augment.train.random_affine.zoom", "scale"),
    ("augment.train.random_erasing.fill.colour", "color"),
    ("augment.train.cutout.fill.colour", "color"),
];

/// Flags that had another name: the old one, and the new one.
pub const OLD_FLAGS: &[(&str, &str)] = &[("rate", "lr")];

/// A setting that a text calls by a name that it had before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renamed {
    /// The file.
    pub path: PathBuf,
    /// What it is called there.
    pub old: String,
    /// What it is called now.
    pub new: String,
}

impl fmt::Display for Renamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} is called {} now", self.path.display(), self.old, self.new)
    }
}

/// The same text with the names that there are now, each where the old one stood, so that what is
/// wrong with it is on the same line; and what was replaced. What is no TOML is left to its reader.
pub fn modern<'a>(text: &'a str, path: &Path) -> (Cow<'a, str>, Vec<Renamed>) {
    let mut found = Vec::new();
    if let Ok(table) = DeTable::parse(text) {
        in_table(table.get_ref(), &Place::default(), &mut found);
    }
    if found.is_empty() {
        return (Cow::Borrowed(text), Vec::new());
    }
    found.sort_by_key(|word| word.span.start);
    let mut replaced = text.to_owned();
    for word in found.iter().rev() {
        replaced.replace_range(word.span.clone(), word.new);
    }
    let renamed = |Word { old, new, .. }: Word| {
        let new = last(&old).map_or(new.to_owned(), |above| format!("{above}.{new}"));
        Renamed { path: path.into(), old, new }
    };
    (Cow::Owned(replaced), found.into_iter().map(renamed).collect())
}

/// What a setting is called now that was called `place`, where that is another name.
pub(crate) fn now(place: &str) -> Option<String> {
    let (_, new) = RENAMED.iter().find(|(old, _)| *old == place)?;
    Some(last(place).map_or((*new).to_owned(), |above| format!("{above}.{new}")))
}

/// The first name that a setting had: what it is drawn by, so that a search finds the same under
/// both.
pub(crate) fn first(place: &str) -> &str {
    RENAMED.iter().find(|(old, _)| now(old).as_deref() == Some(place)).map_or(place, |(old, _)| old)
}

/// What stands before the last word of a place.
fn last(place: &str) -> Option<&str> {
    place.rsplit_once('.').map(|(above, _)| above)
}

/// A word of a text that is to be another.
struct Word {
    span: Range<usize>,
    old: String,
    new: &'static str,
}

fn in_table(table: &DeTable<'_>, place: &Place, found: &mut Vec<Word>) {
    let name = table.get("name").and_then(|name| name.get_ref().as_str());
    for (key, value) in table {
        let below = place.field(name, key.get_ref());
        if let Some((_, new)) = RENAMED.iter().find(|(old, _)| *old == below.row) {
            found.push(Word { span: key.span(), old: below.said.clone(), new });
        }
        in_value(value.get_ref(), &below, found);
    }
}

fn in_value(value: &DeValue<'_>, place: &Place, found: &mut Vec<Word>) {
    match value {
        DeValue::Table(table) => in_table(table, place, found),
        DeValue::Array(list) => {
            list.iter().enumerate().for_each(|(i, item)| in_value(item.get_ref(), &place.item(i), found));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::{Recipe, fields};

    const OLD: &str = r#"seed = 1
augment.train = [
    { zoom = [1, 1.1], name = "random_affine" },
    { name = "maybe", transform = { name = "cutout", side = 3, fill = { colour = [1, 2, 3] } } },
]
[optimize]
"rate" = 0.5
head_factor = 0.25
backbone_factor = 0.125
"#;

    #[test]
    fn old_names_are_read_and_told() {
        let (text, renamed) = modern(OLD, "r.toml".as_ref());
        let recipe = Recipe::parse(OLD, "r.toml".as_ref()).unwrap();
        assert_eq!(recipe, Recipe::parse(&text, "r.toml".as_ref()).unwrap());
        let o = &recipe.optimize;
        assert_eq!((o.lr, o.head_lr_scale, o.backbone_lr_scale), (0.5, 0.25, 0.125));
        let said: Vec<String> = renamed.iter().map(Renamed::to_string).collect();
        assert_eq!(
            said,
            [
                "r.toml: augment.train[0].zoom is called augment.train[0].scale now",
                "r.toml: augment.train[1].transform.fill.colour is called augment.train[1].transform.fill.color now",
                "r.toml: optimize.rate is called optimize.lr now",
                "r.toml: optimize.head_factor is called optimize.head_lr_scale now",
                "r.toml: optimize.backbone_factor is called optimize.backbone_lr_scale now",
            ]
        );
        // What is written has the new names alone.
        assert!(modern(&toml::to_string(&recipe).unwrap(), "r.toml".as_ref()).1.is_empty());
        assert_eq!(modern("x = [", "r.toml".as_ref()), ("x = [".into(), Vec::new()));
    }

    #[test]
    fn mistakes_beside_old_names_have_their_lines() {
        for (text, words) in [
            ("[optimize]\nrate = 1\nrat = 2\n", ["line 3", "rat"]),
            ("[optimize]\nrate = 1\nlr = 2\n", ["line 3", "duplicate"]),
            ("[optimize]\nrate = true\n", ["line 2", "bool"]),
        ] {
            let said = Recipe::parse(text, "r.toml".as_ref()).unwrap_err().to_string();
            assert!(words.iter().all(|word| said.contains(word)), "{said}");
        }
    }

    #[test]
    fn places_have_their_new_names_and_the_first_ones() {
        assert_eq!((now("optimize.rate").as_deref(), now("optimize.lr")), (Some("optimize.lr"), None));
        assert_eq!((first("optimize.lr"), first("optimize.epochs")), ("optimize.rate", "optimize.epochs"));
        for (_, flag) in OLD_FLAGS {
            assert!(fields().any(|field| field.flag() == Some(flag)), "{flag}");
        }
    }
}
