//! Mean and variance of each column of an M×C matrix, put together from those of blocks of its
//! rows.
//!
//! A block is centered on its own first row, a value that lies at most `√(n-1)` standard deviations
//! from the mean of n rows. Blocks are put together in float64 (T. Chan, G. Golub, R. LeVeque,
//! *Updating formulae and a pairwise algorithm for computing sample variances*, 1979). A
//! convolution sums up what it writes while it is in registers: for ResNet-50, 8 pictures, that
//! spares reading 355 MB.

use super::slot::Slot;
use crate::kernels::memory::chunks_of_two;
use crate::kernels::simd::{Lanes, Real};

/// Mean and biased variance by column.
pub(crate) struct Moments {
    pub(crate) mean: Vec<f64>,
    pub(crate) variance: Vec<f64>,
}

/// Of each block of rows, and by column: the center, and the sums of `d` and `d²` for
/// `d = x - center`.
pub(crate) struct Blocks<T> {
    columns: usize,
    /// Rows of each block.
    rows: Vec<usize>,
    /// `[block][center, Σd, Σd²][column]`
    sums: Vec<T>,
}

impl<T: Real> Blocks<T> {
    /// None yet.
    pub(crate) fn new(columns: usize) -> Self {
        Self { columns, rows: Vec::new(), sums: Vec::new() }
    }

    /// The moments of all blocks together.
    pub(crate) fn together(&self) -> Moments {
        let c = self.columns;
        let m = self.rows.iter().sum::<usize>() as f64;
        let blocks = || self.rows.iter().map(|&n| n as f64).zip(self.sums.chunks_exact(3 * c));
        let (mut mean, mut variance) = (vec![0.0; c], vec![0.0; c]);
        chunks_of_two(&mut mean, &mut variance, COLUMNS, |i, mean, variance| {
            // A block's mean, and the sum of the squares around it.
            let block = |n: f64, sums: &[T], l: usize| {
                let [center, off, squares] = [0, 1, 2].map(|number| sums[number * c + i * COLUMNS + l].wide());
                (center + off / n, (squares - off * off / n).max(0.0))
            };
            for (n, sums) in blocks() {
                for (l, mean) in mean.iter_mut().enumerate() {
                    *mean += block(n, sums, l).0 * (n / m);
                }
            }
            for (n, sums) in blocks() {
                for (l, (variance, mean)) in variance.iter_mut().zip(&*mean).enumerate() {
                    let (block_mean, squares) = block(n, sums, l);
                    *variance += (squares + (block_mean - mean).powi(2) * n) / m;
                }
            }
        });
        Moments { mean, variance }
    }

    /// Those of blocks whose sums are there: rows of each block, and [block][center, Σd,
    /// Σd²][column].
    pub(crate) fn of(columns: usize, rows: Vec<usize>, sums: Vec<T>) -> Self {
        Self { columns, rows, sums }
    }

    /// Room for the sums of blocks of so many rows each.
    pub(crate) fn reserve(&mut self, rows: Vec<usize>) -> Slot<T> {
        self.rows = rows;
        Slot::reserve(&mut self.sums, self.rows.len(), 3, self.columns)
    }
}

/// Columns that are put together at a time.
const COLUMNS: usize = 64;

/// The moments of one vector of columns.
#[derive(Clone, Copy)]
pub(crate) struct MomentSums<V> {
    center: V,
    off: V,
    squares: V,
}

impl<T: Real, V: Lanes<Real = T>> MomentSums<V> {
    /// They begin with the row `first` where there is one.
    #[inline(always)]
    pub(crate) unsafe fn open(slot: Slot<T>, first: Option<V>) -> Self {
        // SAFETY: the caller vouches for a vector of columns.
        unsafe {
            match first {
                Some(center) => {
                    center.store(slot.number(0));
                    Self { center, off: V::splat(T::ZERO), squares: V::splat(T::ZERO) }
                }
                None => {
                    let [center, off, squares] =
                        [V::load(slot.number(0)), V::load(slot.number(1)), V::load(slot.number(2))];
                    Self { center, off, squares }
                }
            }
        }
    }

    /// Adds a row.
    #[inline(always)]
    pub(crate) unsafe fn add(&mut self, value: V) {
        // SAFETY: called inside a job.
        unsafe {
            let d = value.sub(self.center);
            self.off = self.off.add(d);
            self.squares = d.mul_add(d, self.squares);
        }
    }

    /// Keeps them.
    #[inline(always)]
    pub(crate) unsafe fn close(self, slot: Slot<T>) {
        // SAFETY: as above.
        unsafe {
            self.off.store(slot.number(1));
            self.squares.store(slot.number(2));
        }
    }
}
