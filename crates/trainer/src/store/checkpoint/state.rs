//! All that a training depends on between two steps.

use std::collections::BTreeMap;
use std::path::PathBuf;

use candle_core::Tensor;

use super::place::Place;
use crate::error::{Error, Result};
use crate::evaluate::health::Health;
use crate::store::identity::Identity;

/// Tensors by name.
pub(crate) type Tensors = BTreeMap<String, Tensor>;

/// A training between two steps: all that its end depends on beside recipe and pictures, and which
/// these are. It is saved and loaded as a whole.
#[derive(Clone, Debug, Default)]
pub struct TrainState {
    /// What it is a training of.
    pub(crate) identity: Identity,
    /// How far it has come.
    pub(crate) place: Place,
    /// Parameters and buffers of the network.
    pub(crate) model: Tensors,
    /// What the optimizer remembers.
    pub(crate) optimizer: Tensors,
    /// What the schedule remembers.
    pub(crate) pace: Tensors,
    /// The average of the weights; empty where there is none.
    pub(crate) average: Tensors,
    /// What early stopping remembers.
    pub(crate) patience: Option<PatienceState>,
    /// The epochs that are done.
    pub(crate) history: Vec<EpochRecord>,
    /// Base learning rate of every step.
    pub(crate) lrs: Vec<f64>,
    /// The sum of the losses of the epoch at hand.
    pub(crate) total: f64,
    /// What was seen at the last step of the epoch at hand.
    pub(crate) seen: Option<Health>,
    /// The file that it was read from.
    pub(crate) origin: PathBuf,
}

/// An epoch that is done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EpochRecord {
    /// The number of its phase, from 0.
    pub(crate) phase: usize,
    /// The others as in [`EpochInfo`](crate::fit::EpochInfo).
    pub(crate) lr: f64,
    pub(crate) train_loss: f64,
    pub(crate) val_loss: f64,
    pub(crate) val_accuracy: f64,
    pub(crate) health: Health,
}

/// What early stopping remembers.
#[derive(Clone, Debug, Default)]
pub(crate) struct PatienceState {
    /// Epochs of the phase that it has seen.
    pub(crate) seen: usize,
    /// The best of them, and its loss.
    pub(crate) best: Option<(usize, f64)>,
    /// The network of that epoch.
    pub(crate) weights: Tensors,
}

impl TrainState {
    /// Steps of the run that are done.
    pub fn steps(&self) -> usize {
        self.lrs.len()
    }

    /// What it is a training of.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Adds to an error that what it holds leads to the name of its file.
    pub(crate) fn names_itself<T>(&self, outcome: Result<T>) -> Result<T> {
        outcome.map_err(|error| Error::Misfit { path: self.origin.clone(), source: Box::new(error) })
    }
}
