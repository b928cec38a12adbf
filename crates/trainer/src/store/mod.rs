//! What lies on the disk: the pictures of a run, read once and known again, and its folder, locked
//! while a process trains in it, with summary, snapshots and checkpoints.

mod changed;
mod error;

pub mod hub_data;
pub mod ledger;
pub mod pictures;
pub mod readable;
pub mod sanity;

pub mod claim;
pub mod lock;
pub mod origin;
pub mod snapshots;
pub mod summary;

pub mod checkpoint;
pub mod identity;

pub use self::changed::{Changed, WayOut};
pub use self::checkpoint::{CheckpointError, EveryError, FormatError, PlaceError};
pub use self::error::{LockError, PicturesMissing, StoreError};
