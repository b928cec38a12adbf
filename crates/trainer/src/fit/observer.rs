//! Who looks on while a network is trained, and what is shown.

use std::ops::ControlFlow;

use anyhow::Result;
use taper_nn::Params;

use super::Outcome;
use crate::health::Health;

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

/// What is known after an epoch.
#[derive(Clone, Debug)]
pub struct EpochInfo {
    /// The epoch, from 1.
    pub epoch: usize,
    /// Epochs in all.
    pub epochs: usize,
    /// Name of the phase.
    pub phase: &'static str,
    /// Base learning rate at its end.
    pub lr: f64,
    /// Mean loss over the batches of the epoch.
    pub train_loss: f64,
    /// Validation loss, nats.
    pub val_loss: f64,
    /// Validation accuracy, fraction.
    pub val_accuracy: f64,
    /// Signs of how it fares.
    pub health: Health,
}

/// Somebody who looks on: a progress bar, a table, a checkpoint, Ctrl-C. `Break` ends the training.
pub trait Observer {
    /// Before the first step of a training that goes on: what has come out until now.
    fn resumed(&mut self, _: &Outcome) {}

    /// After each step.
    fn step(&mut self, _: &StepInfo) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// After each epoch and its validation.
    ///
    /// # Errors
    /// End the training.
    fn epoch(&mut self, _: &EpochInfo, _: &Params) -> Result<ControlFlow<()>> {
        Ok(ControlFlow::Continue(()))
    }
}
