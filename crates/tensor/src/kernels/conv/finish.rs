//! What is done to the outputs of a convolution while they are at hand.

use crate::kernels::elementwise::pointwise;
use crate::kernels::memory::Shared;
use crate::kernels::simd::{Lanes, Real, Simd};
use crate::pointwise::Pointwise;

/// `f(max(y · scale + bias + residual, floor))`: a bias, or all of a batch norm with given
/// statistics, a residual, and a rectifier or another function.
#[derive(Clone, Copy)]
pub(crate) struct Finish<T> {
    /// One for each output channel (of all groups), or null for 1.
    scale: Shared<T>,
    /// The same, or null for 0.
    bias: Shared<T>,
    /// Of the output's shape, or null; and where the output begins.
    residual: Shared<T>,
    out: Shared<T>,
    relu: bool,
    then: Option<Pointwise>,
}

impl<T: Real> Finish<T> {
    /// Of vectors that outlive it.
    pub(crate) fn new(scale: Option<&[T]>, bias: Option<&[T]>, relu: bool) -> Self {
        let at = |values: Option<&[T]>| Shared::new(values.map_or(std::ptr::null_mut(), |v| v.as_ptr().cast_mut()));
        let none = Shared::new(std::ptr::null_mut());
        Self { scale: at(scale), bias: at(bias), residual: none, out: none, relu, then: None }
    }

    /// And a residual of the shape of a whole output, before the rectifier.
    pub(crate) fn add(self, residual: &[T], out: *mut T) -> Self {
        Self { residual: Shared::new(residual.as_ptr().cast_mut()), out: Shared::new(out), ..self }
    }

    /// And a function of what comes out, which [`Finish::activate`] applies.
    pub(crate) fn then(self, function: Option<Pointwise>) -> Self {
        Self { then: function, ..self }
    }

    /// Leaves outputs as they are.
    pub(crate) fn nothing() -> Self {
        Self::new(None, None, false)
    }

    /// Whether it leaves outputs as they are.
    pub(crate) fn is_nothing(self) -> bool {
        self.scale.at(0).is_null()
            && self.bias.at(0).is_null()
            && self.residual.at(0).is_null()
            && !self.relu
            && self.then.is_none()
    }

    /// The same of elements that are these.
    pub(crate) fn cast<U: Real>(self) -> Finish<U> {
        let cast = |values: Shared<T>| Shared::new(values.at(0).cast());
        let (scale, bias, residual, out) = (cast(self.scale), cast(self.bias), cast(self.residual), cast(self.out));
        Finish { scale, bias, residual, out, relu: self.relu, then: self.then }
    }

    /// That of the output channels from `channel` on.
    pub(crate) fn from(self, channel: usize) -> Self {
        let from = |values: Shared<T>| if values.at(0).is_null() { values } else { Shared::new(values.at(channel)) };
        Self { scale: from(self.scale), bias: from(self.bias), ..self }
    }

    /// A vector of n outputs that goes to a place in the output, finished but for the function, by
    /// what [`Finish::of`] its channels gave.
    #[inline(always)]
    pub(crate) unsafe fn value<V: Lanes<Real = T>>(self, of: FinishOf<V>, y: V, to: *const T, n: usize) -> V {
        // SAFETY: called inside a job; the residual has the shape of the output.
        unsafe {
            let mut y = y.mul_add(of.scale, of.bias);
            if !self.residual.at(0).is_null() {
                let number = to.addr().wrapping_sub(self.out.at(0).addr()) / size_of::<T>();
                y = y.add(V::load_up_to(self.residual.at(number), n));
            }
            of.floor.max(y)
        }
    }

    /// Applies the function to outputs that have been finished but for it, while they are at hand.
    ///
    /// # Safety
    /// The rows are outputs of the caller's own.
    pub(crate) unsafe fn activate(self, simd: Simd, (at, stride): (*mut T, usize), rows: usize, width: usize) {
        if let Some(function) = self.then {
            // SAFETY: the caller's promise.
            unsafe { T::launch(simd, pointwise::Rows { function, at, rows, stride, width }) }
        }
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
