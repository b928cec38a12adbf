//! The tile of the dense product, held in registers while k runs.
//!
//! The loops over rows are unrolled by macro: written as loops, LLVM leaves the accumulators in
//! memory.

use super::tally::{MomentSums, RectifierAt, RectifierSums, Tally};
use crate::kernels::simd::{Lanes, Real};

/// Up to [`Lanes::ROWS`] rows by two vectors of C.
pub(crate) struct Tile<T: Real> {
    pub(crate) kc: usize,
    pub(crate) a: *const T,
    pub(crate) lda: usize,
    pub(crate) b: *const T,
    pub(crate) ldb: usize,
    pub(crate) c: *mut T,
    pub(crate) ldc: usize,
    pub(crate) add: bool,
    /// What to ask for at the first step, and how much further on at each of the following.
    pub(crate) next: (*const T, usize),
    pub(crate) streamed: bool,
    /// What is done with it, and whether its first row begins the sums.
    pub(crate) tally: Tally<T>,
    pub(crate) first: bool,
}

/// The last steps of k, in which the lines of C are asked for.
const ASKED: usize = 128;

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

/// Where the rows of A are, from one base address for three of them: fourteen addresses would not
/// fit the registers.
macro_rules! at {
    ($bases:ident, $lda:ident, 0) => {
        $bases[0]
    };
    ($bases:ident, $lda:ident, 1) => {
        $bases[0].wrapping_add($lda)
    };
    ($bases:ident, $lda:ident, 2) => {
        $bases[0].wrapping_add(2 * $lda)
    };
    ($bases:ident, $lda:ident, 3) => {
        $bases[1]
    };
    ($bases:ident, $lda:ident, 4) => {
        $bases[1].wrapping_add($lda)
    };
    ($bases:ident, $lda:ident, 5) => {
        $bases[1].wrapping_add(2 * $lda)
    };
    ($bases:ident, $lda:ident, 6) => {
        $bases[2]
    };
    ($bases:ident, $lda:ident, 7) => {
        $bases[2].wrapping_add($lda)
    };
    ($bases:ident, $lda:ident, 8) => {
        $bases[2].wrapping_add(2 * $lda)
    };
    ($bases:ident, $lda:ident, 9) => {
        $bases[3]
    };
    ($bases:ident, $lda:ident, 10) => {
        $bases[3].wrapping_add($lda)
    };
    ($bases:ident, $lda:ident, 11) => {
        $bases[3].wrapping_add(2 * $lda)
    };
    ($bases:ident, $lda:ident, 12) => {
        $bases[4]
    };
    ($bases:ident, $lda:ident, 13) => {
        $bases[4].wrapping_add($lda)
    };
}

/// One step of k: a row of B at `$b`, and H elements of A wherever `$a` says that they lie.
macro_rules! step {
    ($sums:ident, $b:expr, $a:ident) => {
        let b: *const T = $b;
        let b0 = V::load(b);
        let b1 = if TWO { V::load(b.add(V::N)) } else { V::splat(T::ZERO) };
        macro_rules! row {
            ($i:tt) => {
                if $i < H {
                    let x = V::splat(*$a!($i));
                    $sums.left[$i] = x.product(b0, $sums.left[$i]);
                    if TWO {
                        $sums.right[$i] = x.product(b1, $sums.right[$i]);
                    }
                }
            };
        }
        rows!(row);
    };
}

/// Writes a column of vectors, each after what is done with it. The sums of two columns would not
/// fit the registers; nor would what a column reads, if it were not written vector by vector.
macro_rules! put {
    ($tile:ident, $side:ident, $c:ident, |$value:ident, $at:ident| $with:expr) => {
        macro_rules! row {
            ($i:tt) => {
                if $i < H {
                    let ($value, $at) = ($side[$i], $c.add($i * $tile.ldc));
                    let value: V = $with;
                    if $tile.streamed {
                        value.stream($at);
                    } else {
                        value.store($at);
                    }
                }
            };
        }
        rows!(row);
    };
}

/// The accumulators of a tile: those of its left column of vectors, and of the right one where
/// there is one.
#[derive(Clone, Copy)]
struct Accumulators<V> {
    left: [V; 14],
    right: [V; 14],
}

/// The lines of C that are prefetched one after the other while k runs: all at once, they hold up
/// those of A and B.
struct Lines<T: Real> {
    c: *const T,
    ldc: usize,
    /// In a row of the tile.
    vectors: usize,
    /// How many are prefetched already, and how many should be.
    done: usize,
    wanted: usize,
    rectifier: Option<RectifierAt<T>>,
}

impl<T: Real> Lines<T> {
    /// Prefetches the next one, where so many steps are left.
    #[inline(always)]
    unsafe fn prefetch<V: Lanes<Real = T>>(&mut self, steps: usize) {
        if self.done < self.wanted && steps <= ASKED {
            // SAFETY: a vector of C.
            unsafe {
                let at = self.c.add(self.done / self.vectors * self.ldc + self.done % self.vectors * V::N);
                V::prefetch(at);
                if let Some(rectifier) = self.rectifier {
                    rectifier.prefetch::<V>(at);
                }
            }
            self.done += 1;
        }
    }
}

impl<T: Real> Tile<T> {
    /// The tile of `height` rows and `vectors` vectors; `TRANSPOSED` says how A lies.
    #[inline(always)]
    #[allow(clippy::collapsible_match, reason = "a guard is no constant condition: it would leave the code in")]
    pub(crate) unsafe fn run<V: Lanes<Real = T>, const TRANSPOSED: bool>(&self, height: usize, vectors: usize) {
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
            let mut sums = self.begin::<V, H, TWO>();
            let rectifier = if let Tally::Rectify(_, rectifier) = self.tally { Some(rectifier) } else { None };
            let vectors = if TWO { 2 } else { 1 };
            let wanted = if self.add || (self.streamed && rectifier.is_none()) { 0 } else { H * vectors };
            let lines = Lines { c: self.c, ldc: self.ldc, vectors, done: 0, wanted, rectifier };
            if TRANSPOSED {
                self.steps_of_columns::<V, H, TWO>(&mut sums, lines);
            } else {
                self.steps_of_rows::<V, H, TWO>(&mut sums, lines);
            }
            self.finish::<V, H, TRANSPOSED>(&mut sums.left, 0);
            if TWO {
                self.finish::<V, H, TRANSPOSED>(&mut sums.right, V::N);
            }
        }
    }

    /// The accumulators before the first step: zero, or C where it is added to.
    #[inline(always)]
    unsafe fn begin<V: Lanes<Real = T>, const H: usize, const TWO: bool>(&self) -> Accumulators<V> {
        // SAFETY: rows and vectors of C.
        unsafe {
            let zero = V::splat(T::ZERO);
            let mut sums = Accumulators { left: [zero; 14], right: [zero; 14] };
            let (c, ldc) = (self.c, self.ldc);
            if self.add {
                macro_rules! take {
                    ($i:tt) => {
                        if $i < H {
                            sums.left[$i] = V::load(c.add($i * ldc));
                            if TWO {
                                sums.right[$i] = V::load(c.add($i * ldc + V::N));
                            }
                        }
                    };
                }
                rows!(take);
            }
            sums
        }
    }

    /// All steps of k where A is transposed: the rows of a step lie side by side.
    #[inline(always)]
    unsafe fn steps_of_columns<V: Lanes<Real = T>, const H: usize, const TWO: bool>(
        &self,
        sums: &mut Accumulators<V>,
        mut lines: Lines<T>,
    ) {
        let (mut a, mut b, mut steps) = (self.a, self.b, self.kc);
        let (mut next, ahead) = self.next;
        // SAFETY: the caller's promise.
        unsafe {
            macro_rules! column {
                ($i:tt) => {
                    a.add($i)
                };
            }
            while steps > 0 {
                V::prefetch(next);
                next = next.wrapping_add(ahead);
                lines.prefetch::<V>(steps);
                step!(sums, b, column);
                a = a.add(self.lda);
                b = b.add(self.ldb);
                steps -= 1;
            }
        }
    }

    /// All steps of k where the rows of A lie one below the other, two steps at a time.
    #[inline(always)]
    unsafe fn steps_of_rows<V: Lanes<Real = T>, const H: usize, const TWO: bool>(
        &self,
        sums: &mut Accumulators<V>,
        mut lines: Lines<T>,
    ) {
        let (mut b, mut steps) = (self.b, self.kc);
        let (mut next, ahead) = self.next;
        // SAFETY: the caller's promise.
        unsafe {
            let lda = opaque(self.lda as *const T) as usize;
            let at = |row: usize| self.a.wrapping_add(row * lda);
            let two_on = |a: *const T| a.wrapping_add(2);
            let mut a = [at(0), at(3), at(6), at(9), at(12)];
            macro_rules! row_of {
                ($row:tt) => {
                    at!(a, lda, $row)
                };
            }
            macro_rules! later {
                ($row:tt) => {
                    at!(a, lda, $row).wrapping_add(1)
                };
            }
            while steps >= 2 {
                V::prefetch(next);
                V::prefetch(next.wrapping_add(16));
                next = next.wrapping_add(2 * ahead);
                lines.prefetch::<V>(steps);
                a = [opaque(a[0]), opaque(a[1]), opaque(a[2]), opaque(a[3]), opaque(a[4])];
                step!(sums, b, row_of);
                step!(sums, b.add(self.ldb), later);
                a = [two_on(a[0]), two_on(a[1]), two_on(a[2]), two_on(a[3]), two_on(a[4])];
                b = b.add(2 * self.ldb);
                steps -= 2;
            }
            if steps > 0 {
                step!(sums, b, row_of);
            }
        }
    }

    /// Writes the column of vectors from `from` on, and does with it what the tally says.
    #[inline(always)]
    unsafe fn finish<V: Lanes<Real = T>, const H: usize, const TRANSPOSED: bool>(
        &self,
        side: &mut [V; 14],
        from: usize,
    ) {
        // SAFETY: the caller's promise: vectors of C, and of what the tally reads and writes.
        unsafe {
            let c = self.c.add(from);
            match self.tally.from(from) {
                Tally::Moments(slot) if !TRANSPOSED && V::TALLIED => {
                    let mut sums = MomentSums::open(slot, if self.first { Some(side[0]) } else { None });
                    put!(self, side, c, |value, at| {
                        let _ = at;
                        sums.add(value);
                        value
                    });
                    sums.close(slot);
                }
                Tally::Rectify(slot, rectifier) if !TRANSPOSED && V::TALLIED => {
                    if rectifier.add {
                        macro_rules! add {
                            ($i:tt) => {
                                if $i < H {
                                    side[$i] = side[$i].add(V::load(c.add($i * self.ldc)));
                                }
                            };
                        }
                        rows!(add);
                    }
                    let mut sums = RectifierSums::open(slot, rectifier, self.first);
                    put!(self, side, c, |value, at| sums.pass(rectifier, at, value));
                    sums.close(slot);
                }
                _ => {
                    put!(self, side, c, |value, at| value);
                }
            }
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
