//! The windows of output pixels in integers, and sums of integers as floats again.
//!
//! Each window has a scale and a zero of its own: `x ≈ scale · (q - zero)` with q in 0..=255 and
//! 0 exactly at its zero. A product with the integers w of a weight, `Σ q·w`, is then
//! `Σ x·w / scale + zero · Σ w`.

use super::weight::{QUAD, inverse};
use crate::kernels::conv::finish::Finish;
use crate::kernels::simd::{Block, Job, Lanes};

/// Where windows go.
#[derive(Clone, Copy)]
pub(super) struct Words {
    /// Rows of words, `stride` apart.
    pub(super) at: *mut f32,
    pub(super) stride: usize,
    /// A scale and a zero for each row.
    pub(super) scales: *mut f32,
    pub(super) zeros: *mut f32,
}

/// Rounds rows of floats.
pub(super) struct Round {
    pub(super) from: Block<f32>,
    pub(super) to: Words,
}

impl Job<f32> for Round {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = f32>>(self) {
        let Self { from, to } = self;
        for row in 0..from.rows {
            // SAFETY: the caller vouches for the rows of both, which do not overlap.
            unsafe {
                let x = from.at.add(row * from.stride);
                let (low, high) = range::<V>(x, from.columns);
                let scale = (high + low) / 255.0;
                let inverse = inverse(scale);
                let zero = (low * inverse).round_ties_even();
                *to.scales.add(row) = scale;
                *to.zeros.add(row) = zero;
                let bytes = to.at.add(row * to.stride).cast::<u8>();
                integers::<V>((x, from.columns), bytes, inverse, zero);
            }
        }
    }
}

/// How far values lie below zero and above it; NaN where one of them is not finite.
#[inline(always)]
unsafe fn range<V: Lanes<Real = f32>>(x: *const f32, len: usize) -> (f32, f32) {
    let (mut lows, mut highs, mut nothing) = ([0f32; 16], [0f32; 16], [0f32; 16]);
    // SAFETY: the caller vouches for len elements; no vector is longer than 16.
    unsafe {
        let zero = V::splat(0.0);
        let (mut low, mut high, mut product) = (zero, zero, zero);
        for i in (0..len).step_by(V::N) {
            let values = V::load_up_to(x.add(i), len - i);
            low = low.max(zero.sub(values));
            high = high.max(values);
            product = values.mul_add(zero, product);
        }
        low.store(lows.as_mut_ptr());
        high.store(highs.as_mut_ptr());
        product.store(nothing.as_mut_ptr());
    }
    let most = |all: [f32; 16]| all.into_iter().fold(0f32, f32::max);
    let nothing: f32 = nothing.into_iter().sum();
    (most(lows) + nothing, most(highs) + nothing)
}

/// `x / scale + zero`, rounded, and zeros up to whole words; anything where the range was not
/// finite.
#[inline(always)]
unsafe fn integers<V: Lanes<Real = f32>>((x, len): (*const f32, usize), bytes: *mut u8, inverse: f32, zero: f32) {
    // SAFETY: the caller vouches for len elements and whole words.
    unsafe {
        let (inverse, zero) = (V::splat(inverse), V::splat(zero));
        for i in (0..len).step_by(V::N) {
            V::load_up_to(x.add(i), len - i).mul_add(inverse, zero).store_bytes(bytes.add(i), len - i);
        }
        bytes.add(len).write_bytes(0, len.next_multiple_of(QUAD) - len);
    }
}

/// Makes floats of the sums of some pixels, and finishes them.
pub(super) struct Floats<'a> {
    pub(super) c: *mut f32,
    /// Pixels, and elements from one to the next.
    pub(super) rows: usize,
    pub(super) ldc: usize,
    /// The scales and the zeros of the pixels' windows.
    pub(super) words: Words,
    /// The scales of the columns, and the sums of their weights (as bits).
    pub(super) scales: &'a [f32],
    pub(super) sums: &'a [f32],
    pub(super) finish: Finish<f32>,
}

impl Job<f32> for Floats<'_> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = f32>>(self) {
        let width = self.scales.len();
        for row in 0..self.rows {
            // SAFETY: the caller vouches for the rows and their columns.
            unsafe {
                let (scale, zero) = (*self.words.scales.add(row), *self.words.zeros.add(row));
                let c = self.c.add(row * self.ldc);
                for from in (0..width).step_by(V::N) {
                    let n = V::N.min(width - from);
                    let [weight, total] = [self.scales, self.sums].map(|all| all.as_ptr().add(from));
                    let sum = V::load_up_to(c.add(from), n).whole(zero as i32, V::load_up_to(total, n));
                    let value = sum.mul(V::splat(scale)).mul(V::load_up_to(weight, n));
                    let finish = self.finish.of::<V>(from, n);
                    self.finish.value(finish, value, c.add(from), n).store_up_to(c.add(from), n);
                }
            }
        }
    }
}
