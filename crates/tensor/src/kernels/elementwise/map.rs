//! Functions of single elements, in parallel.

use crate::kernels::memory::{chunk, chunks, filled};
use crate::kernels::simd::Real;

/// Elements handed to a thread at once: large enough to hide the hand-over, small enough for the
/// cache.
pub(crate) const CHUNK: usize = 1 << 15;

/// `f(x)` for every element.
pub(crate) fn map<T: Real>(x: &[T], f: impl Fn(T) -> T + Sync) -> Vec<T> {
    // SAFETY: both are cut into chunks of the same lengths, and every element of a chunk is
    // written.
    unsafe {
        filled(x.len(), |out| {
            chunks(out, CHUNK, |i, out| {
                for (out, &x) in out.iter_mut().zip(chunk(x, CHUNK, i)) {
                    out.write(f(x));
                }
            });
        })
    }
}

/// `f(a, b)` for every pair of elements.
pub(crate) fn map2<T: Real>(a: &[T], b: &[T], f: impl Fn(T, T) -> T + Sync) -> Vec<T> {
    assert_eq!(a.len(), b.len(), "pairs need two slices of one length");
    // SAFETY: all three have one length and are cut into the same chunks, whose elements are all
    // written.
    unsafe {
        filled(a.len(), |out| {
            chunks(out, CHUNK, |i, out| {
                for ((out, &a), &b) in out.iter_mut().zip(chunk(a, CHUNK, i)).zip(chunk(b, CHUNK, i)) {
                    out.write(f(a, b));
                }
            });
        })
    }
}
