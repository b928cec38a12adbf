//! One pass over memory, in parallel.

use std::{array, iter, mem};

use pulp::{Arch, Simd, WithSimd};

use crate::number::{Element, Number};
use crate::real::Real;

/// Elements that one thread works on at a time: enough to be worth the hand-over, and few enough
/// to be shared out evenly.
const CHUNK: usize = 1 << 16;

/// Where to cut `len` elements in two: whole chunks to the left, so that the cuts depend on the
/// length alone and only the last chunk is shorter. Nothing when it is a chunk already.
pub(crate) fn middle(len: usize) -> Option<usize> {
    (len > CHUNK).then(|| len.div_ceil(CHUNK).div_ceil(2) * CHUNK)
}

/// The sum of the squares in float64: chunks are summed in parallel and added up in pairs.
///
/// The order of summation depends on the number of elements alone.
pub(crate) fn squares<T: Real>(values: &[T]) -> f64 {
    let Some(middle) = middle(values.len()) else {
        return Arch::new().dispatch(SumInLanes(values));
    };
    let (left, right) = values.split_at(middle);
    let (left, right) = rayon::join(|| squares(left), || squares(right));
    left + right
}

/// Sixteen running sums instead of one: no addition waits for the one before it.
struct SumInLanes<'a, T>(&'a [T]);

impl<T: Real> WithSimd for SumInLanes<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        const LANES: usize = 16;
        let square = |value: T| value.to_f64() * value.to_f64();
        let mut sums = [0.0; LANES];
        let (rows, rest) = self.0.as_chunks::<LANES>();
        for row in rows {
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum += square(value);
            }
        }
        sums.iter().sum::<f64>() + rest.iter().map(|&value| square(value)).sum::<f64>()
    }
}

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
    /// Halves until a chunk is left; the halves run in parallel.
    pub(crate) fn update(self, formula: impl Formula<N>) {
        let Some(middle) = middle(self.theta.len()) else {
            return Arch::new().dispatch(Pass { part: self, formula });
        };
        let (left, right) = self.split_at(middle);
        rayon::join(|| left.update(formula), || right.update(formula));
    }

    /// [`Part::update`] of the chunks whose [`squares`] are finite; returns the squares of all.
    ///
    /// The update finds the gradient in the cache, where the sum has brought it.
    pub(crate) fn update_finite(self, formula: impl Formula<N>) -> f64 {
        let Some(middle) = middle(self.theta.len()) else {
            let squares = squares(self.grad);
            if squares.is_finite() {
                self.update(formula);
            }
            return squares;
        };
        let (left, right) = self.split_at(middle);
        let (left, right) = rayon::join(|| left.update_finite(formula), || right.update_finite(formula));
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
