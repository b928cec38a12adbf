//! Products of pairs by a unit that multiplies blocks.

use super::packed::Packed;
use super::panels::panels;
use super::tally::Tally;
use crate::kernels::simd::{Job, Lanes, Real, SIDE, STEP, Sums, Tiles, Unit};

/// A [`Packed`] product of float32 words that are pairs, whose steps of k are whole ones of the
/// unit, without a tally; of A 32 rows more than there are may be read.
pub(crate) struct OnTiles<T: Real> {
    pub(crate) packed: Packed<T>,
    pub(crate) unit: Unit,
}

impl<T: Real> Job<T> for OnTiles<T> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        let Self { packed, unit } = self;
        let Packed { product: p, k: (first, all_k), lines, line: (a_line, c_line), tally, .. } = packed;
        assert!(matches!(tally, Tally::Nothing), "maps of floats have tallies where floats are multiplied");
        let mut sums = Sums([0.0; SIDE * SIDE]);
        let mut whole = [T::ZERO; SIDE * SIDE];
        for (from, width) in panels(V::N, p.columns) {
            let b = p.b.wrapping_add(from * all_k + first * width);
            for line in 0..lines {
                for row in (0..p.rows).step_by(SIDE) {
                    let rows = SIDE.min(p.rows - row);
                    let a = p.a.wrapping_add(line * a_line + row * p.lda);
                    let (steps, to) = (p.kc / STEP, sums.0.as_mut_ptr());
                    let tiles = Tiles { steps, a: a.cast(), lda: p.lda, b: b.cast(), ldb: width, rows, to };
                    // SAFETY: the caller vouches for A, B and C, whose elements are float32.
                    unsafe {
                        unit.multiply(&tiles);
                        let c = p.c.add(line * c_line + row * p.ldc + from);
                        let all = from + width <= p.columns;
                        let (c, ldc) = if all { (c, p.ldc) } else { (whole.as_mut_ptr(), SIDE) };
                        let at = Put { c, ldc, all };
                        for vector in (0..width).step_by(V::N) {
                            packed.put::<V>(at, vector, to.cast_const().cast(), rows);
                        }
                        if !all {
                            packed.put_part(&whole, (line, row), (from, rows));
                        }
                    }
                }
            }
        }
        // SAFETY: no pointers.
        unsafe { V::fence() }
    }
}

/// Where a block of sums goes.
#[derive(Clone, Copy)]
struct Put<T> {
    c: *mut T,
    ldc: usize,
    /// Whether C has all its columns.
    all: bool,
}

impl<T: Real> Packed<T> {
    /// Writes a column of vectors of a block.
    #[inline(always)]
    unsafe fn put<V: Lanes<Real = T>>(&self, to: Put<T>, vector: usize, sums: *const T, rows: usize) {
        let add = self.product.add && to.all;
        // SAFETY: the caller's promise: vectors of the sums and of C.
        unsafe {
            let (sums, c) = (sums.add(vector), to.c.add(vector));
            for row in 0..rows {
                let c = c.add(row * to.ldc);
                let mut value = V::load(sums.add(row * SIDE));
                if add {
                    value = value.add(V::load(c));
                }
                value.store(c);
            }
        }
    }

    /// Copies the columns of a block that C has.
    #[inline(always)]
    unsafe fn put_part(&self, whole: &[T], (line, row): (usize, usize), (from, rows): (usize, usize)) {
        let p = self.product;
        for i in 0..rows {
            for j in 0..p.columns - from {
                // SAFETY: the caller vouches for these rows and columns of C.
                unsafe {
                    let (to, value) = (p.c.add(line * self.line.1 + (row + i) * p.ldc + from + j), whole[i * SIDE + j]);
                    *to = if p.add { *to + value } else { value };
                }
            }
        }
    }
}
