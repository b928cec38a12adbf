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
    PossibleValuesParser::new(MEANS.map(|(name, _, help)| PossibleValue::new(name).help(help))).try_map(|wanted| {
        let found = MEANS.into_iter().find(|(name, ..)| *name == wanted);
        found.map(|(_, mean, _)| mean).ok_or("no such choice")
    })
}
