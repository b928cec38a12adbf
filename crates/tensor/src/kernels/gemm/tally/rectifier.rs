//! The gradient of `y = relu(batch norm of x)`, finished while the product that is its last term is
//! written: the other terms, which lie where the output goes, are added, what the rectifier held
//! back becomes zero, and batch norm's backward pass gets its sums.
//!
//! For ResNet-50, 8 pictures: 180 MB less to write and to read again, 10 of 900 ms; with bits in
//! the place of the rectified map another 170 MB and 12 ms. The autograd has the gate that asks a
//! product for it.

use super::slot::Slot;
use super::sums::GradientSums;
use crate::kernels::memory::Shared;
use crate::kernels::simd::{Lanes, Real, Stored};

/// Signs in a word.
pub(crate) const SIGNS: usize = u16::BITS as usize;

/// Where a map was rectified, the map x that was normalized for it, and the mean of each of its
/// columns.
#[derive(Clone, Copy)]
pub(crate) struct Rectifier<'a, M: Stored> {
    /// A bit for each element of the map that is not rectified to 0.
    pub(crate) signs: &'a [u16],
    pub(crate) x: &'a [M],
    pub(crate) mean: &'a [M::Real],
}

/// The sums over a gradient that passes the rectifier while it is written.
pub(crate) struct RectifiedGradient<'a, M: Stored> {
    of: Rectifier<'a, M>,
    out: *mut M,
    add: bool,
    /// `[block][Σg, Σg(x - mean)][column]`
    sums: Vec<M::Real>,
}

impl<'a, M: Stored> RectifiedGradient<'a, M> {
    /// None yet, of a gradient that will be written to `out`, or added to what lies there.
    pub(crate) fn new(of: Rectifier<'a, M>, out: *mut M, add: bool) -> Self {
        Self { of, out, add, sums: Vec::new() }
    }

    /// Those of all blocks together.
    pub(crate) fn sums(&self) -> GradientSums {
        let c = self.of.mean.len();
        let blocks: Vec<_> = self.sums.chunks_exact(2 * c).map(|block| block.split_at(c)).collect();
        GradientSums::of_blocks(&blocks, c)
    }

    /// Room for the sums of blocks of so many rows each, and what they read.
    pub(crate) fn reserve(&mut self, blocks: usize) -> (Slot<M::Real>, RectifierAt<M>) {
        let Rectifier { signs, x, mean } = self.of;
        let (x, mean) = (Shared::new(x.as_ptr().cast_mut()), Shared::new(mean.as_ptr().cast_mut()));
        let signs = Shared::new(signs.as_ptr().cast_mut());
        let slot = Slot::reserve(&mut self.sums, blocks, 2, self.of.mean.len());
        (slot, RectifierAt { out: Shared::new(self.out), x, signs, mean, add: self.add })
    }

    /// Whether it is added to what lies where it goes.
    pub(crate) fn adds(&self) -> bool {
        self.add
    }
}

/// What the rectifier reads beside the output, from its first element on.
#[derive(Clone, Copy)]
pub(crate) struct RectifierAt<M: Stored> {
    pub(crate) out: Shared<M>,
    /// Of the output's shape: a map, and a bit for each element that the rectifier lets pass.
    pub(crate) x: Shared<M>,
    pub(crate) signs: Shared<u16>,
    /// By column.
    pub(crate) mean: Shared<M::Real>,
    /// Whether the output is added to what lies there.
    pub(crate) add: bool,
}

impl<M: Stored> RectifierAt<M> {
    #[inline(always)]
    pub(crate) fn from(self, column: usize) -> Self {
        Self { mean: Shared::new(self.mean.at(column)), ..self }
    }

    /// The number in its map of a place in the output.
    #[inline(always)]
    pub(crate) fn number(self, c: *const M) -> usize {
        c.addr().wrapping_sub(self.out.at(0).addr()) / size_of::<M>()
    }

    /// Prefetches what [`RectifierSums::pass`] will read: the lines of a tile fall into the same
    /// few places of the first-level cache, of which they would drive each other out.
    #[inline(always)]
    pub(crate) unsafe fn prefetch<V: Lanes<Real = M::Real>>(self, c: *const M) {
        // SAFETY: called inside a job.
        unsafe { V::prefetch_l2(self.x.at(self.number(c)).cast()) }
    }
}

/// The sums of a gated gradient, of one vector of columns.
#[derive(Clone, Copy)]
pub(crate) struct RectifierSums<V> {
    mean: V,
    gradient: V,
    product: V,
}

impl<T: Real, V: Lanes<Real = T>> RectifierSums<V> {
    /// They begin where `first`.
    #[inline(always)]
    pub(crate) unsafe fn open<M: Stored<Real = T>>(slot: Slot<T>, rectifier: RectifierAt<M>, first: bool) -> Self {
        // SAFETY: the caller vouches for a vector of columns.
        unsafe {
            let mean = V::load(rectifier.mean.at(0));
            let zero = V::splat(T::ZERO);
            if first {
                return Self { mean, gradient: zero, product: zero };
            }
            Self { mean, gradient: V::load(slot.number(0)), product: V::load(slot.number(1)) }
        }
    }

    /// What passes of a vector that goes to `c`.
    #[inline(always)]
    pub(crate) unsafe fn pass<M: Stored<Real = T>>(&mut self, rectifier: RectifierAt<M>, c: *const M, value: V) -> V {
        let number = rectifier.number(c);
        // SAFETY: the caller vouches for a vector of the output, and so of what has its shape.
        // Vectors do not reach over the end of a word, as the channels are whole words.
        unsafe {
            let g = value.only(*rectifier.signs.at(number / SIGNS) >> (number % SIGNS));
            self.gradient = self.gradient.add(g);
            self.product = g.mul_add(M::load::<V>(rectifier.x.at(number), V::N).sub(self.mean), self.product);
            g
        }
    }

    /// Keeps them.
    #[inline(always)]
    pub(crate) unsafe fn close(self, slot: Slot<T>) {
        // SAFETY: as above.
        unsafe {
            self.gradient.store(slot.number(0));
            self.product.store(slot.number(1));
        }
    }
}
