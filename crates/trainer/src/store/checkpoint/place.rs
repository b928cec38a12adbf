//! How far a training has come.

/// How far a training has come.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Place {
    /// The phase, from 0, and the steps before it.
    pub(crate) phase: usize,
    pub(crate) first_step: usize,
    /// Epochs of the phase that are done, and batches of the next.
    pub(crate) epochs: usize,
    pub(crate) batches: usize,
    /// Batches that the mean loss of the epoch at hand is of.
    pub(crate) counted: usize,
    /// Steps left out before this phase and in it.
    pub(crate) skipped: [u64; 2],
}
