//! What a training leaves behind, beside the weights.

use std::time::Duration;

use super::epoch_info::EpochInfo;
use crate::evaluate::Evaluation;

/// What a training leaves behind, beside the weights.
#[derive(Debug, Default)]
pub struct Outcome {
    /// A row an epoch.
    pub history: Vec<EpochInfo>,
    /// Base learning rate of every step.
    pub lrs: Vec<f64>,
    /// The last validation.
    pub evaluation: Evaluation,
    /// Whether an observer ended it early.
    pub stopped: bool,
    /// Time in training steps, waiting included.
    pub train: Duration,
    /// Time in validation.
    pub eval: Duration,
    /// Time spent waiting for pictures.
    pub waited: Duration,
    /// Pictures seen in training.
    pub pictures: usize,
    /// Steps left out because a gradient was not finite.
    pub skipped: u64,
    /// What L1 and L2 add to the loss for the final weights, nats.
    pub penalty: f64,
}
