//! What convolutions and the maps between them are computed in.

use std::cell::Cell;

use candle_core::Error;

use crate::kernels::simd::{Pairs, Simd, Unit, simd};

/// What convolutions and the maps between them are computed in.
///
/// With [`Precision::Bf16`] maps are bfloat16 (8 bits of significand, the range of float32) from
/// the first convolution on, as are the gradients of maps: half the memory, and pairs that the
/// processor multiplies as they lie. A convolution rounds a float32 map that it is given; what is
/// made of its output by operations of this crate is bfloat16 as well. Sums, statistics, weights
/// and their gradients stay float32, so that a training step needs no scaling of the loss; so does
/// what a map is pooled to, and what a linear layer or a layer norm makes of it. It holds for
/// float32 on the CPU.
///
/// [`Precision::Int8`] is for answers alone: where nobody wants a gradient, those of the same
/// convolutions that have one group, and linear layers, multiply integers. The weight of an output
/// channel is rounded to -127..=127 times a scale, and each window of the map, while it is read, to
/// 0..=255 with a scale and a zero of its own, so nothing has to be measured on pictures before.
/// Sums are exact. Weights are rounded at every call unless they are kept
/// ([`PackedWeights`](crate::PackedWeights)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// float32 (PyTorch's default).
    #[default]
    F32,
    /// Maps of bfloat16, float32 sums (PyTorch: `torch.autocast("cpu", torch.bfloat16)`).
    Bf16,
    /// Integers of 8 bits, summed in 32; fast where the processor multiplies them (AVX512-VNNI).
    Int8,
}

/// Why a machine does not compute in a precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrecisionError {
    /// There are no instructions for it.
    #[error(
        "bf16 needs a processor with AVX512-BF16 (AMD's from Zen 4 on, Intel's Xeons from Sapphire Rapids on), which this \
         one is not: leave it at f32"
    )]
    Processor,
    /// The kernels do not use them.
    #[error("bf16 needs the kernels of AVX-512, and they are held to {0:?}: leave out TAPER_SIMD, or this at f32")]
    Kernels(Simd),
}

thread_local! {
    static CURRENT: Cell<Precision> = const { Cell::new(Precision::F32) };
}

impl Precision {
    /// What the operations of this thread are recorded with now.
    pub fn current() -> Self {
        CURRENT.get()
    }

    /// Runs `f`, whose operations on this thread compute their products in this precision; in their
    /// backward passes, too, whenever those run.
    ///
    /// # Errors
    /// That of `f`; or, before it runs, when the processor has no instructions for it
    /// ([`Precision::check`]).
    ///
    /// # Examples
    /// ```
    /// use candle_core::{DType, Device, Tensor};
    /// use taper_tensor::{Conv, Precision, conv2d};
    /// let x = Tensor::full(1.01f32, (1, 1, 1, 2), &Device::Cpu)?; // two channels
    /// let weight = Tensor::ones((1, 2, 1, 1), x.dtype(), &Device::Cpu)?;
    /// if Precision::Bf16.check().is_ok() {
    ///     let y = Precision::Bf16.run(|| conv2d(&x, &weight, None, Conv::default()))?;
    ///     assert_eq!(y.dtype(), DType::BF16);
    ///     assert_eq!(y.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?, [2.015625]); // 1.01 is 1.0078125 there
    /// }
    /// # Ok::<(), candle_core::Error>(())
    /// ```
    pub fn run<R, E: From<Error>>(self, f: impl FnOnce() -> Result<R, E>) -> Result<R, E> {
        struct Before(Precision);
        impl Drop for Before {
            fn drop(&mut self) {
                CURRENT.set(self.0);
            }
        }
        self.check().map_err(Error::wrap)?;
        let _before = Before(CURRENT.replace(self));
        f()
    }

    /// Whether this machine computes in this precision.
    ///
    /// # Errors
    /// The reason, when it does not.
    pub fn check(self) -> Result<(), PrecisionError> {
        match self {
            Precision::Bf16 if !<f32 as Pairs>::exist() => Err(PrecisionError::Processor),
            Precision::Bf16 if simd() != Simd::Avx512 => Err(PrecisionError::Kernels(simd())),
            _ => Ok(()),
        }
    }
}

/// What computes on this machine: the instruction set of its kernels, and what multiplies pairs of
/// bfloat16. Machines on which this is the same compute the same bits.
pub fn arithmetic() -> String {
    format!("{:?}, pairs by {:?}", simd(), Unit::of(simd()))
}
