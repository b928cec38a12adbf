//! One pass over memory, in parallel.

use std::{array, iter, mem};

use pulp::{Arch, Simd, WithSimd};

use crate::engine::chunks::middle;
use crate::engine::number::{Element, Number};
use crate::engine::real::Real;
use crate::engine::squares::squares;

/// An update rule for one element, with its settings and the step at hand.
///
/// The new values of an element depend on its own old ones alone, so that neither the number of
/// threads nor the width of a vector register touches the result. It is written once for every kind
/// of [`Number`]: compiled into the loop over a [`Part`], and composed of candle's operations.
pub(crate) trait Formula<const N: usize>: Copy + Send + Sync {
    /// The new *θ* and slots from *θ*, *g* and the slots.
    fn apply<T: Number>(self, theta: T, grad: T, slots: [T; N]) -> (T, [T; N]);
}

/// The same stretch of *θ*, *g* and every slot.
pub(crate) struct Part<'a, T, const N: usize> {
    pub(crate) theta: &'a mut [T],
    pub(crate) grad: &'a [T],
    pub(crate) slots: [&'a mut [T]; N],
}

impl<T: Real, const N: usize> Part<'_, T, N> {
    /// One pass over all of it.
    pub(crate) fn update(self, formula: impl Formula<N>) {
        self.halve(&|part| {
            Arch::new().dispatch(Pass { part, formula });
            0.0
        });
    }

    /// [`Part::update`] of the chunks whose [`squares`] are finite; returns the squares of all.
    ///
    /// The update finds the gradient in the cache, where the sum has brought it.
    pub(crate) fn update_finite(self, formula: impl Formula<N>) -> f64 {
        self.halve(&|part| {
            let squares = squares(part.grad);
            if squares.is_finite() {
                Arch::new().dispatch(Pass { part, formula });
            }
            squares
        })
    }

    /// Halves until chunks are left, which run in parallel, and adds up what `chunk` gives in
    /// pairs. Compiled once for all formulas: the joining is much more code than a pass.
    fn halve(self, chunk: &(dyn Fn(Part<'_, T, N>) -> f64 + Sync)) -> f64 {
        let Some(middle) = middle(self.theta.len()) else {
            return chunk(self);
        };
        let (left, right) = self.split_at(middle);
        let (left, right) = rayon::join(|| left.halve(chunk), || right.halve(chunk));
        left + right
    }

    fn split_at(self, middle: usize) -> (Self, Self) {
        let (theta, theta_right) = self.theta.split_at_mut(middle);
        let (grad, grad_right) = self.grad.split_at(middle);
        let mut slots = self.slots;
        let mut slots_right: [&mut [T]; N] = array::from_fn(|_| Default::default());
        for (slot, right) in iter::zip(&mut slots, &mut slots_right) {
            (*slot, *right) = mem::take(slot).split_at_mut(middle);
        }
        let right = Self { theta: theta_right, grad: grad_right, slots: slots_right };
        (Self { theta, grad, slots }, right)
    }
}

/// One pass over a chunk, compiled for each instruction set that pulp knows and chosen at run time:
/// the roots and quotients of Adam keep up with the memory only in wide registers.
struct Pass<'a, T, F, const N: usize> {
    part: Part<'a, T, N>,
    formula: F,
}

impl<T: Real, F: Formula<N>, const N: usize> WithSimd for Pass<'_, T, F, N> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { part: Part { theta, grad, slots }, formula } = self;
        // Equal lengths in sight let the compiler drop the checks of the indices.
        let len = theta.len();
        let grad = &grad[..len];
        let mut slots = slots.map(|slot| &mut slot[..len]);
        for i in 0..len {
            let old = array::from_fn(|slot| Element(slots[slot][i]));
            let new;
            (Element(theta[i]), new) = formula.apply(Element(theta[i]), Element(grad[i]), old);
            for (slot, Element(new)) in iter::zip(&mut slots, new) {
                slot[i] = new;
            }
        }
    }
}
