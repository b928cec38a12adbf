//! What makes no sense in what a server says.

use std::error::Error;

/// Why an answer to a request for a file is not believed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// A header that has to be read is not text.
    #[error("{header} is no text")]
    NotText {
        /// Its name.
        header: String,
    },
    /// A header that has to be a number is not.
    #[error("{header} is {got:?}")]
    NotANumber {
        /// Its name.
        header: String,
        /// What it says.
        got: String,
    },
    /// What should be JSON is not, or another.
    #[error("it is not the JSON that it should be: {0}")]
    Json(serde_json::Error),
    /// A range that is invalid.
    #[error("Content-Range is {got:?}")]
    Range {
        /// What the header says.
        got: String,
    },
    /// The name of a commit is not one.
    #[error("X-Repo-Commit is not 40 hexadecimal digits")]
    Commit,
    /// The commit has to be known, and is not said.
    #[error("X-Repo-Commit is missing")]
    NoCommit,
    /// A file of another commit.
    #[error("asked for commit {wanted}, it sends a file of {got}")]
    OtherCommit {
        /// The one that was asked for.
        wanted: String,
        /// The one that is sent.
        got: String,
    },
    /// Two sizes of one file.
    #[error("it says that the file has {first} bytes, and {second}")]
    Sizes {
        /// What it said before, bytes.
        first: u64,
        /// What it says now, bytes.
        second: u64,
    },
    /// A range beyond the end of the file.
    #[error("it sends from byte {first} of {size}")]
    BeyondEnd {
        /// Where it begins.
        first: u64,
        /// How many bytes the file has.
        size: u64,
    },
    /// A range that leaves a gap.
    #[error("asked from byte {asked} on, it sends from byte {first}")]
    Gap {
        /// The byte that was asked for.
        asked: u64,
        /// The one that it begins with.
        first: u64,
    },
    /// More bytes than were promised.
    #[error("it sends more than {size} bytes")]
    TooMuch {
        /// How many were promised.
        size: u64,
    },
    /// An invalid address.
    #[error("{address} is no address")]
    Address {
        /// What stands there.
        address: String,
    },
    /// A redirection to where none is followed.
    #[error("it redirects to {location:?}")]
    Redirect {
        /// What `Location` says.
        location: String,
    },
    /// Redirections without end.
    #[error("it redirects more than {most} times")]
    Redirects {
        /// How many are followed.
        most: usize,
    },
    /// What is not HTTP.
    #[error(transparent)]
    Http(Box<dyn Error + Send + Sync>),
}
