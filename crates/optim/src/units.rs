//! What a unit of a layer's weights is, for whatever treats each by itself.

use candle_core::{Result, Tensor};

/// A matrix with a row for each unit: the first axis counts the outputs of a layer's weights, and
/// a vector or scalar is one unit.
pub(crate) fn rows(tensor: &Tensor) -> Result<Tensor> {
    let tensor = tensor.detach();
    match tensor.dims() {
        [] | [_] => tensor.reshape((1, tensor.elem_count())),
        [outputs, inputs @ ..] => tensor.reshape((*outputs, inputs.iter().product::<usize>())),
    }
}
