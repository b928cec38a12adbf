//! One pass over memory, in parallel.

use std::{array, iter, mem};

use pulp::{Arch, Simd, WithSimd};

use crate::real::Real;

/// Elements that one thread works on at a time: enough to be worth the hand-over, and few enough
/// to be shared out evenly.
const CHUNK: usize = 1 << 16;

/// Where to cut `len` elements in two: whole chunks to the left, so that the cuts depend on the
/// length alone and only the last chunk is shorter. Nothing when it is a chunk already.
pub(crate) fn middle(len: usize) -> Option<usize> {
    (len > CHUNK).then(|| len.div_ceil(CHUNK).div_ceil(2) * CHUNK)
}

/// An update rule for one element, with its settings and the step at hand.
///
/// The new values of an element depend on its own old ones alone, so that neither the number of
/// threads nor the width of a vector register touches the result.
pub(crate) trait Formula<const N: usize>: Copy + Send + Sync {
    /// The new *θ* and slots from *θ*, *g* and the slots.
    fn apply<T: Real>(self, theta: T, grad: T, slots: [T; N]) -> (T, [T; N]);
}

/// The same stretch of *θ*, *g* and every slot.
pub(crate) struct Part<'a, T, const N: usize> {
    pub(crate) theta: &'a mut [T],
    pub(crate) grad: &'a [T],
    pub(crate) slots: [&'a mut [T]; N],
}

impl<T: Real, const N: usize> Part<'_, T, N> {
    /// Halves until a chunk is left; the halves run in parallel.
    pub(crate) fn update(self, formula: impl Formula<N>) {
        let Some(middle) = middle(self.theta.len()) else {
            Arch::new().dispatch(Pass { part: self, formula });
            return;
        };
        let (left, right) = self.split_at(middle);
        rayon::join(|| left.update(formula), || right.update(formula));
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
            let old = array::from_fn(|slot| slots[slot][i]);
            let new;
            (theta[i], new) = formula.apply(theta[i], grad[i], old);
            for (slot, new) in iter::zip(&mut slots, new) {
                slot[i] = new;
            }
        }
    }
}
