use std::path::PathBuf;

/// What can go wrong with a file of the hub.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// Nobody's home is known.
    #[error("there is no home folder to keep models in; set HF_HOME to a folder")]
    NoHome,
    /// It is not here, and nothing may be fetched.
    #[error("{file} is not in {}, and HF_HUB_OFFLINE is set: unset it, or name a file of weights", cache.display())]
    Offline {
        /// The file, and of which repository.
        file: String,
        /// Where it was looked for.
        cache: PathBuf,
    },
    /// The hub refused.
    #[error("{endpoint} answered {status} for {file}: {}", advice(*status))]
    Status {
        /// The file, and of which repository.
        file: String,
        /// The HTTP status.
        status: u16,
        /// Who answered.
        endpoint: String,
    },
    /// The connection failed, or broke off.
    #[error("the download of {file} broke off: {what}; started again, it goes on where it stopped")]
    Broken {
        /// The file, and of which repository.
        file: String,
        /// What happened.
        what: String,
    },
    /// Nothing came for too long.
    #[error("the download of {file} stands still: nothing came for {seconds} seconds; started again, it goes on")]
    Stalled {
        /// The file, and of which repository.
        file: String,
        /// How long was waited.
        seconds: u64,
    },
    /// An answer that is none.
    #[error("what answers for {file} is no hub: {what}; is HF_ENDPOINT right?")]
    Answer {
        /// The file, and of which repository.
        file: String,
        /// What is wrong with it.
        what: String,
    },
    /// Other bytes than were announced; they were thrown away.
    #[error("{file} arrived with the SHA-256 {got} and should have {wanted}; it was thrown away")]
    Checksum {
        /// The file, and of which repository.
        file: String,
        /// The sum of what came.
        got: String,
        /// The sum that it must have.
        wanted: String,
    },
    /// The disk did not take it.
    #[error("cannot write to {}: {source}; HF_HOME can name a folder elsewhere", path.display())]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

impl HubError {
    /// Whether another attempt may have another end. After a standstill it may not: the client still waits for the next byte.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            HubError::Status { status, .. } => [408, 416, 429].contains(status) || *status >= 500,
            HubError::Broken { .. } | HubError::Checksum { .. } => true,
            _ => false,
        }
    }

    /// Whether what has come so far is of no use: other bytes, or all of them already (416).
    pub(crate) fn spoils(&self) -> bool {
        matches!(self, HubError::Checksum { .. } | HubError::Status { status: 416, .. })
    }
}

fn advice(status: u16) -> &'static str {
    match status {
        401 => "it is not public, or does not exist; HF_TOKEN holds the token of an account",
        403 => "the account of HF_TOKEN may not read it, or its terms are to be accepted on its page first",
        404 => "there is no such file",
        429 => "too many requests; wait, or set HF_TOKEN",
        500.. => "the hub has trouble; try again later",
        _ => "it was not expected to",
    }
}
