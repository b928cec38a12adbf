//! The vector that kernels are written for, and the work that is compiled for each instruction set.

use half::bf16;

use super::element::Element;

/// Maps, and weights made ready, of more bytes than this are stored past the caches
/// ([`Lanes::stream`]): they would only empty them, and a line that is not in the cache would be
/// read before it is written. (1x1 from 64 to 256 channels at 56x56: 210 GFLOP/s instead of 185.)
pub(crate) const STREAMED: usize = 12 << 20;

/// A vector of elements. Methods are inlined into a [`Job`] compiled for the instructions they
/// need: calling one elsewhere is what makes them unsafe, besides the pointers.
pub(crate) trait Lanes: Copy {
    type Real: Element;
    /// How many elements.
    const N: usize;
    /// Rows of a tile of the dense product, two vectors wide: as many as leave registers for the
    /// operands.
    const ROWS: usize;
    /// Whether sums are taken of what its products write: of integers there are none.
    const TALLIED: bool;
    unsafe fn splat(x: Self::Real) -> Self;
    unsafe fn load(p: *const Self::Real) -> Self;
    unsafe fn store(self, p: *mut Self::Real);
    unsafe fn add(self, b: Self) -> Self;
    unsafe fn sub(self, b: Self) -> Self;
    unsafe fn mul(self, b: Self) -> Self;
    /// `self · b + c`
    unsafe fn mul_add(self, b: Self, c: Self) -> Self;
    /// A step of k of the dense product: [`Lanes::mul_add`], or of four steps where the vector's
    /// elements are quads.
    unsafe fn product(self, b: Self, c: Self) -> Self;
    /// `c - self · b`
    unsafe fn neg_mul_add(self, b: Self, c: Self) -> Self;
    /// The larger one; `b` where one of them is NaN.
    unsafe fn max(self, b: Self) -> Self;
    /// `g` where `self` is above zero or NaN, else zero: the rectifier's gradient.
    unsafe fn pass(self, g: Self) -> Self;
    /// A bit for each element, from the lowest on: whether it is above zero or NaN.
    unsafe fn signs(self) -> u16;
    /// The elements whose bits are set, zero in the place of the others.
    unsafe fn only(self, signs: u16) -> Self;

    /// Stores the first `n` elements, numbers in 0..=255, rounded to the nearest integers.
    unsafe fn store_bytes(self, p: *mut u8, n: usize);
    /// `self - zero · total`, all three integers of 32 bits, as floats.
    unsafe fn whole(self, zero: i32, total: Self) -> Self;

    /// Reads as many bfloat16 as the vector has elements.
    #[inline(always)]
    unsafe fn load_halves(p: *const bf16) -> Self {
        let mut all = [<Self::Real as Element>::ZERO; 16];
        for (i, element) in all.iter_mut().enumerate().take(Self::N) {
            // SAFETY: the caller vouches for them; 16 elements hold any vector.
            *element = Self::Real::of(unsafe { *p.add(i) }.to_f64());
        }
        // SAFETY: as above.
        unsafe { Self::load(all.as_ptr()) }
    }

    /// Stores the elements as bfloat16, rounded to the nearest.
    #[inline(always)]
    unsafe fn store_halves(self, p: *mut bf16) {
        let mut all = [<Self::Real as Element>::ZERO; 16];
        // SAFETY: as above, for those that are written.
        unsafe {
            self.store(all.as_mut_ptr());
            for (i, element) in all.iter().enumerate().take(Self::N) {
                *p.add(i) = bf16::from_f32(element.wide() as f32);
            }
        }
    }

    /// Writes the transpose of a block of at most N × N elements: element (i, j) to
    /// `to + j·stride + i`.
    #[inline(always)]
    unsafe fn transpose(from: Block<Self::Real>, to: *mut Self::Real, stride: usize) {
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

    /// Stores past the caches; `p` on a boundary of the vector's size. [`Lanes::fence`] before
    /// another thread reads.
    #[inline(always)]
    unsafe fn stream(self, p: *mut Self::Real) {
        // SAFETY: the caller's promise.
        unsafe { self.store(p) }
    }

    /// Ends a sequence of [`Lanes::stream`].
    #[inline(always)]
    unsafe fn fence() {}

    /// The first `n` elements, at most all; zeros after them.
    #[inline(always)]
    unsafe fn load_up_to(p: *const Self::Real, n: usize) -> Self {
        // SAFETY: the caller vouches for n elements.
        unsafe { if n >= Self::N { Self::load(p) } else { Self::load_part(p, n) } }
    }

    /// Stores the first `n` elements, at most all.
    #[inline(always)]
    unsafe fn store_up_to(self, p: *mut Self::Real, n: usize) {
        // SAFETY: the caller vouches for n elements.
        unsafe { if n >= Self::N { self.store(p) } else { self.store_part(p, n) } }
    }

    /// Fewer than all elements.
    #[inline(always)]
    unsafe fn load_part(p: *const Self::Real, n: usize) -> Self {
        // SAFETY: 16 elements hold any vector; the caller vouches for the n that are read, which
        // may lie on any byte.
        unsafe {
            let mut all = [<Self::Real as Element>::ZERO; 16];
            let bytes = n.min(Self::N) * size_of::<Self::Real>();
            std::ptr::copy_nonoverlapping(p.cast::<u8>(), all.as_mut_ptr().cast(), bytes);
            Self::load(all.as_ptr())
        }
    }

    /// Fewer than all elements.
    #[inline(always)]
    unsafe fn store_part(self, p: *mut Self::Real, n: usize) {
        // SAFETY: as above, for the n that are written.
        unsafe {
            let mut all = [<Self::Real as Element>::ZERO; 16];
            self.store(all.as_mut_ptr());
            let bytes = n.min(Self::N) * size_of::<Self::Real>();
            std::ptr::copy_nonoverlapping(all.as_ptr().cast(), p.cast::<u8>(), bytes);
        }
    }
}

/// Rows of `columns` elements, `stride` apart.
#[derive(Clone, Copy)]
pub(crate) struct Block<T> {
    pub(crate) at: *const T,
    pub(crate) stride: usize,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

/// Writes the transpose of a block of any size: element (i, j) to `to + j·stride + i`.
#[inline(always)]
pub(crate) unsafe fn transpose<V: Lanes>(from: Block<V::Real>, to: *mut V::Real, stride: usize) {
    for i in (0..from.rows).step_by(V::N) {
        for j in (0..from.columns).step_by(V::N) {
            let (rows, columns) = (V::N.min(from.rows - i), V::N.min(from.columns - j));
            // SAFETY: a part of the blocks that the caller vouches for.
            unsafe {
                let at = from.at.add(i * from.stride + j);
                V::transpose(Block { at, rows, columns, ..from }, to.add(j * stride + i), stride);
            }
        }
    }
}

/// Work that is compiled once for every instruction set. `run` must be `#[inline(always)]`, and so
/// must all that it calls with vectors. It uses no closures on vectors: those are compiled for the
/// target's plain instructions.
pub(crate) trait Job<T> {
    /// # Safety
    /// The pointers in the job must be good for what it reads and writes.
    unsafe fn run<V: Lanes<Real = T>>(self);
}
