//! The door to candle's storage: a tensor's elements as a slice, and a vector as a tensor.

use candle_core::{CpuStorage, DType, Device, Layout, Result, Shape, Tensor, WithDType, bail};

/// Runs an expression with `T` standing for the float type of a tensor.
macro_rules! on_floats {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            candle_core::DType::F32 => {
                type $T = f32;
                $body
            }
            candle_core::DType::F64 => {
                type $T = f64;
                $body
            }
            other => candle_core::bail!("this kernel is written for F32 and F64; got {other:?}"),
        }
    };
}
pub(crate) use on_floats;

/// Runs an expression with `M` standing for the type of a map's elements.
macro_rules! on_maps {
    ($dtype:expr, $M:ident => $body:expr) => {
        match $dtype {
            candle_core::DType::BF16 => {
                type $M = half::bf16;
                $body
            }
            dtype => $crate::kernels::on_floats!(dtype, $M => $body),
        }
    };
}
pub(crate) use on_maps;

/// Whether there is a kernel for this tensor; otherwise the composed form runs.
pub(crate) fn fits(x: &Tensor) -> bool {
    x.device().is_cpu() && matches!(x.dtype(), DType::F32 | DType::F64)
}

/// Whether there is a kernel for this map with these parameters, which are never bfloat16.
pub(crate) fn fits_map(x: &Tensor, parameters: &[&Tensor]) -> bool {
    let parameter = if x.dtype() == DType::BF16 { DType::F32 } else { x.dtype() };
    x.device().is_cpu()
        && matches!(x.dtype(), DType::F32 | DType::F64 | DType::BF16)
        && parameters.iter().all(|of| of.dtype() == parameter)
}

/// The elements of a contiguous tensor.
pub(crate) fn slice<'a, T: WithDType>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [T]> {
    match layout.contiguous_offsets() {
        Some((from, to)) => Ok(&T::cpu_storage_as_slice(storage)?[from..to]),
        None => bail!("a kernel needs a contiguous tensor; got {layout:?}"),
    }
}

/// Elements as candle's storage.
pub(crate) fn store<T: WithDType>(values: Vec<T>) -> CpuStorage {
    T::to_cpu_storage_owned(values)
}

/// Elements as a tensor on the CPU.
pub(crate) fn tensor<T: WithDType>(values: Vec<T>, shape: &Shape) -> Result<Tensor> {
    Tensor::from_vec(values, shape, &Device::Cpu)
}

/// Runs a kernel on the elements of a contiguous CPU tensor.
pub(crate) fn with<T: WithDType, R>(x: &Tensor, run: impl FnOnce(&[T]) -> R) -> Result<R> {
    let (storage, layout) = x.storage_and_layout();
    match &*storage {
        candle_core::Storage::Cpu(cpu) => Ok(run(slice::<T>(cpu, layout)?)),
        _ => bail!("a kernel needs a tensor on the CPU"),
    }
}

/// As [`with`], on a tensor that there may be, contiguous or not.
pub(crate) fn with_option<T: WithDType, R>(
    x: Option<&Tensor>,
    run: impl FnOnce(Option<&[T]>) -> Result<R>,
) -> Result<R> {
    match x {
        Some(x) => with::<T, _>(&x.contiguous()?, |x| run(Some(x)))?,
        None => run(None),
    }
}

/// As [`with`], on two tensors.
pub(crate) fn with2<A: WithDType, B: WithDType, R>(
    a: &Tensor,
    b: &Tensor,
    run: impl FnOnce(&[A], &[B]) -> R,
) -> Result<R> {
    with::<A, _>(a, |a| with::<B, _>(b, |b| run(a, b)))?
}
