//! Groups of few channels as fewer and wider ones.
//!
//! A product writes whole vectors: of a group of four outputs it throws away three quarters. So
//! neighboring groups become one, whose weight is theirs along its diagonal and zero beside it:
//! the products that are added are zero, and no sum changes. (ResNeXt-50 has groups of 4 to 32
//! channels.)

use std::borrow::Cow;

use crate::kernels::simd::{Real, Simd};
use crate::sizes::{Checked, Convolution};

/// A convolution whose groups are several of another's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Merged {
    pub(super) d: Checked<Convolution>,
    /// How many.
    groups: usize,
}

impl Merged {
    /// That of a convolution whose groups do not fill a vector.
    pub(super) fn of<T: Real>(simd: Simd, d: Checked<Convolution>) -> Self {
        let most = (T::lanes(simd) / d.o_group().max(d.c_group())).max(1);
        let groups = (1..=most).rev().find(|groups| d.groups.is_multiple_of(*groups)).unwrap_or(1);
        Self { d: d.merged(groups), groups }
    }

    /// The weight of the merged groups.
    pub(super) fn weight<'a, T: Real>(&self, weight: &'a [T]) -> Cow<'a, [T]> {
        if self.groups == 1 {
            return Cow::Borrowed(weight);
        }
        let mut wide = vec![T::ZERO; self.d.weight_len()];
        self.kernels(|from, to, len| wide[to..to + len].copy_from_slice(&weight[from..from + len]));
        Cow::Owned(wide)
    }

    /// Of a gradient of that weight the part that is there.
    pub(super) fn gradient<T: Real>(&self, wide: Vec<T>) -> Vec<T> {
        if self.groups == 1 {
            return wide;
        }
        let mut weight = vec![T::ZERO; self.d.weight_len() / self.groups];
        self.kernels(|to, from, len| weight[to..to + len].copy_from_slice(&wide[from..from + len]));
        weight
    }

    /// Calls `f` with where the kernels of each output begin in the weight and in the merged one,
    /// and how many numbers they have.
    fn kernels(&self, mut f: impl FnMut(usize, usize, usize)) {
        let len = self.d.c_group() / self.groups * self.d.r * self.d.s;
        let outputs = self.d.o_group() / self.groups;
        for o in 0..self.d.o {
            let group = o / outputs % self.groups;
            f(o * len, (o * self.groups + group) * len, len);
        }
    }
}
