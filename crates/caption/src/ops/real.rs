//! Numbers that gates are computed in.

use candle_core::{CpuStorage, Result, Tensor, WithDType};

/// float32 and float64.
pub(super) trait Real: WithDType {
    /// `1 / (1 + exp(-x))`.
    fn sigmoid(self) -> Self;
    /// The hyperbolic tangent.
    fn tanh(self) -> Self;
}

impl Real for f32 {
    fn sigmoid(self) -> Self {
        1.0 / (1.0 + (-self).exp())
    }
    fn tanh(self) -> Self {
        f32::tanh(self)
    }
}

impl Real for f64 {
    fn sigmoid(self) -> Self {
        1.0 / (1.0 + (-self).exp())
    }
    fn tanh(self) -> Self {
        f64::tanh(self)
    }
}

/// The elements of a tensor in row-major order.
pub(super) fn elements<T: Real>(x: &Tensor) -> Result<Vec<T>> {
    x.flatten_all()?.to_vec1()
}

/// A copy of the elements of a tensor, as candle's operations return them.
pub(super) fn storage(x: &Tensor) -> Result<CpuStorage> {
    match x.dtype() {
        candle_core::DType::F64 => Ok(f64::to_cpu_storage_owned(elements(x)?)),
        _ => Ok(f32::to_cpu_storage_owned(elements(x)?)),
    }
}
