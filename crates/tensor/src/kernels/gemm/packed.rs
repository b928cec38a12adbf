//! Products with a B that has been packed in panels.

use super::panels::{blocks, panels};
use super::prefetch::Run;
use super::product::Product;
use super::tally::Tally;
use super::tile::Tile;
use crate::kernels::simd::{Job, Lanes, Real};

/// `C (+)= A B` with B in panels ([`panels`]), of which it may be only some steps of k, for `lines`
/// equal products one after the other: a panel stays in the cache for all of them.
pub(crate) struct Packed<T: Real> {
    pub(super) product: Product<T>,
    /// The first step of k in the panels, and how many they have.
    pub(super) k: (usize, usize),
    pub(super) lines: usize,
    /// From line to line, in A and in C.
    pub(super) line: (usize, usize),
    pub(super) streamed: bool,
    pub(super) tally: Tally<T>,
    pub(super) first: bool,
    ahead: [Run<T>; 3],
}

impl<T: Real> Packed<T> {
    /// One product with all steps of the panels.
    pub(crate) fn new(product: Product<T>) -> Self {
        let k = (0, product.kc);
        Self {
            product,
            k,
            lines: 1,
            line: (0, 0),
            streamed: false,
            tally: Tally::Nothing,
            first: false,
            ahead: [(std::ptr::null(), 0); 3],
        }
    }

    /// The steps from `first` on of panels that have `all`.
    pub(crate) fn steps(self, first: usize, all: usize) -> Self {
        Self { k: (first, all), ..self }
    }

    /// `lines` products, `a` and `c` elements apart in A and in C.
    pub(crate) fn lines(self, lines: usize, a: usize, c: usize) -> Self {
        Self { lines, line: (a, c), ..self }
    }

    /// Addresses to prefetch while the product runs, one run after the other: what the next product
    /// reads.
    pub(crate) fn ahead(self, ahead: [Run<T>; 3]) -> Self {
        Self { ahead, ..self }
    }

    /// What is done with the rows of C, whose columns must be whole vectors; the first row begins
    /// the sums where `first`.
    pub(crate) fn tally(self, tally: Tally<T>, first: bool) -> Self {
        Self { tally, first, ..self }
    }

    /// Whether C is stored past the caches, which needs all its rows on a boundary of 64 bytes.
    pub(crate) fn streamed(self, streamed: bool) -> Self {
        Self { streamed, ..self }
    }
}

impl<T: Real> Job<T> for Packed<T> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        let Self {
            product: p,
            k: (first, all_k),
            lines,
            line: (a_line, c_line),
            streamed,
            tally,
            first: begins,
            mut ahead,
        } = self;
        let mut whole = [T::ZERO; 14 * 32];
        // SAFETY: rows, columns and steps stay inside what the caller vouched for; `whole` holds
        // the largest tile.
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
                        // A line at each step; where whole rows of A follow each other, those of
                        // the next tile.
                        let a_line = 64 / size_of::<T>();
                        let mut next = (a, 0);
                        if let Some((at, count)) = ahead.iter_mut().find(|run| run.1 > 0) {
                            next = (*at, a_line);
                            let asked = (*count).min(p.kc * a_line);
                            (*at, *count) = (at.wrapping_add(asked), *count - asked);
                        } else if from == 0 && p.lda == p.kc {
                            next = (a.wrapping_add(height * p.kc), height);
                        }
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
                            tally: tally.from(from),
                            first: begins && (line, row) == (0, 0),
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
unsafe fn copy_part<T: Real>(whole: &[T], height: usize, columns: usize, c: *mut T, ldc: usize, add: bool) {
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
