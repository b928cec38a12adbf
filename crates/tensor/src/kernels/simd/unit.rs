//! What multiplies blocks of pairs: a unit of the processor made for them, its vectors, or plain
//! code.

use super::instruction_set::Simd;
use super::tiles::{Tiles, plain};
#[cfg(target_arch = "x86_64")]
use super::{amx, bf16, pairs::Pairs};

/// Who multiplies blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// AMX.
    #[cfg(target_arch = "x86_64")]
    Amx,
    /// The vectors of AVX512-BF16.
    #[cfg(target_arch = "x86_64")]
    Vectors,
    /// Plain code: what the others are held to, and what is in their place where they are not.
    Plain,
}

impl Unit {
    /// What multiplies blocks beside an instruction set.
    pub(crate) fn of(simd: Simd) -> Self {
        if simd == Simd::Avx512 { Self::all()[0] } else { Self::Plain }
    }

    /// All that this processor has, the fastest first.
    pub(crate) fn all() -> Vec<Self> {
        vec![
            #[cfg(target_arch = "x86_64")]
            (amx::exist(), Self::Amx),
            #[cfg(target_arch = "x86_64")]
            (<f32 as Pairs>::exist(), Self::Vectors),
            (true, Self::Plain),
        ]
        .into_iter()
        .filter_map(|(there, unit)| there.then_some(unit))
        .collect()
    }

    /// Runs `f`, in which this thread may [`multiply`](Self::multiply).
    pub(crate) fn with(self, f: impl FnOnce()) {
        match self {
            // SAFETY: only where the unit is.
            #[cfg(target_arch = "x86_64")]
            Self::Amx => unsafe {
                amx::configure();
                f();
                amx::release();
            },
            #[cfg(target_arch = "x86_64")]
            Self::Vectors => f(),
            Self::Plain => f(),
        }
    }

    /// Multiplies a block.
    ///
    /// # Safety
    /// The pointers hold what [`Tiles`] says; inside of [`with`](Self::with).
    pub(crate) unsafe fn multiply(self, tiles: &Tiles) {
        // SAFETY: the caller's promise.
        unsafe {
            match self {
                #[cfg(target_arch = "x86_64")]
                Self::Amx => amx::multiply(tiles),
                #[cfg(target_arch = "x86_64")]
                Self::Vectors => bf16::multiply(tiles),
                Self::Plain => plain(tiles),
            }
        }
    }
}
