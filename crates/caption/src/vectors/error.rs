//! What can be wrong with a file of word vectors.

use std::path::PathBuf;

/// Word vectors that cannot be read. The text names the file and the line or the word.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VectorError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file begins as none of them does.
    #[error(
        "{} has no word vectors: wanted a word and its numbers in each line (GloVe), or first how many words and \
         numbers there are (word2vec); its first line is {got:?}",
        path.display()
    )]
    Unknown {
        /// The file.
        path: PathBuf,
        /// The beginning of its first line.
        got: String,
    },
    /// A line or word is invalid.
    #[error("{}, {entry}: wanted {wanted}; got {got}", path.display())]
    Entry {
        /// The file.
        path: PathBuf,
        /// Which: `line 3`, `word 3`.
        entry: String,
        /// What its place takes.
        wanted: String,
        /// What is there.
        got: String,
    },
    /// The vectors have another width than the network.
    #[error("{} has vectors of {got} numbers; the network's words have {wanted}", path.display())]
    Width {
        /// The file.
        path: PathBuf,
        /// What the network has.
        wanted: usize,
        /// What the file has.
        got: usize,
    },
    /// None of the words of the captions has a vector.
    #[error("{} has a vector for none of the {words} words of the captions, such as {example:?}", path.display())]
    NoWord {
        /// The file.
        path: PathBuf,
        /// How many words were looked for.
        words: usize,
        /// One of them.
        example: String,
    },
}
