//! Max pooling as a layer.

use candle_core::{Result, Tensor};

use crate::{Graph, Layer, Mode, Operation, Pool, Value, max_pool2d};

/// [`max_pool2d`].
impl Layer for Pool {
    fn forward(&self, x: &Tensor, _: Mode<'_>) -> Result<Tensor> {
        max_pool2d(x, *self)
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        graph.add(Operation::MaxPool(*self), &[x], &[])
    }
}
