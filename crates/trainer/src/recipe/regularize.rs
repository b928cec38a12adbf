//! What keeps a network from learning by heart.

use serde::{Deserialize, Serialize};
use taper_regularize::DropPer;

/// What keeps the network from learning by heart. Biases and norm scales are left out of all that acts on weights.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RegularizeRecipe {
    /// Decay of weights, decoupled or coupled as the rule has it. Default 0.01.
    pub weight_decay: f64,
    /// Part of the target spread over all classes, fraction. Default 0.1.
    pub label_smoothing: f64,
    /// *α* of mixup, 0 for none. Default 0.
    pub mixup: f64,
    /// *α* of CutMix, 0 for none; with mixup each has half of the batches. Default 0.
    pub cutmix: f64,
    /// The factor of Σ|w|, by a proximal step that makes weights exactly 0. Default 0.
    pub l1: f64,
    /// The factor of Σw²/2, in the gradient. Default 0.
    pub l2: f64,
    /// The longest that the weights of a unit may be, 0 for any length. Default 0.
    pub max_norm: f64,
    /// Probability that the last residual block of the backbone is left out of a step, those before it less often; 0 for
    /// never, the paper's 0.5. Default 0.
    pub stochastic_depth: f64,
    /// Whether a block is left out for a whole `batch`, which saves its time, or for each `sample`. Default `batch`.
    pub drop_per: DropPer,
    /// How many times smaller `small_cnn` pools a side, by random regions: in (1, 2], or 0 for max pooling. Default 0.
    pub fractional_pooling: f64,
    /// Epochs without a lower validation loss after which a phase ends with the network of its best epoch; 0 for never.
    /// Default 0.
    pub patience: usize,
    /// By how much a loss must be lower to count, nats. Default 0.
    pub min_delta: f64,
}

impl Default for RegularizeRecipe {
    fn default() -> Self {
        Self {
            weight_decay: 0.01,
            label_smoothing: 0.1,
            mixup: 0.0,
            cutmix: 0.0,
            l1: 0.0,
            l2: 0.0,
            max_norm: 0.0,
            stochastic_depth: 0.0,
            drop_per: DropPer::Batch,
            fractional_pooling: 0.0,
            patience: 0,
            min_delta: 0.0,
        }
    }
}

impl RegularizeRecipe {
    /// Whether pictures of a batch are mixed.
    pub(crate) fn mixes(&self) -> bool {
        self.mixup != 0.0 || self.cutmix != 0.0
    }
}
