//! What is done to the outputs of a convolution while they are at hand.

use crate::kernels::memory::Shared;
use crate::kernels::simd::{Lanes, Real};

/// `max(y · scale + bias, floor)`: a bias, or all of a batch norm with given statistics, and a
/// rectifier.
#[derive(Clone, Copy)]
pub(crate) struct Finish<T> {
    /// One for each output channel (of all groups), or null for 1.
    scale: Shared<T>,
    /// The same, or null for 0.
    bias: Shared<T>,
    relu: bool,
}

impl<T: Real> Finish<T> {
    /// Of vectors that outlive it.
    pub(crate) fn new(scale: Option<&[T]>, bias: Option<&[T]>, relu: bool) -> Self {
        let at = |values: Option<&[T]>| Shared::new(values.map_or(std::ptr::null_mut(), |v| v.as_ptr().cast_mut()));
        Self { scale: at(scale), bias: at(bias), relu }
    }

    /// Leaves outputs as they are.
    pub(crate) fn nothing() -> Self {
        Self::new(None, None, false)
    }

    /// Whether it leaves outputs as they are.
    pub(crate) fn is_nothing(self) -> bool {
        self.scale.at(0).is_null() && self.bias.at(0).is_null() && !self.relu
    }

    /// The same of elements that are these.
    pub(crate) fn cast<U: Real>(self) -> Finish<U> {
        let cast = |values: Shared<T>| Shared::new(values.at(0).cast());
        Finish { scale: cast(self.scale), bias: cast(self.bias), relu: self.relu }
    }

    /// That of the output channels from `channel` on.
    pub(crate) fn from(self, channel: usize) -> Self {
        let from = |values: Shared<T>| if values.at(0).is_null() { values } else { Shared::new(values.at(channel)) };
        Self { scale: from(self.scale), bias: from(self.bias), relu: self.relu }
    }

    /// Of n channels, at most a vector, from one on.
    #[inline(always)]
    pub(crate) unsafe fn of<V: Lanes<Real = T>>(self, channel: usize, n: usize) -> FinishOf<V> {
        // SAFETY: the caller vouches for the channels.
        unsafe {
            let (mut scale, mut bias) = (V::splat(T::ONE), V::splat(T::ZERO));
            if !self.scale.at(0).is_null() {
                scale = V::load_up_to(self.scale.at(channel), n);
            }
            if !self.bias.at(0).is_null() {
                bias = V::load_up_to(self.bias.at(channel), n);
            }
            FinishOf { scale, bias, floor: V::splat(if self.relu { T::ZERO } else { T::NEG_INFINITY }) }
        }
    }
}

/// A [`Finish`] of one vector of channels.
#[derive(Clone, Copy)]
pub(crate) struct FinishOf<V> {
    scale: V,
    bias: V,
    floor: V,
}

impl<V: Lanes> FinishOf<V> {
    /// The output; NaN stays NaN.
    #[inline(always)]
    pub(crate) unsafe fn apply(self, y: V) -> V {
        // SAFETY: called inside a job.
        unsafe { self.floor.max(y.mul_add(self.scale, self.bias)) }
    }
}
