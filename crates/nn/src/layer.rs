//! What a layer is, and whether it is being trained.

use candle_core::{Result, Tensor, Var, bail};

use crate::{Graph, Rng, Value};

/// How a layer runs.
///
/// `Train` carries the stream of the step, so training without a seed cannot be written down.
#[derive(Clone, Copy, Debug)]
pub enum Mode<'a> {
    /// Testing: no randomness, running statistics, no gradient for the weights.
    Eval,
    /// Training: noise is drawn from the stream (fork it by the layer's name), weights get gradients.
    Train(&'a Rng),
    /// Testing with the noise of training, for the mean over several draws (Monte-Carlo dropout): running statistics, no
    /// gradient for the weights.
    Sample(&'a Rng),
}

impl<'a> Mode<'a> {
    /// A weight as the forward pass should see it: tracked for the gradient in training, detached in
    /// evaluation, so that a layer in evaluation records no graph and keeps no activations alive.
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

/// A function with weights from tensor to tensor.
pub trait Layer: Send + Sync {
    /// The output for `x`.
    ///
    /// # Errors
    /// When the shape of `x` does not fit the weights.
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor>;

    /// What the layer begins with that needs neither weights nor noise, such as a pool, done to `x`. [`forward`](Self::forward)
    /// takes the result in the place of `x`: it can be kept where the same `x` comes again. By default `x` itself.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    fn prepared(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.clone())
    }

    /// Adds what [`forward`](Self::forward) does in [`Mode::Eval`] to a graph; returns what comes out. By default that is
    /// refused.
    ///
    /// # Errors
    /// When it is not made of the operations of a [`Graph`], or x does not fit.
    fn graph(&self, _: &mut Graph, _: Value) -> Result<Value> {
        bail!("{} cannot be written operation by operation", std::any::type_name::<Self>())
    }
}

/// One after the other.
impl Layer for Vec<Box<dyn Layer>> {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        self.iter().try_fold(x.clone(), |x, layer| layer.forward(&x, mode))
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        self.iter().try_fold(x, |x, layer| layer.graph(graph, x))
    }
}
