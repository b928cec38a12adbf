//! Softmax and cross-entropy on the rows of an N×C matrix of logits.

use std::mem::MaybeUninit;

use crate::kernels::memory::{block, chunk, chunks, filled};
use crate::kernels::simd::rows::{dot, largest, sum};
use crate::kernels::simd::{Job, Lanes, Real, simd};

/// `exp(x) / Σ exp(x)` for each row of c elements.
pub(crate) fn softmax<T: Real>(x: &[T], c: usize) -> Vec<T> {
    assert!(c > 0 && x.len().is_multiple_of(c), "whole rows");
    // SAFETY: both are cut into the same blocks, and the job writes all of its own.
    unsafe {
        filled(x.len(), |out| {
            chunks(out, block(c), |i, out| T::launch(simd(), Softmax { x: chunk(x, block(c), i), c, out }));
        })
    }
}

struct Softmax<'a, T> {
    x: &'a [T],
    c: usize,
    out: &'a mut [MaybeUninit<T>],
}

impl<T: Real> Job<T> for Softmax<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        for (out, x) in self.out.chunks_exact_mut(self.c).zip(self.x.chunks_exact(self.c)) {
            // SAFETY: inside a job; the row is written before it is read, and MaybeUninit<T> has
            // the layout of T.
            unsafe {
                let most = largest::<V>(x);
                for (out, &x) in out.iter_mut().zip(x) {
                    out.write((x - most).exponential());
                }
                let out = &mut *(std::ptr::from_mut(out) as *mut [T]);
                let share = T::ONE / sum::<V>(out);
                out.iter_mut().for_each(|y| *y *= share);
            }
        }
    }
}

/// The gradient `y · (dy - Σ dy · y)` of each row.
pub(crate) fn softmax_backward<T: Real>(dy: &[T], y: &[T], c: usize) -> Vec<T> {
    assert!(c > 0 && dy.len() == y.len() && y.len().is_multiple_of(c), "whole rows");
    // SAFETY: all are cut into the same blocks, and the job writes all of its own.
    unsafe {
        filled(y.len(), |out| {
            chunks(out, block(c), |i, out| {
                let (y, dy) = (chunk(y, block(c), i), chunk(dy, block(c), i));
                T::launch(simd(), Gradient { y, dy, c, out });
            });
        })
    }
}

struct Gradient<'a, T> {
    y: &'a [T],
    dy: &'a [T],
    c: usize,
    out: &'a mut [MaybeUninit<T>],
}

impl<T: Real> Job<T> for Gradient<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        let rows = self.y.chunks_exact(self.c).zip(self.dy.chunks_exact(self.c));
        for (out, (y, dy)) in self.out.chunks_exact_mut(self.c).zip(rows) {
            // SAFETY: inside a job.
            let along = unsafe { dot::<V>(y, dy) };
            for (out, (&y, &dy)) in out.iter_mut().zip(y.iter().zip(dy)) {
                out.write(y * (dy - along));
            }
        }
    }
}

/// `log Σ exp`, safe for any finite row.
fn log_sum_exp<T: Real>(row: &[T]) -> T {
    let max = row.iter().fold(T::NEG_INFINITY, |a, &b| if b > a { b } else { a });
    if max == T::NEG_INFINITY {
        return max;
    }
    max + row.iter().map(|&v| (v - max).exp()).sum::<T>().ln()
}

/// `x - log Σ exp(x)` for each row.
pub(crate) fn log_softmax<T: Real>(logits: &[T], c: usize) -> Vec<T> {
    let rows = logits.chunks_exact(c.max(1));
    rows.flat_map(|row| {
        let total = log_sum_exp(row);
        row.iter().map(move |&v| v - total)
    })
    .collect()
}

/// The gradient `dy - softmax · Σ dy` of each row, from the output y, whose exponential is the
/// softmax.
pub(crate) fn log_softmax_backward<T: Real>(dy: &[T], y: &[T], c: usize) -> Vec<T> {
    let rows = dy.chunks_exact(c.max(1)).zip(y.chunks_exact(c.max(1)));
    rows.flat_map(|(dy, y)| {
        let total: T = dy.iter().copied().sum();
        dy.iter().zip(y).map(move |(&dy, &y)| dy - y.exp() * total)
    })
    .collect()
}

/// `-1/N Σ t · log p`; a class of probability zero in the target adds nothing, however small p is.
pub(crate) fn cross_entropy<T: Real>(logits: &[T], targets: &[T], c: usize) -> T {
    let log_p = log_softmax(logits, c);
    let sum: T = targets.iter().zip(&log_p).filter(|(t, _)| **t != T::ZERO).map(|(&t, &l)| t * l).sum();
    -sum / T::of((logits.len() / c) as f64)
}

/// The gradient of the logits, `(p Σt - t) · scale / N`, and of the targets, `-log p · scale / N`.
pub(crate) fn cross_entropy_backward<T: Real>(logits: &[T], targets: &[T], c: usize, scale: T) -> (Vec<T>, Vec<T>) {
    let scale = scale / T::of((logits.len() / c) as f64);
    let log_p = log_softmax(logits, c);
    let d_logits = log_p.chunks_exact(c).zip(targets.chunks_exact(c)).flat_map(|(log_p, t)| {
        let total: T = t.iter().copied().sum();
        log_p.iter().zip(t).map(move |(&l, &t)| (l.exp() * total - t) * scale)
    });
    (d_logits.collect(), log_p.iter().map(|&l| -l * scale).collect())
}
