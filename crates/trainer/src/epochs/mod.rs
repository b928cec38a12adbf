//! A training in epochs of anything that takes steps and is measured: the loop, its checkpoints and
//! what looks on, for networks that are no classifiers.
//!
//! In reading order: an [`EpochRow`] is what an epoch came to, [`State`] all that such a training
//! depends on between two steps, as a file; [`Mover`] is an optimizer with the course of its rate;
//! a [`Watcher`] looks on. [`Trained`] is what a training is of, and [`train`] goes through its
//! epochs. [`folder`] is what lies in the folder of a run.
//!
//! Classifiers have more than this (phases by layers, averages of weights, several processes): they
//! are trained by [`fit`](crate::fit).

mod row;

mod state;

mod mover;

mod watcher;

mod trained;

mod train;

pub mod folder;

pub use mover::{Mover, SettingError, StepConfig, groups};
pub use row::{Columns, EpochRow};
pub use state::{State, Tensors};
pub use train::{Seconds, Started, Stop, train};
pub use trained::{Place, Taken, Trained};
pub use watcher::{Silent, Watcher};
