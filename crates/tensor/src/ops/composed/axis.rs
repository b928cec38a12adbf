//! What the composed operations take of an axis, and what they make of nothing.

use candle_core::{DType, Error, Result, Tensor};

/// Some entries of an axis of `size` ones; the entry after them stands for what lies outside.
pub(crate) fn every(x: &Tensor, axis: usize, size: usize, at: impl Iterator<Item = Option<usize>>) -> Result<Tensor> {
    let at = at.map(|at| u32::try_from(at.unwrap_or(size)).map_err(Error::wrap)).collect::<Result<Vec<_>>>()?;
    x.contiguous()?.index_select(&Tensor::new(at, x.device())?, axis)
}

/// The greatest along an axis, which stays with the length 1: the first of equals, to which a
/// gather sends the whole gradient (candle's own maximum shares it).
pub(crate) fn greatest(x: &Tensor, axis: usize) -> Result<Tensor> {
    x.gather(&x.detach().argmax_keepdim(axis)?.contiguous()?, axis)
}

/// A tensor of zeros that depends on these inputs, with gradients of 0: what an operation makes of
/// no elements, or into none.
pub(crate) fn nothing(inputs: &[&Tensor], shape: &[usize]) -> Result<Tensor> {
    let zero = Tensor::zeros((), inputs[0].dtype(), inputs[0].device())?;
    let never = zero.to_dtype(DType::U8)?;
    let mut sum = zero.clone();
    for x in inputs.iter().filter(|x| x.track_op()) {
        // Not times 0: candle gives a factor of 0 no gradient, and infinity times 0 is no number.
        sum = (sum + never.where_cond(&x.sum_all()?, &zero)?)?;
    }
    sum.broadcast_as(shape)?.contiguous()
}
