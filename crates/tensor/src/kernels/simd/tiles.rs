//! Blocks of 32x32 sums of products of pairs, by a unit of the processor made for them where there
//! is one.

#[cfg(target_arch = "x86_64")]
use super::amx;

/// Rows and columns of a block of sums.
pub(crate) const SIDE: usize = 32;
/// Pairs in a step of k.
pub(crate) const STEP: usize = 16;

/// One block: `to[i, j] = Σ a[i, p] · b[p, j]` over pairs p of bfloat16, both products of a pair
/// being added.
#[derive(Clone, Copy)]
pub(crate) struct Tiles {
    /// Steps of k, at least 1.
    pub(crate) steps: usize,
    /// Rows of pairs, `lda` words apart; of 16 or 32 rows all steps may be read.
    pub(crate) a: *const f32,
    pub(crate) lda: usize,
    /// Pairs of k one below the other, `ldb` = 16 or 32 words apart, which are the columns.
    pub(crate) b: *const f32,
    pub(crate) ldb: usize,
    /// Rows that are wanted, at most 32.
    pub(crate) rows: usize,
    /// 32x32 sums; those that are not wanted may be anything.
    pub(crate) to: *mut f32,
}

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

/// A block in plain code.
///
/// # Safety
/// The pointers hold what [`Tiles`] says.
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "there is no unit to hold to it"))]
pub(super) unsafe fn plain(tiles: &Tiles) {
    let halves = |word: f32| [word.to_bits() << 16, word.to_bits() & 0xffff_0000].map(f32::from_bits);
    for i in 0..tiles.rows {
        for j in 0..tiles.ldb {
            let mut sum = 0.0;
            for p in 0..tiles.steps * STEP {
                // SAFETY: the caller's promise.
                let (a, b) = unsafe { (*tiles.a.add(i * tiles.lda + p), *tiles.b.add(p * tiles.ldb + j)) };
                let ([a0, a1], [b0, b1]) = (halves(a), halves(b));
                sum += a0 * b0 + a1 * b1;
            }
            // SAFETY: the caller's promise.
            unsafe { *tiles.to.add(i * SIDE + j) = sum }
        }
    }
}
