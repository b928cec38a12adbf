//! Why a checkpoint cannot be gone on with.

use std::path::PathBuf;

use candle_core::Error as TensorError;

use crate::files::FileError;

/// A checkpoint that cannot be gone on with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// Its file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is not a checkpoint, or of another version.
    #[error("{} cannot be gone on with", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: FormatError,
    },
    /// It is of a place that its run does not have.
    #[error(transparent)]
    Place(#[from] PlaceError),
}

impl CheckpointError {
    /// Whether it is as it was written, by another version of taper.
    pub fn is_other_version(&self) -> bool {
        matches!(self, Self::Unusable { source: FormatError::OtherVersion { .. }, .. })
    }
}

/// Bytes that are no state of a training, or none of this version.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// There are fewer bytes than any state has.
    #[error("it is too short")]
    TooShort,
    /// Their SHA-256 is another.
    #[error("its bytes are not those that were written")]
    Damaged,
    /// The header is longer than all.
    #[error("its header is longer than it")]
    HeaderTooLong,
    /// The header is invalid.
    #[error(transparent)]
    Header(#[from] serde_json::Error),
    /// The tensors are larger than all.
    #[error("its tensors are larger than it")]
    TensorsTooLarge,
    /// The tensors cannot be read.
    #[error(transparent)]
    Tensor(#[from] TensorError),
    /// The header lacks the place of the training.
    #[error("it says nothing of its position")]
    NoPosition,
    /// It is as it was written, and not as this version writes one.
    #[error("it was written by another version of taper")]
    OtherVersion {
        /// What this version finds wrong.
        source: serde_json::Error,
    },
    /// The numbers of the history are not four an epoch.
    #[error("{numbers} numbers are no {epochs} rows of a history")]
    History {
        /// How many numbers there are.
        numbers: usize,
        /// How many epochs.
        epochs: usize,
    },
    /// Numbers of an epoch's health are missing.
    #[error("it lacks numbers of an epoch's health")]
    Health,
}

/// A state that no training of its run can have written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// Its tensors are not those of the network.
    #[error("it is of another network")]
    OtherNetwork,
    /// An epoch is of a phase that the recipe does not have.
    #[error("it is of another recipe, which has more phases")]
    OtherRecipe,
    /// The run has no such phase.
    #[error("it is in phase {phase} of {phases}")]
    Phase {
        /// The phase, from 1.
        phase: usize,
        /// How many there are.
        phases: usize,
    },
    /// The phase has fewer epochs.
    #[error("it has done {done} of {epochs} epochs of its phase")]
    Epochs {
        /// Epochs that are done.
        done: usize,
        /// How many there are.
        epochs: usize,
    },
    /// The epoch has fewer batches.
    #[error("it has done {done} of {batches} batches of its epoch")]
    Batches {
        /// Batches that are done.
        done: usize,
        /// How many there are.
        batches: usize,
    },
    /// The loss is one of more batches than are done.
    #[error("its loss is that of {counted} of {done} batches")]
    Loss {
        /// Batches that the loss is of.
        counted: usize,
        /// Batches that are done.
        done: usize,
    },
    /// There are more or fewer learning rates than steps.
    #[error("it has done {steps} steps, and their rates are {rates}")]
    Rates {
        /// Steps that are done.
        steps: usize,
        /// Learning rates.
        rates: usize,
    },
    /// The history is shorter than the epochs that are done.
    #[error("it has done {done} epochs, and the losses are of {losses}")]
    History {
        /// Epochs of the phase that are done.
        done: usize,
        /// Epochs that there are losses of.
        losses: usize,
    },
    /// More steps are left out than are done.
    #[error("it has left out {skipped} of {steps} steps")]
    Skipped {
        /// Steps that are left out.
        skipped: u64,
        /// Steps that are done.
        steps: usize,
    },
    /// Early stopping has seen more epochs than there were.
    #[error("early stopping has seen {seen} of {epochs} epochs")]
    Seen {
        /// Epochs that it has seen.
        seen: usize,
        /// Epochs that are done.
        epochs: usize,
    },
    /// The best epoch of early stopping is not among those seen.
    #[error("the best epoch is not among the {seen} that were seen")]
    Best {
        /// Epochs that it has seen.
        seen: usize,
    },
}

/// Text that does not say [how often](crate::store::checkpoint::Every) a training is written down.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("wanted a number of steps such as 200, or minutes such as 5m; got {got:?}")]
pub struct EveryError {
    /// The text.
    pub got: String,
}
