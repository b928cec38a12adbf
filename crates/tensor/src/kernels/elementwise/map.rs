//! Functions of single elements, in parallel.

use std::mem::MaybeUninit;

use crate::kernels::memory::{chunk, chunks, filled};
use crate::kernels::simd::{Job, Lanes, Real, Stored, simd};

/// Elements handed to a thread at once: large enough to hide the hand-over, small enough for the
/// cache.
pub(crate) const CHUNK: usize = 1 << 15;

/// `f(x)` for every element.
pub(crate) fn map<M: Stored>(x: &[M], f: impl Fn(M::Real) -> M::Real + Sync) -> Vec<M> {
    mapped([x], |[x]| f(x))
}

/// `f(a, b)` for every pair of elements.
pub(crate) fn map2<M: Stored>(a: &[M], b: &[M], f: impl Fn(M::Real, M::Real) -> M::Real + Sync) -> Vec<M> {
    mapped([a, b], |[a, b]| f(a, b))
}

/// The elements in another type of the same floats.
pub(crate) fn converted<A: Stored<Real = f32>, B: Stored<Real = f32>>(x: &[A]) -> Vec<B> {
    mapped([x], |[x]| x)
}

fn mapped<A, B, const K: usize>(inputs: [&[A]; K], f: impl Fn([A::Real; K]) -> A::Real + Sync) -> Vec<B>
where
    A: Stored,
    B: Stored<Real = A::Real>,
{
    let len = inputs.first().map_or(0, |x| x.len());
    assert!(inputs.iter().all(|x| x.len() == len), "slices of one length");
    // SAFETY: all are cut into the same chunks, and the job writes every element of its own.
    unsafe {
        filled(len, |out| {
            chunks(out, CHUNK, |i, out| {
                A::Real::launch(simd(), Chunk { inputs: inputs.map(|x| chunk(x, CHUNK, i)), f: &f, out });
            });
        })
    }
}

struct Chunk<'a, A, B, F, const K: usize> {
    inputs: [&'a [A]; K],
    f: &'a F,
    out: &'a mut [MaybeUninit<B>],
}

impl<A, B, F, const K: usize> Job<A::Real> for Chunk<'_, A, B, F, K>
where
    A: Stored,
    B: Stored<Real = A::Real>,
    F: Fn([A::Real; K]) -> A::Real,
{
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = A::Real>>(self) {
        let inputs = self.inputs.map(|x| &x[..self.out.len()]);
        for (i, out) in self.out.iter_mut().enumerate() {
            out.write(B::round((self.f)(inputs.map(|x| x[i].read()))));
        }
    }
}
