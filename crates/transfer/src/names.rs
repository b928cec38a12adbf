//! The names of tensors: what lies below what, and how messages show them.

/// Whether `name` is `prefix` or lies below it.
pub(crate) fn is_below(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The most characters of a name in a message.
const MOST_SHOWN: usize = 100;

/// A name for a message: on one line, its beginning if it is long.
pub(crate) fn shown(name: &str) -> String {
    cut(name, MOST_SHOWN)
}

/// Names for a message.
pub(crate) fn all_shown(names: &[String]) -> String {
    names.iter().map(|name| shown(name)).collect::<Vec<_>>().join(", ")
}

/// How many names there are, what of them is told, and the first three.
pub(crate) fn counted(names: &[String], what: &str) -> Option<String> {
    let first = names.chunks(3).next()?;
    let more = if names.len() > first.len() { ", ..." } else { "" };
    Some(format!("{} {what}: {}{more}", names.len(), all_shown(first)))
}

/// Names by how similar they are to one, the most similar first.
pub(crate) fn nearest_first<'a>(name: &str, mut known: Vec<&'a str>) -> Vec<&'a str> {
    known.sort_by_key(|other| strsim::levenshtein(name, other));
    known
}

/// A text on one line, no more than `most` characters of it.
pub(crate) fn cut(text: &str, most: usize) -> String {
    let mut characters = text.chars();
    let mut begin = String::new();
    for character in characters.by_ref().take(most) {
        match character {
            '"' | '\'' => begin.push(character),
            _ => begin.extend(character.escape_debug()),
        }
    }
    if characters.next().is_some() { format!("{begin}...") } else { begin }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_messages_are_short_and_on_one_line() {
        assert_eq!(shown("layer1.0.näher"), "layer1.0.näher");
        assert_eq!(shown("a\nb\u{1b}[31m\u{202e}"), "a\\nb\\u{1b}[31m\\u{202e}");
        assert_eq!(shown(&"ä".repeat(100)), "ä".repeat(100));
        assert_eq!(shown(&"ä".repeat(1 << 20)), "ä".repeat(100) + "...");
        assert_eq!(counted(&[], "left out"), None);
        let names = ["a", "b", "c", "d"].map(str::to_owned);
        assert_eq!(counted(&names, "left out").unwrap(), "4 left out: a, b, c, ...");
    }

    #[test]
    fn names_are_ordered_by_their_distance() {
        let known = vec!["vgg16", "resnet50", "resnet18"];
        assert_eq!(nearest_first("resnet19", known), ["resnet18", "resnet50", "vgg16"]);
    }
}
