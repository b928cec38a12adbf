//! The dense product of small matrices: everything that multiplies comes down to this tile.
//!
//! A tile is up to [`Lanes::ROWS`] rows by two vectors of C, held in registers while k runs: 14x32 with AVX-512,
//! 6x16 with AVX2. B is packed in **panels** of two vectors of columns, k rows each, so that it is read in one stream; a
//! last panel of one vector is only that wide.

mod tile;

use super::simd::{Job, Lanes};
use super::tally::Tally;
use tile::Tile;

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
    tally: Tally<T>,
    first: bool,
    ahead: [Run<T>; 3],
}

/// Numbers that lie together: the first, and how many.
pub(crate) type Run<T> = (*const T, usize);

impl<T: super::Real> Packed<T> {
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

    /// Numbers to bring into the cache while the product runs, one run after the other: what the product after it reads.
    pub(crate) fn ahead(self, ahead: [Run<T>; 3]) -> Self {
        Self { ahead, ..self }
    }

    /// What is done with the rows of C, whose columns must be whole vectors; the first row begins the sums where `first`.
    pub(super) fn tally(self, tally: Tally<T>, first: bool) -> Self {
        Self { tally, first, ..self }
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
                        // A line at each step; where whole rows of A follow each other, those of the next tile.
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
        let (mut tiles, tally) = (0, Tally::Nothing);
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
                        Tile { kc: p.kc, a, lda, b, ldb, c, ldc, add, next, streamed: false, tally, first: false };
                    tile.run::<V, true>(height, width / V::N);
                    tiles += 1;
                }
            }
        }
    }
}
