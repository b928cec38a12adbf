//! Whether a layer is being trained.

use candle_core::{Tensor, Var};
use taper_tensor::Rng;

/// How a layer runs.
///
/// `Train` carries the stream of the step, so training without a seed cannot be written down.
#[derive(Clone, Copy, Debug)]
pub enum Mode<'a> {
    /// Testing: no randomness, running statistics, no gradient for the weights.
    Eval,
    /// Training: noise is drawn from the stream (fork it by the layer's name), weights get
    /// gradients.
    Train(&'a Rng),
    /// Testing with the noise of training, for the mean over several draws (Monte-Carlo dropout):
    /// running statistics, no gradient for the weights.
    Sample(&'a Rng),
}

impl<'a> Mode<'a> {
    /// A weight as the forward pass should see it: tracked for the gradient in training, detached
    /// in evaluation, so that a layer in evaluation records no graph and keeps no activations
    /// alive.
    pub fn param(self, weight: &Var) -> Tensor {
        match self {
            Mode::Eval | Mode::Sample(_) => weight.as_detached_tensor(),
            Mode::Train(_) => weight.as_tensor().clone(),
        }
    }

    /// The stream of noise; none where there is to be no noise.
    pub fn noise(&self) -> Option<&'a Rng> {
        match self {
            Mode::Eval => None,
            Mode::Train(rng) | Mode::Sample(rng) => Some(rng),
        }
    }

    /// Whether this is [`Mode::Train`].
    pub fn is_train(self) -> bool {
        matches!(self, Mode::Train(_))
    }
}
