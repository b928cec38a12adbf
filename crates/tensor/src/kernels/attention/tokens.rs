//! Rows of tokens where they lie, and as the products read them.

use crate::kernels::gemm::panels;
use crate::kernels::memory::Shared;
use crate::kernels::simd::{Block, Job, Lanes, Real, transpose};
use crate::sizes::Attention;

/// Queries, keys and values: side by side in the rows of one map, in this order, or in three.
#[derive(Clone, Copy)]
pub(crate) enum Maps<'a, T> {
    Together(&'a [T]),
    Apart([&'a [T]; 3]),
}

impl<'a, T> Maps<'a, T> {
    /// The rows of all three.
    pub(super) fn tokens(self, d: &Attention) -> [Tokens<'a, T>; 3] {
        let c = d.heads * d.width;
        let counts = [d.queries, d.keys, d.keys];
        match self {
            Maps::Together(all) => [0, 1, 2].map(|i| Tokens::new(all, d, counts[i], (3 * c, i * c))),
            Maps::Apart(all) => [0, 1, 2].map(|i| Tokens::new(all[i], d, counts[i], (c, 0))),
        }
    }

    /// The elements of each map.
    pub(super) fn lens(self) -> Vec<usize> {
        match self {
            Maps::Together(all) => vec![all.len()],
            Maps::Apart(all) => all.iter().map(|map| map.len()).collect(),
        }
    }
}

/// The rows of one of queries, keys and values, of all pictures and heads.
#[derive(Clone, Copy)]
pub(super) struct Tokens<'a, T> {
    all: &'a [T],
    /// Where the first row begins, and the distance of the rows.
    from: usize,
    row: usize,
    /// Rows of a picture.
    count: usize,
}

impl<'a, T> Tokens<'a, T> {
    /// Rows of all heads at `from` in rows of `row` elements, `count` of them a picture.
    pub(super) fn new(all: &'a [T], d: &Attention, count: usize, (row, from): (usize, usize)) -> Self {
        assert!(from + d.heads * d.width <= row && all.len() == d.n * count * row, "rows of all pictures");
        Self { all, from, row, count }
    }

    /// The rows of a head of a picture, d elements each.
    pub(super) fn head(&self, picture: usize, head: usize, d: usize) -> Block<T> {
        let at = self.all.as_ptr().wrapping_add(picture * self.count * self.row + self.from + head * d);
        Block { at, stride: self.row, rows: self.count, columns: d }
    }
}

/// The same to be written, each row by one unit.
pub(super) struct TokensMut<T> {
    at: Shared<T>,
    row: usize,
    count: usize,
}

impl<T> Clone for TokensMut<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for TokensMut<T> {}

impl<T> TokensMut<T> {
    /// Rows at `from` in rows of `row` elements, `count` of them a picture, in memory that holds
    /// all pictures.
    pub(super) fn new(at: *mut T, count: usize, (row, from): (usize, usize)) -> Self {
        Self { at: Shared::new(at.wrapping_add(from)), row, count }
    }

    /// Where a row of a head begins.
    pub(super) fn row(&self, picture: usize, head: usize, d: usize, row: usize) -> *mut T {
        self.at.at((picture * self.count + row) * self.row + head * d)
    }
}

/// Some rows of a block.
pub(super) fn rows<T: Copy>(block: Block<T>, from: usize, count: usize) -> Block<T> {
    Block { at: block.at.wrapping_add(from * block.stride), rows: count, ..block }
}

/// Rows copied to rows of `width` elements, zeros after the last column.
pub(super) struct Copied<T> {
    pub(super) from: Block<T>,
    pub(super) to: *mut T,
    pub(super) width: usize,
}

impl<T: Real> Job<T> for Copied<T> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        let Self { from, to, width } = self;
        for row in 0..from.rows {
            for at in (0..width).step_by(V::N) {
                // SAFETY: the caller vouches for both; past the last column nothing is read.
                unsafe {
                    let n = from.columns.saturating_sub(at);
                    let x = from.at.wrapping_add(row * from.stride + at);
                    let value = if n == 0 { V::splat(T::ZERO) } else { V::load_up_to(x, n) };
                    value.store(to.add(row * width + at));
                }
            }
        }
    }
}

/// Rows in panels, as B of a product that sums over them: `[panel][row][column]`.
pub(super) struct Panels<T> {
    pub(super) from: Block<T>,
    pub(super) to: *mut T,
}

impl<T: Real> Job<T> for Panels<T> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        let Self { from, to } = self;
        for (first, width) in panels(V::N, from.columns) {
            // SAFETY: a panel as wide as it is written, with the columns that there are.
            unsafe {
                let columns = width.min(from.columns - first);
                let block = Block { at: from.at.add(first), columns, ..from };
                Copied { from: block, to: to.add(first * from.rows), width }.run::<V>();
            }
        }
    }
}

/// The transpose of rows in panels, as B of a product with each of them: `[panel][column][row]`.
pub(super) struct Transposed<T> {
    pub(super) from: Block<T>,
    pub(super) to: *mut T,
}

impl<T: Real> Job<T> for Transposed<T> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        let Self { from, to } = self;
        for (first, width) in panels(V::N, from.rows) {
            // SAFETY: a panel as wide as it is written, with the rows that there are.
            unsafe {
                let (rows, to) = (width.min(from.rows - first), to.add(first * from.columns));
                if rows < width {
                    to.write_bytes(0, from.columns * width);
                }
                let block = Block { at: from.at.add(first * from.stride), rows, ..from };
                transpose::<V>(block, to, width);
            }
        }
    }
}
