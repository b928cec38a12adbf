//! What a layer is.

use candle_core::{Result, Tensor};

use crate::activation::Activation;
use crate::graph::{Graph, GraphError, GraphOp, Value};
use crate::mode::Mode;

/// A function with weights from tensor to tensor.
pub trait Layer: Send + Sync {
    /// The output for `x`.
    ///
    /// # Errors
    /// When the shape of `x` does not fit the weights.
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor>;

    /// What the layer begins with that needs neither weights nor noise, such as a pool, done to
    /// `x`. [`forward`](Self::forward) takes the result in the place of `x`: it can be kept where
    /// the same `x` comes again. By default `x` itself.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    fn prepared(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.clone())
    }

    /// Adds what [`forward`](Self::forward) does in [`Mode::Eval`] to a graph; returns what comes
    /// out. By default that is refused.
    ///
    /// # Errors
    /// When it is not made of the operations of a [`Graph`], or x does not fit.
    fn graph(&self, _: &mut Graph, _: Value) -> Result<Value> {
        Err(GraphError::Opaque { layer: std::any::type_name::<Self>() }.into())
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

/// [`Activation::apply`], in every mode.
impl Layer for Activation {
    fn forward(&self, x: &Tensor, _: Mode<'_>) -> Result<Tensor> {
        self.apply(x)
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        graph.add(GraphOp::Activation(*self), &[x], &[])
    }
}
