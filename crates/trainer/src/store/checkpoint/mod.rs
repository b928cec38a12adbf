//! The state of a training, and the files that hold it.
//!
//! [`TrainState`] is all that a training depends on between two steps, at a `place` of its run;
//! `format` is how it lies in a file, `shape` what places a run has, `kept` which files of a run
//! folder stay.

mod error;

mod place;
mod state;

mod format;
mod shape;

mod kept;

pub use self::error::{CheckpointError, EveryError, FormatError, PlaceError};
pub use self::format::{seal, unseal};
pub use self::kept::{CheckpointFiles, Checkpoints, Every};
pub(crate) use self::place::Place;
pub(crate) use self::shape::RunShape;
pub use self::state::TrainState;
pub(crate) use self::state::{EpochRecord, PatienceState};
