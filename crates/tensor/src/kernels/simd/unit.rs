//! The unit of a processor that multiplies blocks of pairs, where there is one.

#[cfg(target_arch = "x86_64")]
use super::amx;
use super::tiles::Tiles;
#[cfg(test)]
use super::tiles::plain;

/// Who multiplies blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// AMX.
    #[cfg(target_arch = "x86_64")]
    Amx,
    /// Plain code: what the tests hold the other to, and put in its place where it is not.
    #[cfg(test)]
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
            #[cfg(test)]
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
                #[cfg(test)]
                Self::Plain => plain(tiles),
            }
        }
    }
}
