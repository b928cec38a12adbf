//! What a layer is, and whether it is being trained.

use candle_core::{Result, Tensor, Var};

use crate::Rng;

/// How a layer runs.
///
/// `Train` carries the stream of the step, so training without a seed cannot be written down.
#[derive(Clone, Copy, Debug)]
pub enum Mode<'a> {
    /// Testing: no randomness, running statistics, no gradient for the weights.
    Eval,
    /// Training: noise is drawn from the stream (fork it by the layer's name), weights get gradients.
    Train(&'a Rng),
}

impl Mode<'_> {
    /// A weight as the forward pass should see it: tracked for the gradient in training, detached in
    /// evaluation, so that a layer in evaluation records no graph and keeps no activations alive.
    pub fn param(self, weight: &Var) -> Tensor {
        match self {
            Mode::Eval => weight.as_detached_tensor(),
            Mode::Train(_) => weight.as_tensor().clone(),
        }
    }

    /// Whether this is [`Mode::Train`].
    pub fn is_train(self) -> bool {
        matches!(self, Mode::Train(_))
    }
}

/// A function with weights from tensor to tensor.
pub trait Layer: Send + Sync {
    /// The output for `x`.
    ///
    /// # Errors
    /// When the shape of `x` does not fit the weights.
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor>;
}
