//! The names of tensors: in messages, and of other versions and libraries.

use std::collections::BTreeMap;

use candle_core::Tensor;

use crate::WeightsError;

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

/// The tensors of a file by other names, which `renamed` gives them.
///
/// # Errors
/// When two would have the same name.
pub(crate) fn rename_all(
    origin: &str,
    weights: BTreeMap<String, Tensor>,
    renamed: impl Fn(&str) -> String,
) -> Result<BTreeMap<String, Tensor>, WeightsError> {
    let mut old = BTreeMap::<String, String>::new();
    let mut new = BTreeMap::new();
    for (name, tensor) in weights {
        let to = renamed(&name);
        if let Some(other) = old.insert(to.clone(), name.clone()) {
            return Err(WeightsError::SameName { origin: origin.to_owned(), names: [other, name], renamed: to });
        }
        new.insert(to, tensor);
    }
    Ok(new)
}

/// The name of a parameter of DenseNet's: torchvision's own file is older than its names and says `denselayer1.norm.1`
/// for `denselayer1.norm1`.
pub(crate) fn undotted(name: String) -> String {
    if !name.contains(".denselayer") {
        return name;
    }
    let old = [[".norm.1.", ".norm1."], [".norm.2.", ".norm2."], [".conv.1.", ".conv1."], [".conv.2.", ".conv2."]];
    old.into_iter().fold(name, |name, [from, to]| name.replace(from, to))
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

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
    fn two_tensors_never_get_the_same_name() {
        let one = Tensor::zeros(1, DType::F32, &Device::Cpu).unwrap();
        let weights = BTreeMap::from(["a", "b"].map(|name| (name.to_owned(), one.clone())));
        assert_eq!(rename_all("x.pth", weights.clone(), |name| format!("x.{name}")).unwrap().len(), 2);
        let error = rename_all("x.pth", weights, |_| "c".to_owned()).unwrap_err().to_string();
        assert!(error.contains("x.pth") && error.contains("a and b"), "{error}");
    }

    #[test]
    fn a_densenet_of_torchvisions_own_file_has_the_names_of_today() {
        let today = [
            ("features.denseblock1.denselayer1.norm.1.weight", "features.denseblock1.denselayer1.norm1.weight"),
            ("features.denseblock4.denselayer16.conv.2.weight", "features.denseblock4.denselayer16.conv2.weight"),
            ("features.transition1.norm.weight", "features.transition1.norm.weight"),
            ("features.denseblock1.denselayer1.conv1.weight", "features.denseblock1.denselayer1.conv1.weight"),
            ("features.norm.1.weight", "features.norm.1.weight"),
        ];
        for (old, new) in today {
            assert_eq!(undotted(old.to_owned()), new);
        }
    }
}
