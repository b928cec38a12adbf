//! The dense product of small matrices: everything that multiplies comes down to this tile.
//!
//! A tile is up to [`Lanes::ROWS`] rows by two vectors of C, held in registers while k runs: 14x32 with AVX-512,
//! 6x16 with AVX2. B is packed in **panels** of two vectors of columns, k rows each, so that it is read in one stream; a
//! last panel of one vector is only that wide. The loops over rows are unrolled by macro: written as loops, LLVM
//! leaves the accumulators in memory.

use super::moments::Slot;
use super::simd::{Job, Lanes};

/// `C = A B`, or `C += A B`.
#[derive(Clone, Copy)]
pub(crate) struct Product<T> {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// Steps of k.
    pub(crate) kc: usize,
    pub(crate) a: *const T,
    /// Elements from row to row of A; of Aᵀ, from k to k.
    pub(crate) lda: usize,
    pub(crate) b: *const T,
    pub(crate) c: *mut T,
    pub(crate) ldc: usize,
    /// Whether C is added to.
    pub(crate) add: bool,
}

/// `C (+)= A B` with B in panels ([`panels`]), of which it may be only some steps of k, for `lines` equal products one
/// after the other: a panel stays in the cache for all of them.
pub(crate) struct Packed<T> {
    product: Product<T>,
    /// The first step of k in the panels, and how many they have.
    k: (usize, usize),
    lines: usize,
    /// From line to line, in A and in C.
    line: (usize, usize),
    streamed: bool,
    moments: Slot<T>,
}

impl<T: super::Real> Packed<T> {
    /// One product with all steps of the panels.
    pub(crate) fn new(product: Product<T>) -> Self {
        let k = (0, product.kc);
        Self { product, k, lines: 1, line: (0, 0), streamed: false, moments: Slot::NONE }
    }

    /// The steps from `first` on of panels that have `all`.
    pub(crate) fn steps(self, first: usize, all: usize) -> Self {
        Self { k: (first, all), ..self }
    }

    /// `lines` products, `a` and `c` elements apart in A and in C.
    pub(crate) fn lines(self, lines: usize, a: usize, c: usize) -> Self {
        Self { lines, line: (a, c), ..self }
    }

    /// Sums up the rows of C, whose columns must be whole vectors.
    pub(crate) fn moments(self, moments: Slot<T>) -> Self {
        Self { moments, ..self }
    }

    /// Whether C is stored past the caches, which needs all its rows on a boundary of 64 bytes.
    pub(crate) fn streamed(self, streamed: bool) -> Self {
        Self { streamed, ..self }
    }
}

/// `C (+)= Aᵀ B` with A (k,rows) and B (k,columns), columns rounded up to whole vectors in B as in C.
pub(crate) struct Transposed<T> {
    product: Product<T>,
    rows: Rows,
    ahead: [Ahead<T>; 2],
}

impl<T> Transposed<T> {
    /// Nothing being asked for ahead.
    pub(crate) fn new(product: Product<T>, rows: Rows) -> Self {
        Self { product, rows, ahead: [Ahead::NOTHING; 2] }
    }

    /// What the product after this one reads.
    pub(crate) fn ahead(self, ahead: [Ahead<T>; 2]) -> Self {
        Self { ahead, ..self }
    }
}

/// Numbers to bring into the cache while a product runs: as many rows as it has steps of k.
#[derive(Clone, Copy)]
pub(crate) struct Ahead<T> {
    pub(crate) at: *const T,
    /// Elements from row to row, and those of a row that are wanted.
    pub(crate) stride: usize,
    pub(crate) columns: usize,
}

impl<T> Ahead<T> {
    pub(crate) const NOTHING: Self = Self { at: std::ptr::null(), stride: 0, columns: 0 };

    /// A column of cache lines; the first is 0. What is left of the number where there are not so many.
    #[inline(always)]
    fn line(&self, number: usize) -> Result<(*const T, usize), usize> {
        let a_line = 64 / size_of::<T>();
        let lines = self.columns.div_ceil(a_line);
        if number < lines { Ok((self.at.wrapping_add(number * a_line), self.stride)) } else { Err(number - lines) }
    }
}

/// How the rows of B lie.
#[derive(Clone, Copy)]
pub(crate) enum Rows {
    /// This many elements apart.
    Apart(usize),
    /// In panels ([`panels`]).
    InPanels,
}

/// How many elements a packed B of `k` rows takes for `columns` columns.
pub(crate) fn packed_len(lanes: usize, columns: usize, k: usize) -> usize {
    columns.next_multiple_of(lanes) * k
}

/// The panels of `columns` columns: first column, and width in columns of the packed form.
#[inline(always)]
pub(crate) fn panels(lanes: usize, columns: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..columns).step_by(2 * lanes).map(move |from| (from, (columns - from).next_multiple_of(lanes).min(2 * lanes)))
}

/// Row blocks of nearly equal height, at most `most`: first row and height.
#[inline(always)]
fn blocks(rows: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let count = rows.div_ceil(most).max(1);
    let (height, taller) = (rows / count, rows % count);
    (0..count).map(move |i| (i * height + i.min(taller), height + usize::from(i < taller)))
}

impl<T: super::Real> Job<T> for Packed<T> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        let Self { product: p, k: (first, all_k), lines, line: (a_line, c_line), streamed, moments } = self;
        let mut whole = [T::ZERO; 14 * 32];
        // SAFETY: rows, columns and steps stay inside what the caller vouched for; `whole` holds the largest tile.
        unsafe {
            for (from, width) in panels(V::N, p.columns) {
                let b = p.b.add(from * all_k + first * width);
                for line in 0..lines {
                    for (row, height) in blocks(p.rows, V::ROWS) {
                        let c = p.c.add(line * c_line + row * p.ldc + from);
                        // A tile of which C has only some columns goes by way of `whole`.
                        let all = from + width <= p.columns;
                        let (to, ldc) = if all { (c, p.ldc) } else { (whole.as_mut_ptr(), 32) };
                        let a = p.a.add(line * a_line + row * p.lda);
                        let add = p.add && all;
                        // Where whole rows of A follow each other, the next tile's are asked for meanwhile.
                        let ahead = if from == 0 && p.lda == p.kc { height } else { 0 };
                        let next = (a.wrapping_add(ahead * p.kc), ahead);
                        let tile = Tile {
                            kc: p.kc,
                            a,
                            lda: p.lda,
                            b,
                            ldb: width,
                            c: to,
                            ldc,
                            add,
                            next,
                            streamed: streamed && all,
                            moments: moments.from(from),
                            first: (line, row) == (0, 0),
                        };
                        tile.run::<V, false>(height, width / V::N);
                        if !all {
                            copy_part(&whole, height, p.columns - from, c, p.ldc, p.add);
                        }
                    }
                }
            }
            V::fence();
        }
    }
}

/// Copies the columns that exist from a tile to C.
#[inline(always)]
unsafe fn copy_part<T: super::Real>(whole: &[T], height: usize, columns: usize, c: *mut T, ldc: usize, add: bool) {
    for row in 0..height {
        for column in 0..columns {
            // SAFETY: the caller vouches for these rows and columns of C.
            unsafe {
                let (to, value) = (c.add(row * ldc + column), whole[row * 32 + column]);
                *to = if add { *to + value } else { value };
            }
        }
    }
}

impl<T: super::Real> Job<T> for Transposed<T> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        let Transposed { product: p, rows, ahead } = self;
        let (mut tiles, moments) = (0, Slot::NONE);
        // SAFETY: as above.
        unsafe {
            for (from, width) in panels(V::N, p.columns) {
                let (b, ldb) = match rows {
                    Rows::Apart(ldb) => (p.b.add(from), ldb),
                    Rows::InPanels => (p.b.add(from * p.kc), width),
                };
                for (row, height) in blocks(p.rows, V::ROWS) {
                    let (a, c) = (p.a.add(row), p.c.add(row * p.ldc + from));
                    let (lda, ldc, add) = (p.lda, p.ldc, p.add);
                    // Each tile asks for a column of lines, while there are any.
                    let next = ahead[0].line(tiles).or_else(|rest| ahead[1].line(rest)).unwrap_or((p.b, 0));
                    let tile =
                        Tile { kc: p.kc, a, lda, b, ldb, c, ldc, add, next, streamed: false, moments, first: false };
                    tile.run::<V, true>(height, width / V::N);
                    tiles += 1;
                }
            }
        }
    }
}

struct Tile<T> {
    kc: usize,
    a: *const T,
    lda: usize,
    b: *const T,
    ldb: usize,
    c: *mut T,
    ldc: usize,
    add: bool,
    /// What to ask for at the first step, and how much further on at each of the following.
    next: (*const T, usize),
    streamed: bool,
    /// Where the sums of its columns go, and whether its first row begins them.
    moments: Slot<T>,
    first: bool,
}

/// Calls a macro for each row that a tile may have.
macro_rules! rows {
    ($m:ident) => {
        $m!(0);
        $m!(1);
        $m!(2);
        $m!(3);
        $m!(4);
        $m!(5);
        $m!(6);
        $m!(7);
        $m!(8);
        $m!(9);
        $m!(10);
        $m!(11);
        $m!(12);
        $m!(13);
    };
}

impl<T: super::Real> Tile<T> {
    /// The tile of `height` rows and `vectors` vectors; `TRANSPOSED` says how A lies.
    #[inline(always)]
    #[allow(clippy::collapsible_match, reason = "a guard is no constant condition: it would leave the code in")]
    unsafe fn run<V: Lanes<Real = T>, const TRANSPOSED: bool>(&self, height: usize, vectors: usize) {
        macro_rules! by_height {
            ($($n:literal)*) => {
                match (height, vectors == 2) {
                    // A constant condition: a set of 6 rows has no code for 14.
                    $(($n, true) => if const { $n <= V::ROWS } { self.multiply::<V, $n, true, TRANSPOSED>() },
                      ($n, false) => if const { $n <= V::ROWS } { self.multiply::<V, $n, false, TRANSPOSED>() },)*
                    _ => {}
                }
            };
        }
        // SAFETY: the caller's promise.
        unsafe { by_height!(1 2 3 4 5 6 7 8 9 10 11 12 13 14) }
    }

    /// H rows of one vector, or of two where `TWO`.
    #[inline(always)]
    unsafe fn multiply<V: Lanes<Real = T>, const H: usize, const TWO: bool, const TRANSPOSED: bool>(&self) {
        // SAFETY: the caller vouches for A, B and C; rows below H and the vectors stay inside them.
        unsafe {
            let zero = V::splat(T::ZERO);
            let (mut left, mut right) = ([zero; 14], [zero; 14]);
            let (c, ldc) = (self.c, self.ldc);
            if self.add {
                macro_rules! take {
                    ($i:tt) => {
                        if $i < H {
                            left[$i] = V::load(c.add($i * ldc));
                            if TWO {
                                right[$i] = V::load(c.add($i * ldc + V::N));
                            }
                        }
                    };
                }
                rows!(take);
            }
            let mut b = self.b;
            // One step of k: a row of B, and H numbers of A wherever they lie.
            macro_rules! step {
                ($b:expr, $a:ident) => {
                    let b: *const T = $b;
                    let b0 = V::load(b);
                    let b1 = if TWO { V::load(b.add(V::N)) } else { zero };
                    macro_rules! row {
                        ($i:tt) => {
                            if $i < H {
                                let x = V::splat(*$a!($i));
                                left[$i] = x.mul_add(b0, left[$i]);
                                if TWO {
                                    right[$i] = x.mul_add(b1, right[$i]);
                                }
                            }
                        };
                    }
                    rows!(row);
                };
            }
            let mut steps = self.kc;
            let (mut next, ahead) = self.next;
            if TRANSPOSED {
                let mut a = self.a;
                macro_rules! at {
                    ($i:tt) => {
                        a.add($i)
                    };
                }
                while steps > 0 {
                    V::prefetch(next);
                    next = next.wrapping_add(ahead);
                    step!(b, at);
                    a = a.add(self.lda);
                    b = b.add(self.ldb);
                    steps -= 1;
                }
            } else {
                // One base address for three rows: fourteen addresses would not fit the registers.
                let lda = opaque(self.lda as *const T) as usize;
                let at = |row: usize| self.a.wrapping_add(row * lda);
                let (mut a0, mut a3, mut a6, mut a9, mut a12) = (at(0), at(3), at(6), at(9), at(12));
                macro_rules! at {
                    (0) => {
                        a0
                    };
                    (1) => {
                        a0.wrapping_add(lda)
                    };
                    (2) => {
                        a0.wrapping_add(2 * lda)
                    };
                    (3) => {
                        a3
                    };
                    (4) => {
                        a3.wrapping_add(lda)
                    };
                    (5) => {
                        a3.wrapping_add(2 * lda)
                    };
                    (6) => {
                        a6
                    };
                    (7) => {
                        a6.wrapping_add(lda)
                    };
                    (8) => {
                        a6.wrapping_add(2 * lda)
                    };
                    (9) => {
                        a9
                    };
                    (10) => {
                        a9.wrapping_add(lda)
                    };
                    (11) => {
                        a9.wrapping_add(2 * lda)
                    };
                    (12) => {
                        a12
                    };
                    (13) => {
                        a12.wrapping_add(lda)
                    };
                }
                macro_rules! forward {
                    ($n:literal) => {
                        (a0, a3, a6, a9, a12) = (
                            a0.wrapping_add($n),
                            a3.wrapping_add($n),
                            a6.wrapping_add($n),
                            a9.wrapping_add($n),
                            a12.wrapping_add($n),
                        );
                        b = b.add($n * self.ldb);
                        steps -= $n;
                    };
                }
                macro_rules! later {
                    ($i:tt) => {
                        at!($i).wrapping_add(1)
                    };
                }
                while steps >= 2 {
                    V::prefetch(next);
                    V::prefetch(next.wrapping_add(16));
                    next = next.wrapping_add(2 * ahead);
                    (a0, a3, a6, a9, a12) = (opaque(a0), opaque(a3), opaque(a6), opaque(a9), opaque(a12));
                    step!(b, at);
                    step!(b.add(self.ldb), later);
                    forward!(2);
                }
                if steps > 0 {
                    step!(b, at);
                    forward!(1);
                }
                let _ = (a0, a3, a6, a9, a12, b, steps);
            }
            if !self.moments.is_none() {
                let slot = (self.moments, self.moments.from(V::N));
                let mut sums0 = slot.0.open::<V>(if self.first { Some(left[0]) } else { None });
                let mut sums1 = sums0;
                if TWO {
                    sums1 = slot.1.open::<V>(if self.first { Some(right[0]) } else { None });
                }
                macro_rules! sum {
                    ($i:tt) => {
                        if $i < H {
                            sums0.add(left[$i]);
                            if TWO {
                                sums1.add(right[$i]);
                            }
                        }
                    };
                }
                rows!(sum);
                slot.0.close(sums0);
                if TWO {
                    slot.1.close(sums1);
                }
            }
            macro_rules! put {
                ($i:tt) => {
                    if $i < H {
                        if self.streamed {
                            left[$i].stream(c.add($i * ldc));
                        } else {
                            left[$i].store(c.add($i * ldc));
                        }
                        if TWO && self.streamed {
                            right[$i].stream(c.add($i * ldc + V::N));
                        } else if TWO {
                            right[$i].store(c.add($i * ldc + V::N));
                        }
                    }
                };
            }
            rows!(put);
        }
    }
}

/// Hides where an address comes from, so that LLVM does not keep one for every row in a register.
#[inline(always)]
#[allow(clippy::pointers_in_nomem_asm_block, reason = "nothing is read there")]
fn opaque<P>(p: *const P) -> *const P {
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    let p = {
        let mut p = p;
        // SAFETY: no instruction at all.
        unsafe { std::arch::asm!("/* {0} */", inout(reg) p, options(nomem, nostack, preserves_flags, pure)) };
        p
    };
    p
}
