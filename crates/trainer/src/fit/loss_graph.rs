//! A loss and how its gradients are found.

use candle_core::Tensor;
use taper_transfer::Checkpoints;

/// A loss and how its gradients are found.
pub(super) struct LossGraph {
    pub(super) loss: Tensor,
    /// Where the stages begin, where what lies within is computed again.
    pub(super) checkpoints: Option<Checkpoints>,
}
