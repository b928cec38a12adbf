//! A gradient that becomes another one of the same shape: in its own memory where nobody else holds
//! it, so that no lines of a new matrix are brought into the cache only to be written, and a step
//! needs less memory.

use std::array;
use std::mem::MaybeUninit;
use std::ops::Range;

use crate::kernels::memory::{Elements, block, chunk, chunks_back, filled};
use crate::kernels::simd::{Job, Lanes, Real, Stored, simd};

/// `f(elements of the inputs, g, parameters of the column)` for every element of an M×C gradient: a
/// new matrix, or none where it has been written over g. `then` is given each block of rows, and
/// what has become of it, while it is in the cache; its results begin with the last block.
pub(crate) fn rewrite<M: Stored, R: Send, const K: usize, const P: usize>(
    g: Elements<'_, M>,
    inputs: [&[M]; K],
    (c, columns): (usize, [&[M::Real]; P]),
    f: impl Fn([M::Real; K], M::Real, [M::Real; P]) -> M::Real + Sync,
    then: impl Fn(Range<usize>, &[M]) -> R + Sync,
) -> (Option<Vec<M>>, Vec<R>) {
    let size = block(c);
    assert!(inputs.iter().all(|x| x.len() == g.len()), "matrices of one shape");
    assert!(c > 0 && g.len().is_multiple_of(c) && columns.iter().all(|column| column.len() == c), "whole rows");
    let run = |i: usize, g: Option<&[M]>, out: &mut [MaybeUninit<M>]| {
        let rows = i * size..i * size + out.len();
        let inputs = inputs.map(|x| &x[rows.clone()]);
        // SAFETY: all are of the block's length; the job writes every element, from g or from what
        // there is. MaybeUninit<M> has the layout of M.
        let out = unsafe {
            M::Real::launch(simd(), Block { g, inputs, c, columns, f: &f, out });
            &*(std::ptr::from_mut(out) as *const [M])
        };
        then(rows, out)
    };
    let mut results = Vec::new();
    // From the end, which whoever summed up or wrote g has left in the cache.
    let new = match g {
        Elements::Own(g) => {
            // SAFETY: as above; only elements are written, so that all stay initialized.
            let out = unsafe { &mut *(std::ptr::from_mut(g) as *mut [MaybeUninit<M>]) };
            results = chunks_back(out, size, |i, out| run(i, None, out));
            None
        }
        // SAFETY: `run` writes all of its block.
        Elements::Shared(g) => unsafe {
            Some(filled(g.len(), |out| {
                results = chunks_back(out, size, |i, out| run(i, Some(chunk(g, size, i)), out));
            }))
        },
    };
    (new, results)
}

/// A block of [`rewrite`]: from `g` to `out`, or in `out` itself, which then has elements.
struct Block<'a, M: Stored, F, const K: usize, const P: usize> {
    g: Option<&'a [M]>,
    inputs: [&'a [M]; K],
    c: usize,
    columns: [&'a [M::Real]; P],
    f: &'a F,
    out: &'a mut [MaybeUninit<M>],
}

impl<M, F, const K: usize, const P: usize> Job<M::Real> for Block<'_, M, F, K, P>
where
    M: Stored,
    F: Fn([M::Real; K], M::Real, [M::Real; P]) -> M::Real,
{
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = M::Real>>(self) {
        let (c, f) = (self.c, self.f);
        let columns = self.columns.map(|column| &column[..c]);
        for (row, out) in self.out.chunks_exact_mut(c).enumerate() {
            let inputs = self.inputs.map(|x| &x[row * c..][..c]);
            match self.g {
                Some(g) => {
                    let g = &g[row * c..][..c];
                    for l in 0..c {
                        let of = (array::from_fn(|k| inputs[k][l].read()), array::from_fn(|p| columns[p][l]));
                        out[l].write(M::round(f(of.0, g[l].read(), of.1)));
                    }
                }
                None => {
                    for l in 0..c {
                        let of = (array::from_fn(|k| inputs[k][l].read()), array::from_fn(|p| columns[p][l]));
                        // SAFETY: without g, `out` has elements.
                        let g = unsafe { out[l].assume_init() };
                        out[l].write(M::round(f(of.0, g.read(), of.1)));
                    }
                }
            }
        }
    }
}
