//! The greatest of so many neighbors.

use super::map::CHUNK;
use crate::kernels::memory::{chunk, chunks, filled};
use crate::kernels::simd::Real;

/// The place of the first of the greatest; a NaN is greater than any number.
fn greatest<T: Real>(pieces: &[T]) -> usize {
    let better = |best: usize, i: usize| {
        if pieces[i] > pieces[best] || (is_nan(pieces[i]) && !is_nan(pieces[best])) { i } else { best }
    };
    (1..pieces.len()).fold(0, better)
}

fn is_nan<T: Real>(x: T) -> bool {
    x.partial_cmp(&x).is_none()
}

/// The greatest of each `k` elements.
pub(crate) fn forward<T: Real>(x: &[T], k: usize) -> Vec<T> {
    assert!(k > 0 && x.len().is_multiple_of(k), "whole groups of pieces");
    // SAFETY: the chunks of both have the same number of groups, and an element is written for
    // each.
    unsafe {
        filled(x.len() / k, |out| {
            chunks(out, CHUNK, |i, out| {
                for (out, pieces) in out.iter_mut().zip(chunk(x, CHUNK * k, i).chunks_exact(k)) {
                    out.write(pieces[greatest(pieces)]);
                }
            });
        })
    }
}

/// The gradient of each group goes to the first of its greatest.
pub(crate) fn backward<T: Real>(x: &[T], dy: &[T], k: usize) -> Vec<T> {
    assert!(k > 0 && x.len() == dy.len() * k, "a gradient for each group of pieces");
    let mut dx = vec![T::ZERO; x.len()];
    chunks(&mut dx, CHUNK * k, |i, dx| {
        let (x, dy) = (chunk(x, CHUNK * k, i), chunk(dy, CHUNK, i));
        for ((dx, x), &dy) in dx.chunks_exact_mut(k).zip(x.chunks_exact(k)).zip(dy) {
            dx[greatest(x)] = dy;
        }
    });
    dx
}
