//! Functions of single elements, in parallel.

use rayon::prelude::*;

use super::Real;

/// Elements handed to a thread at once: large enough to hide the hand-over, small enough for the cache.
const CHUNK: usize = 1 << 15;

/// `f(x)` for every element.
pub(crate) fn map<T: Real>(x: &[T], f: impl Fn(T) -> T + Sync) -> Vec<T> {
    let mut out = vec![T::ZERO; x.len()];
    out.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(out, x)| {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = f(x);
        }
    });
    out
}

/// `f(a, b)` for every pair of elements.
pub(crate) fn map2<T: Real>(a: &[T], b: &[T], f: impl Fn(T, T) -> T + Sync) -> Vec<T> {
    let mut out = vec![T::ZERO; a.len()];
    out.par_chunks_mut(CHUNK).zip(a.par_chunks(CHUNK).zip(b.par_chunks(CHUNK))).for_each(|(out, (a, b))| {
        for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
            *out = f(a, b);
        }
    });
    out
}
