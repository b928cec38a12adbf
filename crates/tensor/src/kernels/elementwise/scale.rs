//! A factor, or a summand, for each channel of each picture: one pass over the map each way.

use std::mem::MaybeUninit;
use std::ops::Range;

use crate::kernels::memory::{self, Elements, block, filled, parts_of_each};
use crate::kernels::simd::{Element, Job, Lanes, Real, Stored, simd};

/// `x · factor` for N pictures of C channels, whose factors are (N,C).
pub(crate) fn forward<M: Stored>(x: &[M], factors: &[M::Real], c: usize) -> Vec<M> {
    let n = factors.len() / c;
    assert!(x.len().is_multiple_of(factors.len()), "whole pictures");
    let (size, parts) = (x.len() / n, parts_of_each(n, x.len() / n, block(c)));
    // SAFETY: the parts are all of the output, and the job writes all of its own.
    unsafe {
        filled(x.len(), |out| {
            memory::parts(out, &parts, |i, out| {
                let part = &parts[i];
                let factors = &factors[part.start / size * c..][..c];
                M::Real::launch(simd(), Scale { x: &x[part.clone()], factors, out });
            });
        })
    }
}

struct Scale<'a, M: Stored> {
    x: &'a [M],
    factors: &'a [M::Real],
    out: &'a mut [MaybeUninit<M>],
}

impl<M: Stored> Job<M::Real> for Scale<'_, M> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = M::Real>>(self) {
        let c = self.factors.len();
        for (out, x) in self.out.chunks_exact_mut(c).zip(self.x.chunks_exact(c)) {
            for i in 0..c {
                out[i].write(M::round(x[i].read() * self.factors[i]));
            }
        }
    }
}

/// What each picture's channels get on top, (N,C), added to all of its pixels: a new map, or none
/// where it has been written over g.
pub(crate) fn add<M: Stored>(g: Elements<'_, M>, summands: &[M::Real], c: usize) -> Option<Vec<M>> {
    let n = summands.len() / c;
    assert!(g.len().is_multiple_of(summands.len()), "whole pictures");
    let (size, parts) = (g.len() / n, parts_of_each(n, g.len() / n, block(c)));
    let row = |part: &Range<usize>| &summands[part.start / size * c..][..c];
    match g {
        Elements::Own(g) => {
            memory::parts(g, &parts, |i, g| {
                for g in g.chunks_exact_mut(c) {
                    g.iter_mut().zip(row(&parts[i])).for_each(|(g, &more)| *g = M::round(g.read() + more));
                }
            });
            None
        }
        Elements::Shared(g) => {
            let mut new = g.to_vec();
            add(Elements::Own(&mut new), summands, c);
            Some(new)
        }
    }
}

/// The gradients: of x, a new one, or none where it has been written over dy; and of the factors.
pub(crate) fn backward<M: Stored>(
    x: &[M],
    factors: &[M::Real],
    c: usize,
    dy: Elements<'_, M>,
) -> (Option<Vec<M>>, Vec<M::Real>) {
    let n = factors.len() / c;
    assert!(x.len() == dy.len() && x.len().is_multiple_of(factors.len()), "whole pictures");
    let (size, parts) = (x.len() / n, parts_of_each(n, x.len() / n, block(c)));
    let run = |part: &Range<usize>, dy: Option<&[M]>, out: &mut [MaybeUninit<M>]| {
        let mut sums = vec![M::Real::ZERO; c];
        let factors = &factors[part.start / size * c..][..c];
        // SAFETY: without dy, `out` has elements; the job writes all of it.
        unsafe { M::Real::launch(simd(), Gradient { x: &x[part.clone()], factors, dy, out, sums: &mut sums }) }
        sums
    };
    let (mut new, mut sums) = (None, Vec::new());
    match dy {
        Elements::Own(dy) => {
            // SAFETY: only elements are written, so that all stay initialized; MaybeUninit<M> has
            // the layout of M.
            let out = unsafe { &mut *(std::ptr::from_mut(dy) as *mut [MaybeUninit<M>]) };
            sums = memory::parts(out, &parts, |i, out| run(&parts[i], None, out));
        }
        // SAFETY: the parts are all of the gradient, and the job writes all of its own.
        Elements::Shared(dy) => unsafe {
            new = Some(filled(dy.len(), |out| {
                sums = memory::parts(out, &parts, |i, out| run(&parts[i], Some(&dy[parts[i].clone()]), out));
            }));
        },
    }
    let mut gradients = vec![M::Real::ZERO; factors.len()];
    for (part, sums) in parts.iter().zip(&sums) {
        let to = &mut gradients[part.start / size * c..][..c];
        to.iter_mut().zip(sums).for_each(|(to, &sum)| *to += sum);
    }
    (new, gradients)
}

/// A part of [`backward`]: from `dy` to `out`, or in `out` itself, which then has elements.
struct Gradient<'a, M: Stored> {
    x: &'a [M],
    factors: &'a [M::Real],
    dy: Option<&'a [M]>,
    out: &'a mut [MaybeUninit<M>],
    /// `Σ x · dy` by channel.
    sums: &'a mut [M::Real],
}

impl<M: Stored> Job<M::Real> for Gradient<'_, M> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = M::Real>>(self) {
        let c = self.factors.len();
        let (factors, sums) = (&self.factors[..c], &mut self.sums[..c]);
        for (row, out) in self.out.chunks_exact_mut(c).enumerate() {
            let x = &self.x[row * c..][..c];
            for i in 0..c {
                // SAFETY: without dy, `out` has elements.
                let g = match self.dy {
                    Some(dy) => dy[row * c + i],
                    None => unsafe { out[i].assume_init() },
                }
                .read();
                sums[i] += x[i].read() * g;
                out[i].write(M::round(g * factors[i]));
            }
        }
    }
}
