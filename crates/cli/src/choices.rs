//! The values of flags that name one of a few things, each with a line of help.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use taper_trainer::evaluate::views::Mean;

/// What each is called, what it is, and what is said of it.
const MEANS: [(&str, Mean, &str); 2] = [
    ("probabilities", Mean::Probabilities, "The mean of the probabilities"),
    ("logits", Mean::Logits, "The softmax of the mean of the logits, a geometric mean of the probabilities"),
];

/// How several answers become one.
pub(crate) fn mean() -> impl TypedValueParser<Value = Mean> {
    named(MEANS)
}

/// One of the things in a table of names, what they are, and what is said of them.
pub(crate) fn named<T: Copy + Send + Sync + 'static, const N: usize>(
    table: [(&'static str, T, &'static str); N],
) -> impl TypedValueParser<Value = T> {
    let values = table.map(|(name, _, help)| PossibleValue::new(name).help(help));
    PossibleValuesParser::new(values).try_map(move |wanted| {
        let found = table.into_iter().find(|(name, ..)| *name == wanted);
        found.map(|(_, value, _)| value).ok_or("no such choice")
    })
}
