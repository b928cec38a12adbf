//! The tile of the dense product, held in registers while k runs.
//!
//! The loops over rows are unrolled by macro: written as loops, LLVM leaves the accumulators in memory.

use super::tally::{MomentSums, RectifierSums, Tally};
use crate::kernels::simd::{Lanes, Real};

/// Up to [`Lanes::ROWS`] rows by two vectors of C.
pub(crate) struct Tile<T> {
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
            // The lines of C are asked for one after the other while k runs: all at once, they hold up those of A and B.
            let rectifier = if let Tally::Rectify(_, rectifier) = self.tally { Some(rectifier) } else { None };
            let (mut asked, vectors) = (0, if TWO { 2 } else { 1 });
            let wanted = if self.add || (self.streamed && rectifier.is_none()) { 0 } else { H * vectors };
            macro_rules! ask {
                ($steps:expr) => {
                    if asked < wanted && $steps <= ASKED {
                        let at = c.add(asked / vectors * ldc + asked % vectors * V::N);
                        V::prefetch(at);
                        if let Some(rectifier) = rectifier {
                            rectifier.prefetch::<V>(at);
                        }
                        asked += 1;
                    }
                };
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
                                left[$i] = x.product(b0, left[$i]);
                                if TWO {
                                    right[$i] = x.product(b1, right[$i]);
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
                    ask!(steps);
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
                    ask!(steps);
                    (a0, a3, a6, a9, a12) = (opaque(a0), opaque(a3), opaque(a6), opaque(a9), opaque(a12));
                    step!(b, at);
                    step!(b.add(self.ldb), later);
                    forward!(2);
                }
                if steps > 0 {
                    step!(b, at);
                    forward!(1);
                }
                let _ = (a0, a3, a6, a9, a12, b, steps, asked);
            }
            // Writes a column of vectors, each after what is done with it. The sums of two columns would not fit the
            // registers; nor would what a column reads, if it were not written vector by vector.
            macro_rules! put {
                ($side:ident, $from:expr, |$value:ident, $at:ident| $with:expr) => {
                    macro_rules! row {
                        ($i:tt) => {
                            if $i < H {
                                let ($value, $at) = ($side[$i], c.add($i * ldc + $from));
                                let value: V = $with;
                                if self.streamed {
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
            macro_rules! tallied {
                ($side:ident, $from:expr) => {
                    match self.tally.from($from) {
                        Tally::Moments(slot) if !TRANSPOSED => {
                            let mut sums = MomentSums::open(slot, if self.first { Some($side[0]) } else { None });
                            put!($side, $from, |value, at| {
                                let _ = at;
                                sums.add(value);
                                value
                            });
                            sums.close(slot);
                        }
                        Tally::Rectify(slot, rectifier) if !TRANSPOSED => {
                            if rectifier.add {
                                macro_rules! add {
                                    ($i:tt) => {
                                        if $i < H {
                                            $side[$i] = $side[$i].add(V::load(c.add($i * ldc + $from)));
                                        }
                                    };
                                }
                                rows!(add);
                            }
                            let mut sums = RectifierSums::open(slot, rectifier, self.first);
                            put!($side, $from, |value, at| sums.pass(rectifier, at, value));
                            sums.close(slot);
                        }
                        _ => {
                            put!($side, $from, |value, at| value);
                        }
                    }
                };
            }
            tallied!(left, 0);
            if TWO {
                tallied!(right, V::N);
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
