//! What can go wrong between several processes of one training.

/// A training of several processes that cannot be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RanksError {
    /// A batch cannot be shared out evenly.
    #[error(
        "{shards} shards of a batch cannot be shared out among {ranks} ranks: start {}, or set optimize.shards \
         (--shards) to a multiple of {ranks}, which makes it another training",
        among(*shards)
    )]
    Uneven {
        /// Shards of a batch.
        shards: usize,
        /// Processes.
        ranks: usize,
    },
    /// A recipe has its batches in one piece.
    #[error(
        "optimize.shards is {shards}: a batch in one piece cannot be shared out among {ranks} ranks; begin a run with \
         --shards 8 (what several ranks take by themselves), or start one process"
    )]
    InOnePiece {
        /// Shards of a batch.
        shards: usize,
        /// Processes.
        ranks: usize,
    },
    /// What is asked for is done by one process alone.
    #[error("{what} is not shared out among {ranks} ranks: start one process")]
    OneProcess {
        /// What.
        what: &'static str,
        /// Processes.
        ranks: usize,
    },
    /// The processes would not train the same.
    #[error(
        "rank {rank} has {what}: {theirs}, and rank 0 has {ours}; all ranks must train the same, or the network is none \
         of theirs{}",
        if *allowed { " (--mixed allows other instruction sets; the bits are then not promised)" } else { "" }
    )]
    Differs {
        /// Which one.
        rank: usize,
        /// In what.
        what: &'static str,
        /// What it has.
        theirs: String,
        /// What the first has.
        ours: String,
        /// Whether a flag allows it.
        allowed: bool,
    },
    /// A picture cannot be decoded that was taken for whole before the training.
    #[error("rank {rank}: {said}")]
    Damaged {
        /// Which one has found it.
        rank: usize,
        /// Which picture, and what is wrong with it.
        said: String,
    },
    /// Another has ended, or sends what it should not.
    #[error("rank {rank} has ended, or is at something else")]
    Lost {
        /// Which one.
        rank: usize,
    },
}

/// How many processes so many shards can have, in words.
fn among(shards: usize) -> String {
    let all: Vec<String> =
        (1..=shards).filter(|ranks| shards.is_multiple_of(*ranks)).map(|ranks| ranks.to_string()).collect();
    match all.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => "one".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_does_not_divide_is_told_those_that_do() {
        let said = RanksError::Uneven { shards: 8, ranks: 3 }.to_string();
        assert!(said.contains("start 1, 2, 4 or 8,") && said.contains("a multiple of 3"), "{said}");
        let said = RanksError::Uneven { shards: 1, ranks: 3 }.to_string();
        assert!(said.contains("start 1,"), "{said}");
    }
}
