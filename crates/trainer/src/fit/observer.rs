//! Who looks on while a network is trained, and what is shown.

use std::ops::ControlFlow;
use std::path::Path;

use taper_nn::Params;

use super::Outcome;
use super::epoch_info::EpochInfo;
use crate::error::ObserverError;
use crate::notice::Notice;

/// What is known after a step.
#[derive(Clone, Debug)]
pub struct StepInfo {
    /// Steps done, from the beginning of the run.
    pub step: usize,
    /// Steps in an epoch.
    pub steps_per_epoch: usize,
    /// The epoch that the step is part of, from 1.
    pub epoch: usize,
    /// Epochs in all.
    pub epochs: usize,
    /// Name of the phase.
    pub phase: &'static str,
    /// Mean loss over the batches of the step.
    pub loss: f64,
    /// Base learning rate.
    pub lr: f64,
    /// Pictures in these batches.
    pub pictures: usize,
}

/// A training that is about to begin.
#[derive(Clone, Copy, Debug)]
pub struct Begin<'a> {
    /// Where it keeps its files, if it does.
    pub folder: Option<&'a Path>,
    /// Its epochs.
    pub epochs: usize,
    /// The pictures of an epoch.
    pub pictures: usize,
}

/// Somebody who looks on: a progress bar, a table, a checkpoint, Ctrl-C. `Break` ends the training.
pub trait Observer {
    /// Before a training, also one that goes on: how much there is to do.
    ///
    /// # Errors
    /// End the training.
    fn begin(&mut self, _: &Begin<'_>) -> Result<(), ObserverError> {
        Ok(())
    }

    /// Something worth a line.
    fn notice(&mut self, _: &Notice) {}

    /// Before the first step of a training that goes on: what has come out until now.
    fn resumed(&mut self, _: &Outcome) {}

    /// After each step.
    fn step(&mut self, _: &StepInfo) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// While an epoch is validated: so many of all pictures are.
    fn validating(&mut self, _done: usize, _all: usize) {}

    /// After each epoch and its validation.
    ///
    /// # Errors
    /// End the training.
    fn epoch(&mut self, _: &EpochInfo, _: &Params) -> Result<ControlFlow<()>, ObserverError> {
        Ok(ControlFlow::Continue(()))
    }
}
