//! Captions as words, and words as numbers.

mod tokens;

mod vocabulary;

pub use tokens::{sentence, tokens};
pub use vocabulary::{END, START, UNKNOWN, Vocabulary};
