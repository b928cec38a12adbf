//! What can go wrong with a file that is fetched.

use std::error::Error;
use std::path::PathBuf;

use super::answer_error::AnswerError;
use super::digest::Digest;
use super::source::Source;

/// What can go wrong with a file that is fetched, or was; `file` says which one, and of whom.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// Nobody's home is known.
    #[error("there is no home folder to keep models in; set {} to a folder", origin.home())]
    NoHome {
        /// Whose files.
        origin: Source,
    },
    /// A name that could lead out of the cache.
    #[error("{what} {got:?} is invalid: letters, digits and . - _ between single slashes, no .. and no dot in front")]
    Name {
        /// Of what.
        what: &'static str,
        /// The name.
        got: String,
    },
    /// A data set of the hub has no Parquet files, or those of several configurations.
    #[error(
        "the data set {name} has {}", if configurations.is_empty() { "no Parquet files".to_owned() }
        else { format!("several configurations ({0}): name one, hf://datasets/OWNER/NAME/{1}", configurations.join(", "), configurations[0]) }
    )]
    NoParquet {
        /// The data set.
        name: String,
        /// Its configurations.
        configurations: Vec<String>,
    },
    /// It is not here, and nothing may be fetched.
    #[error("{file} is not in {}, and HF_HUB_OFFLINE is set: unset it, or name a file of weights", cache.display())]
    Offline {
        /// The file.
        file: String,
        /// Where it was looked for.
        cache: PathBuf,
    },
    /// The server refused.
    #[error("{server} answered {status} for {file}: {}", advice(*origin, *status))]
    Status {
        /// The file.
        file: String,
        /// The HTTP status.
        status: u16,
        /// Who answered.
        server: String,
        /// Whose file it is.
        origin: Source,
    },
    /// The connection failed, or broke off.
    #[error("the download of {file} broke off; started again, it goes on where it stopped")]
    Broken {
        /// The file.
        file: String,
        /// What happened.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The connection ended before the file did.
    #[error("the download of {file} broke off: {got} of {size} bytes came; started again, it goes on where it stopped")]
    CutShort {
        /// The file.
        file: String,
        /// How many bytes came.
        got: u64,
        /// How many were promised.
        size: u64,
    },
    /// Nothing, or next to nothing, came for too long.
    #[error(
        "the download of {file} stands still: less than 64 KB came in {seconds} seconds; started again, it goes on"
    )]
    Stalled {
        /// The file.
        file: String,
        /// How long was waited.
        seconds: u64,
    },
    /// An answer that makes no sense.
    #[error("the answer for {file} makes no sense (is {} right?)", origin.endpoint())]
    Answer {
        /// The file.
        file: String,
        /// What is wrong with it.
        source: AnswerError,
        /// Whose file it is.
        origin: Source,
    },
    /// More bytes than a file of weights has.
    #[error("{file} has {size} bytes, and at most {most} are taken")]
    TooLarge {
        /// The file.
        file: String,
        /// How many bytes were promised.
        size: u64,
        /// How many are taken.
        most: u64,
    },
    /// Nobody says what its checksum must be.
    #[error("neither Taper nor the server knows the SHA-256 of {file}, so that it was not fetched")]
    Unverified {
        /// The file.
        file: String,
    },
    /// The server has another file.
    #[error("{file} has the SHA-256 {got} at the server and should have {wanted}; it was not fetched")]
    Announced {
        /// The file.
        file: String,
        /// What the server says.
        got: Digest,
        /// What its SHA-256 must begin with.
        wanted: Digest,
    },
    /// Other bytes than were announced; they were thrown away.
    #[error("{file} arrived with the SHA-256 {got} and should have {wanted}; it was thrown away")]
    Checksum {
        /// The file.
        file: String,
        /// The SHA-256 of what came.
        got: String,
        /// What it must begin with.
        wanted: Digest,
    },
    /// A file in the cache is not what it was, and nothing may be fetched.
    #[error(
        "{} is damaged: its SHA-256 is {got} and should be {wanted}; unset HF_HUB_OFFLINE to fetch it again, or name another file of weights",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Its SHA-256.
        got: String,
        /// What it must begin with.
        wanted: Digest,
    },
    /// The disk did not take it, or does not give it back.
    #[error("cannot write to or read {} ({} can name a folder elsewhere)", path.display(), origin.home())]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
        /// Whose file it is.
        origin: Source,
    },
}

fn advice(source: Source, status: u16) -> &'static str {
    match (source, status) {
        (Source::Hub, 401) => "it is not public, or does not exist; HF_TOKEN holds the token of an account",
        (Source::Hub, 403) => {
            "the account of HF_TOKEN may not read it, or its terms are to be accepted on its page first"
        }
        (Source::Hub, 429) => "too many requests; wait, or set HF_TOKEN",
        // Where files are kept in a store of objects, one that is absent is forbidden.
        (Source::Torchvision, 401 | 403) | (_, 404) => "there is no such file",
        (Source::Torchvision, 429) => "too many requests; wait",
        (_, 500..) => "the server has trouble; try again later",
        _ => "it was not expected to",
    }
}
