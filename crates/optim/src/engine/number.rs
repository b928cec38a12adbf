use std::ops::{Add, Div, Mul, Sub};

use crate::engine::real::Real;

/// What formulas calculate with: one element, or a whole tensor of them.
///
/// Settings and what follows from them are float64; they are rounded to the type of the parameter
/// where they meet one.
pub(crate) trait Number:
    Clone
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Add<f64, Output = Self>
    + Mul<f64, Output = Self>
{
    fn sqrt(self) -> Self;

    fn square(self) -> Self;

    fn abs(self) -> Self;

    /// -1, 0 or 1.
    fn sign(self) -> Self;

    fn max(self, other: Self) -> Self;

    /// *self* + *factor* · *other*, with nothing to do for a factor of 0: how weight decay joins a
    /// gradient.
    #[inline]
    fn plus(self, factor: f64, other: &Self) -> Self {
        if factor == 0.0 { self } else { self + other.clone() * factor }
    }
}

/// One element of a tensor.
#[derive(Clone, Copy)]
pub(crate) struct Element<T>(pub(crate) T);

impl<T: Real> Number for Element<T> {
    #[inline]
    fn sqrt(self) -> Self {
        Self(self.0.root())
    }

    #[inline]
    fn square(self) -> Self {
        Self(self.0 * self.0)
    }

    #[inline]
    fn abs(self) -> Self {
        Self(self.0.magnitude())
    }

    #[inline]
    fn sign(self) -> Self {
        Self(self.0.sign())
    }

    #[inline]
    fn max(self, other: Self) -> Self {
        Self(self.0.larger(other.0))
    }
}

macro_rules! operator {
    ($operator:ident, $method:ident) => {
        impl<T: Real> $operator for Element<T> {
            type Output = Self;

            #[inline]
            fn $method(self, other: Self) -> Self {
                Self(self.0.$method(other.0))
            }
        }
    };
    ($operator:ident<f64>, $method:ident) => {
        impl<T: Real> $operator<f64> for Element<T> {
            type Output = Self;

            #[inline]
            fn $method(self, setting: f64) -> Self {
                Self(self.0.$method(T::of(setting)))
            }
        }
    };
}

operator!(Add, add);
operator!(Sub, sub);
operator!(Mul, mul);
operator!(Div, div);
operator!(Add<f64>, add);
operator!(Mul<f64>, mul);
