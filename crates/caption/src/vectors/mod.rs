//! Vectors of words that others have trained: GloVe's and word2vec's files.
//!
//! | file | what it has |
//! |---|---|
//! | GloVe, text | a line a word: the word and its numbers, spaces between them |
//! | word2vec, text | the same behind a line with how many words and numbers there are |
//! | word2vec, binary | that line, then a word, a space, its numbers as float32, little-endian |
//!
//! Which one it is is told by the content. Only the vectors of words that are asked for are kept:
//! files have gigabytes, vocabularies some thousand words.

mod error;

mod table;

mod lines;

mod binary;

mod read;

pub use error::VectorError;
pub use read::read;
pub use table::WordVectors;
