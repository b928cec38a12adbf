//! Who looks on.

use std::ops::ControlFlow;
use std::path::Path;

use super::row::EpochRow;
use crate::fit::StepInfo;

/// Somebody who looks on at a training, and may end it.
pub trait Watcher {
    /// It begins, or goes on after some epochs, in this folder, with so many pictures an epoch.
    fn begin(&mut self, _folder: &Path, _epochs: usize, _done: usize, _pictures: usize) {}

    /// A step is done; the training is ended, and can go on, where this breaks.
    fn step(&mut self, _: &StepInfo) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// So many of the validation pictures have been looked at.
    fn measuring(&mut self, _done: usize, _all: usize) {}

    /// An epoch of so many is done.
    fn epoch(&mut self, _: &EpochRow, _epochs: usize) {}
}

/// Looks on and does nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Watcher for Silent {}
