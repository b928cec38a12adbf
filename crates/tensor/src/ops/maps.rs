//! How maps lie in memory between operations: in float32, or in bfloat16 where convolutions compute
//! in that.
//!
//! Under [`Precision::Bf16`] a convolution rounds the map that it is given, and its output and all
//! that is made of it are bfloat16; operations that have no kernel for such maps read them as
//! float32, and so do the losses. Parameters, their gradients, and statistics stay float32.

use candle_core::{DType, Result, Tensor};
use half::bf16;

use super::precision::Precision;
use crate::autograd::tape;
use crate::kernels;
use crate::kernels::elementwise::converted;
use crate::kernels::simd::Stored;

/// A map as convolutions of the current precision read it.
pub(crate) fn stored(x: &Tensor) -> Result<Tensor> {
    match Precision::current() {
        Precision::Bf16 if x.dtype() == DType::F32 && x.device().is_cpu() => halved(x),
        _ => Ok(x.clone()),
    }
}

/// A map of bfloat16 in float32, if its parameters are float32.
pub(crate) fn wide(x: &Tensor, parameter: &Tensor) -> Result<Tensor> {
    if parameter.dtype() == DType::F32 { numbers(x) } else { Ok(x.clone()) }
}

/// What a map has been pooled to: numbers, which are not bfloat16.
pub(crate) fn numbers(x: &Tensor) -> Result<Tensor> {
    match x.dtype() {
        DType::BF16 if x.device().is_cpu() => convert::<bf16, f32>(x),
        _ => Ok(x.clone()),
    }
}

/// The type of the parameters and the statistics of a map.
pub(crate) fn parameters(map: &Tensor) -> DType {
    if map.dtype() == DType::BF16 { DType::F32 } else { map.dtype() }
}

/// A map as another one lies.
pub(crate) fn like(x: &Tensor, other: &Tensor) -> Result<Tensor> {
    match (x.dtype(), other.dtype()) {
        (DType::F32, DType::BF16) if x.device().is_cpu() => halved(x),
        (DType::BF16, DType::F32) => wide(x, other),
        _ => Ok(x.clone()),
    }
}

fn halved(x: &Tensor) -> Result<Tensor> {
    convert::<f32, bf16>(x)
}

fn convert<A: Stored<Real = f32>, B: Stored<Real = f32>>(x: &Tensor) -> Result<Tensor> {
    let y: Vec<B> = kernels::with::<A, _>(&x.contiguous()?, converted)?;
    tape::record(y, x.shape(), &[x], |dy| {
        let dx: Vec<A> = kernels::with::<B, _>(dy, converted)?;
        Ok(vec![Some(kernels::tensor(dx, dy.shape())?)])
    })
}
