//! How files are fetched, and what is told of it.

use std::path::PathBuf;
use std::time::Duration;

/// What a download has to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetch {
    /// It begins, or goes on: so many bytes in all.
    Size(u64),
    /// So many more bytes are there.
    Bytes(u64),
    /// It has to wait, and why.
    Waiting(String),
    /// This file in the cache is not what it was; it is fetched again.
    Damaged(PathBuf),
}

/// How files are fetched.
#[derive(Clone, Debug)]
pub struct FetchConfig {
    /// Whether nothing is fetched.
    pub offline: bool,
    /// Whether a file is taken whose SHA-256 nobody says.
    pub unverified: bool,
    /// How long to wait before each further attempt; as many attempts as entries, and the first.
    pub pauses: Vec<Duration>,
    /// How long less than 64 KB may come before an attempt counts as failed.
    pub patience: Duration,
    /// The most bytes that a file may have.
    pub largest: u64,
}

impl Default for FetchConfig {
    /// Five attempts, 30 seconds with less than 64 KB each, at most 4 GiB (the largest model known
    /// here has 0.6), only what can be verified.
    fn default() -> Self {
        Self {
            offline: false,
            unverified: false,
            pauses: [1, 2, 4, 8].map(Duration::from_secs).to_vec(),
            patience: Duration::from_secs(30),
            largest: 4 << 30,
        }
    }
}

impl FetchConfig {
    /// As by default, offline if `HF_HUB_OFFLINE` says so (1 or true).
    pub fn from_env() -> Self {
        let offline = said("HF_HUB_OFFLINE")
            .is_some_and(|value| ["1", "true", "yes", "on"].contains(&value.trim().to_lowercase().as_str()));
        Self { offline, ..Self::default() }
    }
}

/// What a variable of the environment says, if it says something.
pub(crate) fn said(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}
