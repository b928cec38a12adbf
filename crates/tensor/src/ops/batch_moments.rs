//! What a batch norm measures.

use candle_core::Tensor;

/// Mean and variance of a batch, by channel.
#[derive(Clone, Debug)]
pub struct BatchMoments {
    /// The mean, (C).
    pub mean: Tensor,
    /// The biased variance (divided by `count`), (C).
    pub variance: Tensor,
    /// How many values each channel has.
    pub count: usize,
}
