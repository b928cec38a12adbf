//! Ranks that `mpirun` or `srun` has started.
//!
//! Only messages between two are used, and no collective operation of the library's: in which order
//! numbers are added up is for `tree` to say. An error within MPI
//! ends all processes, as is its default.

use std::fmt;

use mpi::environment::Universe;
use mpi::point_to_point::send_receive_into;
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, Destination, Source};
use mpi::{Threading, initialize_with_threading};

use super::{Ranks, RanksError, Started};

/// Elements of a message, at most: MPI counts them in 32 bits.
const MOST: usize = 1 << 28;

/// MPI that cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MpiError {
    /// It runs already.
    #[error("MPI runs in this process already")]
    Twice,
    /// It sees other processes than were started.
    #[error(
        "{started} processes were started, and the MPI of this binary sees {seen}: it was built for another MPI than the \
         one whose mpirun or srun has started it; build it again with that MPI's mpicc first in PATH"
    )]
    OtherMpi {
        /// Processes, as the starter has it.
        started: usize,
        /// As MPI has it.
        seen: usize,
    },
}

/// The processes of MPI's world. When it is dropped, MPI ends.
pub struct Mpi {
    world: SimpleCommunicator,
    // Dropped last.
    _universe: Universe,
}

impl Mpi {
    /// Begins MPI in a process that was started so. All messages have to be sent and received by
    /// the thread that calls this.
    ///
    /// # Errors
    /// When it runs already, or sees other processes.
    pub fn start(started: Started) -> Result<Self, MpiError> {
        let (universe, _) = initialize_with_threading(Threading::Funneled).ok_or(MpiError::Twice)?;
        let world = universe.world();
        let seen = world.size() as usize;
        if seen != started.size {
            return Err(MpiError::OtherMpi { started: started.size, seen });
        }
        Ok(Self { world, _universe: universe })
    }

    /// Ends all processes, with a code.
    pub fn abort(&self, code: i32) -> ! {
        self.world.abort(code)
    }
}

impl fmt::Debug for Mpi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mpi").field("rank", &self.rank()).field("size", &self.size()).finish_non_exhaustive()
    }
}

impl Ranks for Mpi {
    fn rank(&self) -> usize {
        self.world.rank() as usize
    }

    fn size(&self) -> usize {
        self.world.size() as usize
    }

    fn send(&self, to: usize, values: &[f32]) -> Result<(), RanksError> {
        let to = self.world.process_at_rank(to as i32);
        values.chunks(MOST).for_each(|part| to.send(part));
        Ok(())
    }

    fn receive(&self, from: usize, values: &mut [f32]) -> Result<(), RanksError> {
        let from = self.world.process_at_rank(from as i32);
        values.chunks_mut(MOST).for_each(|part| _ = from.receive_into(part));
        Ok(())
    }

    fn exchange(&self, with: usize, sent: &[f32], received: &mut [f32]) -> Result<(), RanksError> {
        let with = self.world.process_at_rank(with as i32);
        let (mut sent, mut received) = (sent.chunks(MOST), received.chunks_mut(MOST));
        loop {
            // One may have an element more than the other.
            match (sent.next(), received.next()) {
                (Some(sent), Some(received)) => _ = send_receive_into(sent, &with, received, &with),
                (Some(sent), None) => with.send(sent),
                (None, Some(received)) => _ = with.receive_into(received),
                (None, None) => return Ok(()),
            }
        }
    }

    fn send_bytes(&self, to: usize, bytes: &[u8]) -> Result<(), RanksError> {
        let to = self.world.process_at_rank(to as i32);
        to.send(&(bytes.len() as u64));
        bytes.chunks(MOST).for_each(|part| to.send(part));
        Ok(())
    }

    fn receive_bytes(&self, from: usize) -> Result<Vec<u8>, RanksError> {
        let from = self.world.process_at_rank(from as i32);
        let (length, _) = from.receive::<u64>();
        let mut bytes = vec![0; length as usize];
        bytes.chunks_mut(MOST).for_each(|part| _ = from.receive_into(part));
        Ok(bytes)
    }
}
