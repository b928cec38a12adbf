//! A gradient that becomes another one of the same shape: in its own memory where nobody else holds it, so that no lines
//! of a new matrix are brought into the cache only to be written, and a step needs less memory.

use std::array;
use std::cell::RefCell;
use std::mem::MaybeUninit;
use std::ops::Range;

use candle_core::{CpuStorage, InplaceOp1, Layout, Result, Tensor, bail};
use rayon::prelude::*;

use super::rows::block;
use super::simd::{Job, Lanes, simd};
use super::{Real, filled, tensor, with};
use crate::tape::Gradient;

/// The elements of a gradient, or of a map that a gradient is written over.
pub(crate) enum Elements<'a, T> {
    /// Which others hold, too.
    Shared(&'a [T]),
    /// Which may be written over.
    Own(&'a mut [T]),
}

impl<T> Elements<'_, T> {
    pub(crate) fn len(&self) -> usize {
        self.as_slice().len()
    }

    pub(crate) fn as_slice(&self) -> &[T] {
        match self {
            Elements::Shared(g) => g,
            Elements::Own(g) => g,
        }
    }
}

/// `f(elements of the inputs, g, parameters of the column)` for every element of an M×C gradient: a new matrix, or none
/// where it has been written over g. `then` is given each block of rows, and what has become of it, while it is in the
/// cache; its results begin with the last block.
pub(crate) fn rewrite<T: Real, R: Send, const K: usize, const P: usize>(
    g: Elements<'_, T>,
    inputs: [&[T]; K],
    (c, columns): (usize, [&[T]; P]),
    f: impl Fn([T; K], T, [T; P]) -> T + Sync,
    then: impl Fn(Range<usize>, &[T]) -> R + Sync,
) -> (Option<Vec<T>>, Vec<R>) {
    let size = block(c);
    assert!(inputs.iter().all(|x| x.len() == g.len()), "matrices of one shape");
    assert!(c > 0 && g.len().is_multiple_of(c) && columns.iter().all(|column| column.len() == c), "whole rows");
    let run = |i: usize, g: Option<&[T]>, out: &mut [MaybeUninit<T>]| {
        let rows = i * size..i * size + out.len();
        let inputs = inputs.map(|x| &x[rows.clone()]);
        // SAFETY: all are of the block's length; the job writes every element, from g or from what there is. MaybeUninit<T>
        // has the layout of T.
        let out = unsafe {
            T::launch(simd(), Block { g, inputs, c, columns, f: &f, out });
            &*(std::ptr::from_mut(out) as *const [T])
        };
        then(rows, out)
    };
    let mut results = Vec::new();
    // From the end, which whoever summed up or wrote g has left in the cache.
    let new = match g {
        Elements::Own(g) => {
            // SAFETY: as above; only elements are written, so that all stay initialised.
            let out = unsafe { &mut *(std::ptr::from_mut(g) as *mut [MaybeUninit<T>]) };
            results = out.par_chunks_mut(size).enumerate().rev().map(|(i, out)| run(i, None, out)).collect();
            None
        }
        // SAFETY: `run` writes all of its block.
        Elements::Shared(g) => unsafe {
            Some(filled(g.len(), |out| {
                let blocks = out.par_chunks_mut(size).zip(g.par_chunks(size)).enumerate().rev();
                results = blocks.map(|(i, (out, g))| run(i, Some(g), out)).collect();
            }))
        },
    };
    (new, results)
}

/// A block of [`rewrite`]: from `g` to `out`, or in `out` itself, which then has elements.
struct Block<'a, T, F, const K: usize, const P: usize> {
    g: Option<&'a [T]>,
    inputs: [&'a [T]; K],
    c: usize,
    columns: [&'a [T]; P],
    f: &'a F,
    out: &'a mut [MaybeUninit<T>],
}

impl<T: Real, F: Fn([T; K], T, [T; P]) -> T, const K: usize, const P: usize> Job<T> for Block<'_, T, F, K, P> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        let (c, f) = (self.c, self.f);
        let columns = self.columns.map(|column| &column[..c]);
        for (row, out) in self.out.chunks_exact_mut(c).enumerate() {
            let inputs = self.inputs.map(|x| &x[row * c..][..c]);
            match self.g {
                Some(g) => {
                    let g = &g[row * c..][..c];
                    for l in 0..c {
                        let of = (array::from_fn(|k| inputs[k][l]), array::from_fn(|p| columns[p][l]));
                        out[l].write(f(of.0, g[l], of.1));
                    }
                }
                None => {
                    for l in 0..c {
                        let of = (array::from_fn(|k| inputs[k][l]), array::from_fn(|p| columns[p][l]));
                        // SAFETY: without g, `out` has elements.
                        let g = unsafe { out[l].assume_init() };
                        out[l].write(f(of.0, g, of.1));
                    }
                }
            }
        }
    }
}

/// Runs a [`rewrite`] on a gradient: what it has become, and the rest that the run gives.
pub(crate) fn rewritten<T: Real, R>(
    g: Gradient,
    run: impl FnOnce(Elements<'_, T>) -> (Option<Vec<T>>, R),
) -> Result<(Tensor, R)> {
    let Gradient { tensor: g, own } = g;
    if !own {
        let (new, rest) = with::<T, _>(&g, |g| run(Elements::Shared(g)))?;
        return Ok((new.map_or(Ok(g.clone()), |new| tensor(new, g.shape()))?, rest));
    }
    let (run, rest) = (RefCell::new(Some(run)), RefCell::new(None));
    g.inplace_op1(&InPlace(
        |elements: &mut [T]| {
            *rest.borrow_mut() = run.take().map(|run| run(Elements::Own(elements)).1);
        },
        std::marker::PhantomData,
    ))?;
    match rest.into_inner() {
        Some(rest) => Ok((g, rest)),
        None => bail!("a gradient on the CPU was expected"),
    }
}

/// A function of a tensor's elements as candle's operation.
struct InPlace<T, F>(F, std::marker::PhantomData<T>);

impl<T: Real, F: Fn(&mut [T])> InplaceOp1 for InPlace<T, F> {
    fn name(&self) -> &'static str {
        "rewrite"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let (Some((from, to)), Some(all)) = (layout.contiguous_offsets(), T::all_mut(storage)) else {
            bail!("a kernel needs a contiguous tensor of {:?}; got {layout:?}", T::DTYPE);
        };
        (self.0)(&mut all[from..to]);
        Ok(())
    }
}
