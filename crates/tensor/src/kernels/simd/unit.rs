//! The unit of a processor that multiplies blocks of pairs, where there is one.

#[cfg(target_arch = "x86_64")]
use super::amx;
use super::instruction_set::Simd;
use super::tiles::{Tiles, plain};

/// Who multiplies blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// AMX.
    #[cfg(target_arch = "x86_64")]
    Amx,
    /// Plain code: what the other is held to, and what is in its place where it is not.
    Plain,
}

impl Unit {
    /// The unit of this processor.
    pub(crate) fn find() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        if amx::exist() {
            return Some(Self::Amx);
        }
        None
    }

    /// What multiplies blocks beside an instruction set.
    pub(crate) fn of(simd: Simd) -> Self {
        match Self::find() {
            Some(unit) if simd == Simd::Avx512 => unit,
            _ => Self::Plain,
        }
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
                Self::Plain => plain(tiles),
            }
        }
    }
}
