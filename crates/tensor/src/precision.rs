//! What the products of convolutions are computed in.

use std::cell::Cell;

use candle_core::{Error, bail};

use crate::kernels::simd::{Simd, simd};
use crate::kernels::takes_pairs;

/// What the products of convolutions are computed in.
///
/// With [`Precision::Bf16`] both operands of a product are rounded to bfloat16 (8 bits of significand, the range of
/// float32); sums, feature maps, weights and their gradients stay float32, so that a training step needs no scaling of
/// the loss. It holds for direct convolutions of float32 maps on the CPU: 1x1, strided, dilated and grouped ones, in both
/// directions. Winograd's, which would lose too many digits and are as fast without, depthwise ones, which wait for
/// memory, and linear layers, likewise, stay as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// float32 (PyTorch's default).
    #[default]
    F32,
    /// bfloat16 operands, float32 sums (PyTorch: `torch.autocast("cpu", torch.bfloat16)`).
    Bf16,
}

thread_local! {
    static CURRENT: Cell<Precision> = const { Cell::new(Precision::F32) };
}

impl Precision {
    /// What the operations of this thread are recorded with now.
    pub fn current() -> Self {
        CURRENT.get()
    }

    /// Runs `f`, whose operations on this thread compute their products in this precision; in their backward passes, too,
    /// whenever those run.
    ///
    /// # Errors
    /// That of `f`; or, before it runs, when the processor has no instructions for it ([`Precision::check`]).
    ///
    /// # Examples
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use taper_tensor::{Conv, Precision, conv2d};
    /// let x = Tensor::full(1.01f32, (1, 1, 1, 2), &Device::Cpu)?; // two channels
    /// let weight = Tensor::ones((1, 2, 1, 1), x.dtype(), &Device::Cpu)?;
    /// if Precision::Bf16.check().is_ok() {
    ///     let y = Precision::Bf16.run(|| conv2d(&x, &weight, None, Conv::default()))?;
    ///     assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [2.015625]); // 1.01 is 1.0078125 there
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
        self.check()?;
        let _before = Before(CURRENT.replace(self));
        f()
    }

    /// Whether this machine computes in this precision.
    ///
    /// # Errors
    /// The reason, when it does not.
    pub fn check(self) -> candle_core::Result<()> {
        if self == Precision::F32 {
            return Ok(());
        }
        if !takes_pairs() {
            bail!(
                "precision bf16 needs a processor with AVX512-BF16 (AMD from Zen 4, Intel's servers from Cooper Lake \
                 or Sapphire Rapids); this one has none: leave it at f32"
            );
        }
        if simd() != Simd::Avx512 {
            bail!("precision bf16 needs the kernels of AVX-512; they are held to {:?} (TAPER_SIMD)", simd());
        }
        Ok(())
    }
}
