//! Several processes that train one network, each a part of every batch.
//!
//! [`Ranks`] is what a training needs of them: who this one is, and messages between two of them.
//! [`Alone`] is one process, [`Threads`] are several within one, for tests, and `Mpi` (feature
//! `mpi`) those that `mpirun` or `srun` has started; [`started`] tells whether one of them has.
//! `tree` adds numbers up over all, `exchange` is what else is made of messages, and `alike`
//! refuses processes that would not train the same, `answering` those that would not answer the
//! same.

mod alike;
mod alone;
mod answering;
mod error;
mod exchange;
mod started;
mod threads;
mod tree;

#[cfg(feature = "mpi")]
mod mpi;

use std::fmt;

pub use self::alike::{Fact, require_alike};
pub use self::alone::Alone;
pub use self::answering::{require_one, require_same_answers};
pub use self::error::RanksError;
pub use self::exchange::{agree, broadcast, gather, in_turns, turns};
#[cfg(feature = "mpi")]
pub use self::mpi::{Mpi, MpiError};
pub use self::started::{Started, started};
pub use self::threads::Threads;
pub(crate) use self::tree::{add, add_halves, add_up, lefts, spread};

/// Processes that do the same work, each with its number, from 0: the one of number 0 speaks and
/// writes for all. Messages between two arrive in the order in which they are sent.
pub trait Ranks: fmt::Debug {
    /// The number of this process, from 0.
    fn rank(&self) -> usize;

    /// How many there are.
    fn size(&self) -> usize;

    /// Sends numbers to another. It may wait until they are received.
    ///
    /// # Errors
    /// When the other has ended.
    fn send(&self, to: usize, values: &[f32]) -> Result<(), RanksError>;

    /// Receives as many numbers as there is room for, which another sends.
    ///
    /// # Errors
    /// When the other has ended.
    fn receive(&self, from: usize, values: &mut [f32]) -> Result<(), RanksError>;

    /// Sends to another and receives from it, at once: none waits for the other.
    ///
    /// # Errors
    /// When the other has ended.
    fn exchange(&self, with: usize, sent: &[f32], received: &mut [f32]) -> Result<(), RanksError>;

    /// Sends bytes, of which the other does not know how many.
    ///
    /// # Errors
    /// When the other has ended.
    fn send_bytes(&self, to: usize, bytes: &[u8]) -> Result<(), RanksError>;

    /// Receives them.
    ///
    /// # Errors
    /// When the other has ended.
    fn receive_bytes(&self, from: usize) -> Result<Vec<u8>, RanksError>;
}
