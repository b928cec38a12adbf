//! The kernels' room: plain functions over contiguous slices, parallel over fixed parts of the data, so
//! that no bit of a result depends on the number of threads.
//!
//! `mod.rs` is the door to candle's storage. `simd`, `micro` (the dense product), `pairs` (bfloat16) and `parallel` are
//! what the products are made of: `conv` chooses between `winograd`, `direct` and `depthwise`; `linear` is the fully
//! connected layer. The other layers run at the speed of memory and are what their names say, on `rows`, `rewrite`
//! (gradients in their own memory), `fill` and `elementwise`; `normalise` is the pass of batch norm that writes. `tally` is what a product does with its output on the way:
//! `moments` are mean and variance from sums of blocks, `gate` finishes a gradient; `recycler` keeps memory.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;

use candle_core::{CpuStorage, DType, Device, Layout, Result, Shape, Tensor, WithDType, bail};

use simd::{Job, Simd};

pub(crate) mod average_pool;
pub(crate) mod batch_norm;
pub(crate) mod concat;
pub(crate) mod conv;
mod depthwise;
mod direct;
pub(crate) mod dropout;
pub(crate) mod elementwise;
mod fill;
pub(crate) mod fractional_pool;
pub(crate) mod gate;
pub(crate) mod linear;
pub(crate) mod max_pool;
pub(crate) mod maxout;
mod micro;
pub(crate) mod moments;
pub(crate) mod normalise;
mod pairs;
mod parallel;
pub(crate) mod recycler;
pub(crate) mod rewrite;
pub(crate) mod rows;
pub(crate) mod simd;
pub(crate) mod softmax;
mod tally;
pub(crate) mod transpose;
mod winograd;

/// The floats that kernels are written for.
pub(crate) trait Real: pairs::Pairs + WithDType + std::ops::Neg<Output = Self> + std::iter::Sum {
    const ZERO: Self;
    const NEG_INFINITY: Self;
    fn exp(self) -> Self;
    fn ln(self) -> Self;
    /// All elements of a storage of this type.
    fn all_mut(storage: &mut CpuStorage) -> Option<&mut [Self]>;
    /// `a · b + c`, with one rounding where the target has an instruction for that.
    fn fused(a: Self, b: Self, c: Self) -> Self;
    /// Numbers in a vector of an instruction set.
    fn lanes(simd: Simd) -> usize;
    /// Runs a job compiled for an instruction set.
    ///
    /// # Safety
    /// As [`Job::run`].
    unsafe fn launch<J: Job<Self>>(simd: Simd, job: J);
}

/// Whether the target multiplies and adds in one instruction without being asked at run time.
const FUSED: bool = cfg!(any(target_arch = "aarch64", target_feature = "fma"));

impl Real for f32 {
    const ZERO: f32 = 0.0;
    const NEG_INFINITY: f32 = f32::NEG_INFINITY;
    #[inline(always)]
    fn fused(a: f32, b: f32, c: f32) -> f32 {
        if FUSED { a.mul_add(b, c) } else { a * b + c }
    }
    fn lanes(simd: Simd) -> usize {
        simd::lanes_f32(simd)
    }
    unsafe fn launch<J: Job<f32>>(simd: Simd, job: J) {
        // SAFETY: the caller's promise.
        unsafe { simd::launch_f32(simd, job) }
    }
    fn exp(self) -> f32 {
        self.exp()
    }
    fn ln(self) -> f32 {
        self.ln()
    }
    fn all_mut(storage: &mut CpuStorage) -> Option<&mut [f32]> {
        if let CpuStorage::F32(all) = storage { Some(all) } else { None }
    }
}

impl Real for f64 {
    const ZERO: f64 = 0.0;
    const NEG_INFINITY: f64 = f64::NEG_INFINITY;
    #[inline(always)]
    fn fused(a: f64, b: f64, c: f64) -> f64 {
        if FUSED { a.mul_add(b, c) } else { a * b + c }
    }
    fn lanes(_: Simd) -> usize {
        4
    }
    unsafe fn launch<J: Job<f64>>(_: Simd, job: J) {
        // SAFETY: the caller's promise.
        unsafe { job.run::<simd::Portable<f64, 4>>() }
    }
    fn exp(self) -> f64 {
        self.exp()
    }
    fn ln(self) -> f64 {
        self.ln()
    }
    fn all_mut(storage: &mut CpuStorage) -> Option<&mut [f64]> {
        if let CpuStorage::F64(all) = storage { Some(all) } else { None }
    }
}

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

/// Whether the processor multiplies pairs of bfloat16.
pub(crate) fn takes_pairs() -> bool {
    <f32 as pairs::Pairs>::exist()
}

/// Whether there is a kernel for this tensor; otherwise the composed form runs.
pub(crate) fn fits(x: &Tensor) -> bool {
    x.device().is_cpu() && matches!(x.dtype(), DType::F32 | DType::F64)
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

/// A vector of `len` elements without clearing it first.
///
/// # Safety
/// `fill` must write every element.
pub(crate) unsafe fn filled<T: Copy>(len: usize, fill: impl FnOnce(&mut [MaybeUninit<T>])) -> Vec<T> {
    let mut values = Vec::with_capacity(len);
    fill(&mut values.spare_capacity_mut()[..len]);
    // SAFETY: the capacity is at least len and the caller's promise makes the elements initialised.
    unsafe { values.set_len(len) };
    values
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
pub(crate) fn with2<T: WithDType, R>(a: &Tensor, b: &Tensor, run: impl FnOnce(&[T], &[T]) -> R) -> Result<R> {
    with::<T, _>(a, |a| with::<T, _>(b, |b| run(a, b)))?
}
