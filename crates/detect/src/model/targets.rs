//! Numbers of Rust's as tensors, and back.

use candle_core::{DType, Device, Result, Tensor};

/// Places in a tensor, for `index_select`.
pub(super) fn indices(places: &[usize]) -> Result<Tensor> {
    let places: Vec<u32> = places.iter().map(|&place| place as u32).collect();
    let count = places.len();
    Tensor::from_vec(places, count, &Device::Cpu)
}

/// Four numbers a row.
pub(super) fn rows(deltas: Vec<[f32; 4]>) -> Result<Tensor> {
    let count = deltas.len();
    Tensor::from_vec(deltas.concat(), (count, 4), &Device::Cpu)
}

/// All numbers of a tensor.
pub(super) fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.detach().flatten_all()?.to_dtype(DType::F32)?.to_vec1()
}

/// Zero, as a function of a tensor whose gradient is to be 0.
pub(super) fn nothing_of(tensor: &Tensor) -> Result<Tensor> {
    tensor.narrow(0, 0, 1)?.sum_all()? * 0.0
}
