//! Mean and variance of each column of an M×C matrix, put together from those of blocks of its rows.
//!
//! A block is centred on its own first row, a value that lies at most `√(n-1)` standard deviations from the mean of n
//! rows. Blocks are put together in float64 (T. Chan, G. Golub, R. LeVeque, *Updating formulae and a pairwise algorithm for
//! computing sample variances*, 1979). A convolution sums up what it writes while it is in registers: for ResNet-50, 8
//! pictures, that spares reading 355 MB.

use rayon::prelude::*;

use super::Real;
use super::parallel::Shared;
use super::rows::{self, Summand};
use super::simd::Lanes;

/// Mean and biased variance by column.
pub(crate) struct Moments {
    pub(crate) mean: Vec<f64>,
    pub(crate) variance: Vec<f64>,
}

/// Of each block of rows, and by column: the centre, and the sums of `d` and `d²` for `d = x - centre`.
pub(crate) struct Blocks<T> {
    columns: usize,
    /// Rows of each block.
    rows: Vec<usize>,
    /// [block][centre, Σd, Σd²][column]
    sums: Vec<T>,
}

impl<T: Real> Blocks<T> {
    /// None yet.
    pub(crate) fn new(columns: usize) -> Self {
        Self { columns, rows: Vec::new(), sums: Vec::new() }
    }

    /// Makes room for blocks of so many rows each.
    pub(super) fn reserve(&mut self, rows: Vec<usize>) -> Slots<T> {
        self.sums = vec![T::ZERO; rows.len() * 3 * self.columns];
        self.rows = rows;
        Slots { at: Shared::new(self.sums.as_mut_ptr()), columns: self.columns }
    }

    /// The moments of all blocks together.
    pub(crate) fn together(&self) -> Moments {
        let c = self.columns;
        let m = self.rows.iter().sum::<usize>() as f64;
        let blocks = || self.rows.iter().map(|&n| n as f64).zip(self.sums.chunks_exact(3 * c));
        let (mut mean, mut variance) = (vec![0.0; c], vec![0.0; c]);
        let columns = mean.par_chunks_mut(COLUMNS).zip(variance.par_chunks_mut(COLUMNS)).enumerate();
        columns.for_each(|(i, (mean, variance))| {
            let part = |sums: &[T], number: usize| -> Vec<f64> {
                sums[number * c + i * COLUMNS..][..mean.len()].iter().map(|v| v.to_f64()).collect()
            };
            // Mean, and sum of the squares around it, of each block.
            let blocks = blocks().map(|(n, sums)| {
                let [mut mean, off, mut squares] = [0, 1, 2].map(|number| part(sums, number));
                mean.iter_mut().zip(&off).for_each(|(centre, off)| *centre += off / n);
                squares.iter_mut().zip(&off).for_each(|(squares, off)| *squares = (*squares - off * off / n).max(0.0));
                (n, mean, squares)
            });
            let blocks: Vec<_> = blocks.collect();
            for (n, block_mean, _) in &blocks {
                mean.iter_mut().zip(block_mean).for_each(|(mean, block)| *mean += block * (n / m));
            }
            for (n, block_mean, squares) in &blocks {
                for (l, variance) in variance.iter_mut().enumerate() {
                    *variance += (squares[l] + (block_mean[l] - mean[l]).powi(2) * n) / m;
                }
            }
        });
        Moments { mean, variance }
    }
}

/// Columns that are put together at a time.
const COLUMNS: usize = 64;

/// The moments of a matrix in memory.
pub(crate) fn of<T: Real>(x: &[T], c: usize) -> Moments {
    let size = rows::block(c);
    let sums = x.par_chunks(size).map(|block| {
        let centre = &block[..c];
        let (off, squares) = rows::sums(block, centre, Summand::Deviation);
        [centre, &off, &squares].concat()
    });
    let sums = sums.collect::<Vec<_>>().concat();
    Blocks { columns: c, rows: x.chunks(size).map(|block| block.len() / c).collect(), sums }.together()
}

/// Where blocks put their sums.
#[derive(Clone, Copy)]
pub(super) struct Slots<T> {
    at: Shared<T>,
    columns: usize,
}

impl<T: Real> Slots<T> {
    /// The sums of some columns of a block.
    pub(super) fn block(self, block: usize, column: usize) -> Slot<T> {
        Slot { at: self.at.at(block * 3 * self.columns + column), columns: self.columns }
    }
}

/// Where a block puts the sums of some columns, or nowhere.
#[derive(Clone, Copy)]
pub(super) struct Slot<T> {
    at: *mut T,
    columns: usize,
}

impl<T: Real> Slot<T> {
    pub(super) const NONE: Self = Self { at: std::ptr::null_mut(), columns: 0 };

    #[inline(always)]
    pub(super) fn is_none(self) -> bool {
        self.at.is_null()
    }

    /// The columns from `from` on.
    #[inline(always)]
    pub(super) fn from(self, from: usize) -> Self {
        if self.is_none() { self } else { Self { at: self.at.wrapping_add(from), ..self } }
    }

    /// The sums of one vector of columns, which begin with the row `first` where there is one.
    #[inline(always)]
    pub(super) unsafe fn open<V: Lanes<Real = T>>(self, first: Option<V>) -> Sums<V> {
        // SAFETY: the caller vouches for a vector of columns.
        unsafe {
            match first {
                Some(centre) => {
                    centre.store(self.at);
                    Sums { centre, off: V::splat(T::ZERO), squares: V::splat(T::ZERO) }
                }
                None => Sums {
                    centre: V::load(self.at),
                    off: V::load(self.at.add(self.columns)),
                    squares: V::load(self.at.add(2 * self.columns)),
                },
            }
        }
    }

    /// Keeps them.
    #[inline(always)]
    pub(super) unsafe fn close<V: Lanes<Real = T>>(self, sums: Sums<V>) {
        // SAFETY: as above.
        unsafe {
            sums.off.store(self.at.add(self.columns));
            sums.squares.store(self.at.add(2 * self.columns));
        }
    }
}

/// The sums of one vector of columns.
#[derive(Clone, Copy)]
pub(super) struct Sums<V> {
    centre: V,
    off: V,
    squares: V,
}

impl<V: Lanes> Sums<V> {
    /// Adds a row.
    #[inline(always)]
    pub(super) unsafe fn add(&mut self, x: V) {
        // SAFETY: called inside a job.
        unsafe {
            let d = x.sub(self.centre);
            self.off = self.off.add(d);
            self.squares = d.mul_add(d, self.squares);
        }
    }
}
