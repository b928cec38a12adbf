//! One source for three instruction sets: AVX-512, AVX2 with FMA, and portable code that the compiler vectorises
//! (NEON comes through it).
//!
//! A kernel is a [`Job`], generic over [`Lanes`]; [`launch`](super::Real::launch) runs it compiled for the best set
//! that the processor has. `TAPER_SIMD=avx2` or `portable` forces a lesser one.

#[cfg(target_arch = "x86_64")]
mod bf16;
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(target_arch = "x86_64")]
pub(super) use bf16::{on_pairs, pairs_across, pairs_along};
pub(super) use portable::Portable;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

/// Maps, and weights made ready, of more bytes than this are stored past the caches ([`Lanes::stream`]): they would only
/// empty them, and a line that is not in the cache would be read before it is written. (1x1 from 64 to 256 channels at
/// 56x56: 210 GFLOP/s instead of 185.)
pub(crate) const STREAMED: usize = 12 << 20;

/// A vector of numbers. Methods are inlined into a [`Job`] compiled for the instructions they need: calling one
/// elsewhere is what makes them unsafe, besides the pointers.
pub(crate) trait Lanes: Copy {
    type Real: super::Real;
    /// How many numbers.
    const N: usize;
    /// Rows of a tile of the dense product, two vectors wide: as many as leave registers for the operands.
    const ROWS: usize;
    unsafe fn splat(x: Self::Real) -> Self;
    unsafe fn load(p: *const Self::Real) -> Self;
    unsafe fn store(self, p: *mut Self::Real);
    unsafe fn add(self, b: Self) -> Self;
    unsafe fn sub(self, b: Self) -> Self;
    unsafe fn mul(self, b: Self) -> Self;
    /// `self · b + c`
    unsafe fn mul_add(self, b: Self, c: Self) -> Self;
    /// A step of k of the dense product: [`Lanes::mul_add`], or of two steps where the vector's numbers are pairs.
    unsafe fn product(self, b: Self, c: Self) -> Self;
    /// `c - self · b`
    unsafe fn neg_mul_add(self, b: Self, c: Self) -> Self;
    /// The larger one; `b` where one of them is NaN.
    unsafe fn max(self, b: Self) -> Self;
    /// `g` where `self` is above zero or NaN, else zero: the rectifier's gradient.
    unsafe fn pass(self, g: Self) -> Self;
    /// A bit for each number, from the lowest on: whether it is above zero or NaN.
    unsafe fn signs(self) -> u16;
    /// The numbers whose bits are set, zero in the place of the others.
    unsafe fn only(self, signs: u16) -> Self;

    /// Writes the mirror of a block of at most N × N numbers: element (i, j) to `to + j·stride + i`.
    #[inline(always)]
    unsafe fn mirror(from: Block<Self::Real>, to: *mut Self::Real, stride: usize) {
        for j in 0..from.columns {
            for i in 0..from.rows {
                // SAFETY: the caller vouches for both blocks.
                unsafe { *to.add(j * stride + i) = *from.at.add(i * from.stride + j) }
            }
        }
    }

    /// Asks for the cache line at `p`, which need not be an address that may be read.
    #[inline(always)]
    unsafe fn prefetch(_p: *const Self::Real) {}

    /// As [`Lanes::prefetch`], into the second-level cache alone.
    #[inline(always)]
    unsafe fn prefetch_l2(_p: *const Self::Real) {}

    /// Stores past the caches; `p` on a boundary of the vector's size. [`Lanes::fence`] before another thread reads.
    #[inline(always)]
    unsafe fn stream(self, p: *mut Self::Real) {
        // SAFETY: the caller's promise.
        unsafe { self.store(p) }
    }

    /// Ends a sequence of [`Lanes::stream`].
    #[inline(always)]
    unsafe fn fence() {}

    /// The first `n` numbers, at most all; zeros after them.
    #[inline(always)]
    unsafe fn load_up_to(p: *const Self::Real, n: usize) -> Self {
        // SAFETY: the caller vouches for n numbers.
        unsafe { if n >= Self::N { Self::load(p) } else { Self::load_part(p, n) } }
    }

    /// Stores the first `n` numbers, at most all.
    #[inline(always)]
    unsafe fn store_up_to(self, p: *mut Self::Real, n: usize) {
        // SAFETY: the caller vouches for n numbers.
        unsafe { if n >= Self::N { self.store(p) } else { self.store_part(p, n) } }
    }

    /// Fewer than all numbers.
    #[inline(always)]
    unsafe fn load_part(p: *const Self::Real, n: usize) -> Self {
        // SAFETY: 16 numbers hold any vector; the caller vouches for the n that are read.
        unsafe {
            let mut all = [<Self::Real as super::Real>::ZERO; 16];
            std::ptr::copy_nonoverlapping(p, all.as_mut_ptr(), n.min(Self::N));
            Self::load(all.as_ptr())
        }
    }

    /// Fewer than all numbers.
    #[inline(always)]
    unsafe fn store_part(self, p: *mut Self::Real, n: usize) {
        // SAFETY: as above, for the n that are written.
        unsafe {
            let mut all = [<Self::Real as super::Real>::ZERO; 16];
            self.store(all.as_mut_ptr());
            std::ptr::copy_nonoverlapping(all.as_ptr(), p, n.min(Self::N));
        }
    }
}

/// Rows of `columns` numbers, `stride` apart.
#[derive(Clone, Copy)]
pub(crate) struct Block<T> {
    pub(crate) at: *const T,
    pub(crate) stride: usize,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

/// Writes the mirror of a block of any size: element (i, j) to `to + j·stride + i`.
#[inline(always)]
pub(crate) unsafe fn mirror<V: Lanes>(from: Block<V::Real>, to: *mut V::Real, stride: usize) {
    for i in (0..from.rows).step_by(V::N) {
        for j in (0..from.columns).step_by(V::N) {
            let (rows, columns) = (V::N.min(from.rows - i), V::N.min(from.columns - j));
            // SAFETY: a part of the blocks that the caller vouches for.
            unsafe {
                let at = from.at.add(i * from.stride + j);
                V::mirror(Block { at, rows, columns, ..from }, to.add(j * stride + i), stride);
            }
        }
    }
}

/// Work that is compiled once for every instruction set. `run` must be `#[inline(always)]`, and so must all that it
/// calls with vectors. It uses no closures on vectors: those are compiled for the target's plain instructions.
pub(crate) trait Job<T> {
    /// # Safety
    /// The pointers in the job must be good for what it reads and writes.
    unsafe fn run<V: Lanes<Real = T>>(self);
}

/// An instruction set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Simd {
    /// Whatever the target has without asking.
    Portable = 1,
    /// AVX2 and FMA.
    Avx2 = 2,
    /// AVX-512F.
    Avx512 = 3,
}

/// What a test has forced; 0 for nothing.
static FORCED: AtomicU8 = AtomicU8::new(0);

/// The instruction set that kernels run on: the best of this processor, or a lesser one named by the environment
/// variable `TAPER_SIMD` (`avx512`, `avx2`, `portable`; read once), or by [`force_simd`].
pub fn simd() -> Simd {
    match FORCED.load(Ordering::Relaxed) {
        1 => Simd::Portable,
        2 => Simd::Avx2,
        3 => Simd::Avx512,
        _ => chosen(),
    }
}

/// Makes all kernels of this process run on `simd`, or on the best set that the processor has if that is lesser.
/// For tests and comparisons: results of different sets differ in the last bits.
pub fn force_simd(simd: Simd) {
    FORCED.store(simd.min(best()) as u8, Ordering::Relaxed);
}

fn chosen() -> Simd {
    static CHOSEN: OnceLock<Simd> = OnceLock::new();
    *CHOSEN.get_or_init(|| simd_asked_for().ok().flatten().map_or(best(), |simd| simd.min(best())))
}

/// What the environment variable `TAPER_SIMD` asks for; none where it is not set. Kernels take a name that is none for
/// no name: a program that wants to refuse it asks here when it starts.
///
/// # Errors
/// The value, when it names no instruction set.
pub fn simd_asked_for() -> Result<Option<Simd>, String> {
    let Some(name) = std::env::var_os("TAPER_SIMD") else { return Ok(None) };
    match name.to_str() {
        Some("avx512") => Ok(Some(Simd::Avx512)),
        Some("avx2") => Ok(Some(Simd::Avx2)),
        Some("portable") => Ok(Some(Simd::Portable)),
        _ => Err(format!("TAPER_SIMD must be avx512, avx2 or portable, got {}", name.display())),
    }
}

#[cfg(target_arch = "x86_64")]
fn best() -> Simd {
    // What `on_avx512` and `on_avx2` are compiled for, all of it: a virtual machine may hide some.
    let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    if avx2 && is_x86_feature_detected!("avx512f") {
        Simd::Avx512
    } else if avx2 {
        Simd::Avx2
    } else {
        Simd::Portable
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn best() -> Simd {
    Simd::Portable
}

/// Runs a float32 job on an instruction set that the processor has.
///
/// # Safety
/// As [`Job::run`].
pub(super) unsafe fn launch_f32<J: Job<f32>>(simd: Simd, job: J) {
    // SAFETY: only sets that the processor has are ever named; the pointers are the caller's promise.
    unsafe {
        match simd {
            #[cfg(target_arch = "x86_64")]
            Simd::Avx512 => x86::on_avx512(job),
            #[cfg(target_arch = "x86_64")]
            Simd::Avx2 => x86::on_avx2(job),
            _ => job.run::<Portable<f32, 4>>(),
        }
    }
}

/// How many float32 numbers a vector of an instruction set has.
pub(super) fn lanes_f32(simd: Simd) -> usize {
    match simd {
        Simd::Avx512 => 16,
        Simd::Avx2 => 8,
        Simd::Portable => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Mirror<'a> {
        from: Block<f32>,
        to: &'a mut [f32],
        stride: usize,
    }

    impl Job<f32> for Mirror<'_> {
        #[inline(always)]
        unsafe fn run<V: Lanes<Real = f32>>(self) {
            // SAFETY: the test's blocks are as large as it says.
            unsafe { mirror::<V>(self.from, self.to.as_mut_ptr(), self.stride) }
        }
    }

    struct Signs<'a> {
        values: &'a [f32],
        signs: &'a mut Vec<u16>,
        only: &'a mut Vec<f32>,
    }

    impl Job<f32> for Signs<'_> {
        #[inline(always)]
        unsafe fn run<V: Lanes<Real = f32>>(self) {
            for values in self.values.chunks_exact(V::N) {
                // SAFETY: a vector on both sides.
                unsafe {
                    let (values, mut only) = (V::load(values.as_ptr()), [0f32; 16]);
                    let signs = values.signs();
                    // Bits above the vector's are somebody else's.
                    V::splat(7.0).only(signs | u16::MAX.unbounded_shl(V::N as u32)).store(only.as_mut_ptr());
                    self.signs.extend((0..V::N).map(|i| signs >> i & 1));
                    self.only.extend(&only[..V::N]);
                    assert!(V::N == 16 || signs >> V::N == 0, "no bits but the vector's");
                }
            }
        }
    }

    #[test]
    fn signs_are_bits_of_what_the_rectifier_lets_pass() {
        let mut values = vec![f32::NAN, -0.0, 0.0, f32::INFINITY, f32::NEG_INFINITY, f32::MIN_POSITIVE, -1.0, 1.0];
        let mut rng = crate::Rng::new(1);
        values.extend((0..56).map(|_| rng.normal() as f32));
        for simd in [Simd::Portable, Simd::Avx2, Simd::Avx512] {
            let (mut signs, mut only) = (Vec::new(), Vec::new());
            let job = Signs { values: &values, signs: &mut signs, only: &mut only };
            // SAFETY: as below.
            unsafe { launch_f32(simd.min(best()), job) }
            for (i, v) in values.iter().enumerate() {
                let passes = v.is_nan() || *v > 0.0;
                assert_eq!((signs[i], only[i]), (passes.into(), if passes { 7.0 } else { 0.0 }), "{simd:?}: {v}");
            }
        }
    }

    #[test]
    fn a_mirror_swaps_rows_and_columns_and_touches_nothing_else() {
        for simd in [Simd::Portable, Simd::Avx2, Simd::Avx512] {
            for (rows, columns) in [(1, 1), (16, 16), (8, 8), (17, 3), (3, 33), (40, 20), (15, 31)] {
                let (wide, tall) = (columns + 5, rows + 2);
                let from: Vec<f32> = (0..rows * wide).map(|i| i as f32).collect();
                let mut to = vec![-1f32; columns * tall];
                let block = Block { at: from.as_ptr(), stride: wide, rows, columns };
                // SAFETY: blocks of these sizes; no set is named that the processor lacks.
                unsafe { launch_f32(simd.min(best()), Mirror { from: block, to: &mut to, stride: tall }) }
                for (j, row) in to.chunks_exact(tall).enumerate() {
                    let wanted = (0..tall).map(|i| if i < rows { from[i * wide + j] } else { -1.0 });
                    assert!(row.iter().copied().eq(wanted), "{simd:?} {rows}x{columns}, column {j}");
                }
            }
        }
    }
}
