//! What is known after an epoch.

use crate::evaluate::health::Health;
use crate::objective::Metric;

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
    /// Validation loss, nats; of numbers what `optimize.number_loss` makes of standard deviations.
    pub val_loss: f64,
    /// What the network is judged by.
    pub metric: Metric,
    /// Its value on the validation pictures: with one class their accuracy, fraction.
    pub val_accuracy: f64,
    /// Signs of how it fares.
    pub health: Health,
}
