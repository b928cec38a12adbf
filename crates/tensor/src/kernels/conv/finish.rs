//! What is done to the outputs of a convolution while they are at hand.

use crate::kernels::elementwise::pointwise;
use crate::kernels::memory::Shared;
use crate::kernels::simd::{Element, Lanes, Real, Simd, Stored};
use crate::pointwise::Pointwise;

/// `f(max(y · scale + bias + residual, floor))`: a bias, or all of a batch norm with given
/// statistics, a residual, and a rectifier or another function.
#[derive(Clone, Copy)]
pub(crate) struct Finish<M: Stored> {
    /// One for each output channel (of all groups), or null for 1.
    scale: Shared<M::Real>,
    /// The same, or null for 0.
    bias: Shared<M::Real>,
    /// Of the output's shape, or null; and where the output begins.
    residual: Shared<M>,
    out: Shared<M>,
    relu: bool,
    then: Option<Pointwise>,
}

impl<M: Stored> Finish<M> {
    /// Of vectors that outlive it.
    pub(crate) fn new(scale: Option<&[M::Real]>, bias: Option<&[M::Real]>, relu: bool) -> Self {
        let at =
            |values: Option<&[M::Real]>| Shared::new(values.map_or(std::ptr::null_mut(), |v| v.as_ptr().cast_mut()));
        let none = Shared::new(std::ptr::null_mut());
        Self { scale: at(scale), bias: at(bias), residual: none, out: none, relu, then: None }
    }

    /// And a residual of the shape of a whole output, before the rectifier.
    pub(crate) fn add(self, residual: &[M], out: *mut M) -> Self {
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

    /// Whether there is a function that [`Finish::activate`] applies.
    pub(crate) fn is_activated(self) -> bool {
        self.then.is_some()
    }

    /// The same of elements that are these.
    pub(crate) fn cast<U: Real>(self) -> Finish<U> {
        let vector = |values: Shared<M::Real>| Shared::new(values.at(0).cast());
        let map = |values: Shared<M>| Shared::new(values.at(0).cast());
        let (scale, bias) = (vector(self.scale), vector(self.bias));
        Finish { scale, bias, residual: map(self.residual), out: map(self.out), relu: self.relu, then: self.then }
    }

    /// That of the output channels from `channel` on.
    pub(crate) fn from(self, channel: usize) -> Self {
        let from =
            |values: Shared<M::Real>| if values.at(0).is_null() { values } else { Shared::new(values.at(channel)) };
        Self { scale: from(self.scale), bias: from(self.bias), ..self }
    }

    /// A vector of n outputs that goes to a place in the output, finished but for the function, by
    /// what [`Finish::of`] its channels gave.
    #[inline(always)]
    pub(crate) unsafe fn value<V: Lanes<Real = M::Real>>(self, of: FinishOf<V>, y: V, to: *const M, n: usize) -> V {
        // SAFETY: called inside a job; the residual has the shape of the output.
        unsafe {
            let mut y = y.mul_add(of.scale, of.bias);
            if !self.residual.at(0).is_null() {
                let number = to.addr().wrapping_sub(self.out.at(0).addr()) / size_of::<M>();
                y = y.add(M::load(self.residual.at(number), n));
            }
            of.floor.max(y)
        }
    }

    /// Applies the function to outputs that have been finished but for it, while they are at hand.
    ///
    /// # Safety
    /// The rows are outputs of the caller's own.
    pub(crate) unsafe fn activate(self, simd: Simd, (at, stride): (*mut M, usize), rows: usize, width: usize) {
        if let Some(function) = self.then {
            // SAFETY: the caller's promise.
            unsafe { M::Real::launch(simd, pointwise::Rows { function, at, rows, stride, width }) }
        }
    }

    /// Of n channels, at most a vector, from one on.
    #[inline(always)]
    pub(crate) unsafe fn of<V: Lanes<Real = M::Real>>(self, channel: usize, n: usize) -> FinishOf<V> {
        // SAFETY: the caller vouches for the channels.
        unsafe {
            let (mut scale, mut bias) = (V::splat(M::Real::ONE), V::splat(M::Real::ZERO));
            if !self.scale.at(0).is_null() {
                scale = V::load_up_to(self.scale.at(channel), n);
            }
            if !self.bias.at(0).is_null() {
                bias = V::load_up_to(self.bias.at(channel), n);
            }
            FinishOf { scale, bias, floor: V::splat(if self.relu { M::Real::ZERO } else { M::Real::NEG_INFINITY }) }
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
