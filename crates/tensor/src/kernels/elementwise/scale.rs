//! A factor, or a summand, for each channel of each picture: one pass over the map each way.

use std::mem::MaybeUninit;
use std::ops::Range;

use crate::kernels::memory::{self, Elements, block, filled, parts_of_each};
use crate::kernels::simd::{Job, Lanes, Real, simd};

/// `x · factor` for N pictures of C channels, whose factors are (N,C).
pub(crate) fn forward<T: Real>(x: &[T], factors: &[T], c: usize) -> Vec<T> {
    let n = factors.len() / c;
    assert!(x.len().is_multiple_of(factors.len()), "whole pictures");
    let (size, parts) = (x.len() / n, parts_of_each(n, x.len() / n, block(c)));
    // SAFETY: the parts are all of the output, and the job writes all of its own.
    unsafe {
        filled(x.len(), |out| {
            memory::parts(out, &parts, |i, out| {
                let part = &parts[i];
                let factors = &factors[part.start / size * c..][..c];
                T::launch(simd(), Scale { x: &x[part.clone()], factors, out });
            });
        })
    }
}

struct Scale<'a, T> {
    x: &'a [T],
    factors: &'a [T],
    out: &'a mut [MaybeUninit<T>],
}

impl<T: Real> Job<T> for Scale<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        let c = self.factors.len();
        for (out, x) in self.out.chunks_exact_mut(c).zip(self.x.chunks_exact(c)) {
            for i in 0..c {
                out[i].write(x[i] * self.factors[i]);
            }
        }
    }
}

/// What each picture's channels get on top, (N,C), added to all of its pixels: a new map, or none
/// where it has been written over g.
pub(crate) fn add<T: Real>(g: Elements<'_, T>, summands: &[T], c: usize) -> Option<Vec<T>> {
    let n = summands.len() / c;
    assert!(g.len().is_multiple_of(summands.len()), "whole pictures");
    let (size, parts) = (g.len() / n, parts_of_each(n, g.len() / n, block(c)));
    let row = |part: &Range<usize>| &summands[part.start / size * c..][..c];
    match g {
        Elements::Own(g) => {
            memory::parts(g, &parts, |i, g| {
                g.chunks_exact_mut(c).for_each(|g| g.iter_mut().zip(row(&parts[i])).for_each(|(g, &more)| *g += more));
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
pub(crate) fn backward<T: Real>(x: &[T], factors: &[T], c: usize, dy: Elements<'_, T>) -> (Option<Vec<T>>, Vec<T>) {
    let n = factors.len() / c;
    assert!(x.len() == dy.len() && x.len().is_multiple_of(factors.len()), "whole pictures");
    let (size, parts) = (x.len() / n, parts_of_each(n, x.len() / n, block(c)));
    let run = |part: &Range<usize>, dy: Option<&[T]>, out: &mut [MaybeUninit<T>]| {
        let mut sums = vec![T::ZERO; c];
        let factors = &factors[part.start / size * c..][..c];
        // SAFETY: without dy, `out` has elements; the job writes all of it.
        unsafe { T::launch(simd(), Gradient { x: &x[part.clone()], factors, dy, out, sums: &mut sums }) }
        sums
    };
    let (mut new, mut sums) = (None, Vec::new());
    match dy {
        Elements::Own(dy) => {
            // SAFETY: only elements are written, so that all stay initialized; MaybeUninit<T> has
            // the layout of T.
            let out = unsafe { &mut *(std::ptr::from_mut(dy) as *mut [MaybeUninit<T>]) };
            sums = memory::parts(out, &parts, |i, out| run(&parts[i], None, out));
        }
        // SAFETY: the parts are all of the gradient, and the job writes all of its own.
        Elements::Shared(dy) => unsafe {
            new = Some(filled(dy.len(), |out| {
                sums = memory::parts(out, &parts, |i, out| run(&parts[i], Some(&dy[parts[i].clone()]), out));
            }));
        },
    }
    let mut gradients = vec![T::ZERO; factors.len()];
    for (part, sums) in parts.iter().zip(&sums) {
        let to = &mut gradients[part.start / size * c..][..c];
        to.iter_mut().zip(sums).for_each(|(to, &sum)| *to += sum);
    }
    (new, gradients)
}

/// A part of [`backward`]: from `dy` to `out`, or in `out` itself, which then has elements.
struct Gradient<'a, T> {
    x: &'a [T],
    factors: &'a [T],
    dy: Option<&'a [T]>,
    out: &'a mut [MaybeUninit<T>],
    /// `Σ x · dy` by channel.
    sums: &'a mut [T],
}

impl<T: Real> Job<T> for Gradient<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        let c = self.factors.len();
        let (factors, sums) = (&self.factors[..c], &mut self.sums[..c]);
        for (row, out) in self.out.chunks_exact_mut(c).enumerate() {
            let x = &self.x[row * c..][..c];
            for i in 0..c {
                // SAFETY: without dy, `out` has elements.
                let g = match self.dy {
                    Some(dy) => dy[row * c + i],
                    None => unsafe { out[i].assume_init() },
                };
                sums[i] += x[i] * g;
                out[i].write(g * factors[i]);
            }
        }
    }
}
