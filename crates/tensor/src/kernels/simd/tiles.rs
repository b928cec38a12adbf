//! Blocks of 32x32 sums of products of pairs: what a unit made for them multiplies, and the same in
//! plain code.

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

/// A block of sums on cache lines.
#[repr(C, align(64))]
pub(crate) struct Sums(pub(crate) [f32; SIDE * SIDE]);

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
