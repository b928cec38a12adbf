//! Products with the transpose of A, which is not packed.

use super::panels::{blocks, panels};
use super::prefetch::Ahead;
use super::product::Product;
use super::tally::Tally;
use super::tile::Tile;
use crate::kernels::simd::{Job, Lanes, Real};

/// `C (+)= Aᵀ B` with A (k,rows) and B (k,columns), columns rounded up to whole vectors in B as in
/// C.
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

/// How the rows of B lie.
#[derive(Clone, Copy)]
pub(crate) enum Rows {
    /// This many elements apart.
    Apart(usize),
    /// In panels ([`panels`]).
    InPanels,
}

impl<T: Real> Job<T> for Transposed<T> {
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
