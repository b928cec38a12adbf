//! The elements that vectors are made of, and what the rectifier does with one.

use std::ops::Neg;

use candle_core::WithDType;

/// A float that vectors are made of.
pub(crate) trait Element: WithDType + Neg<Output = Self> {
    const ZERO: Self;
    const ONE: Self;
    const NEG_INFINITY: Self;
    /// `a · b + c`, with one rounding where the target has an instruction for that.
    fn fused(a: Self, b: Self, c: Self) -> Self;
    /// The nearest to a float64. (candle's conversions are calls where its crate is made small.)
    fn of(value: f64) -> Self;
    fn wide(self) -> f64;
}

/// Whether the target multiplies and adds in one instruction without being asked at run time.
const FUSED: bool = cfg!(any(target_arch = "aarch64", target_feature = "fma"));

impl Element for f32 {
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;
    const NEG_INFINITY: f32 = f32::NEG_INFINITY;
    #[inline(always)]
    fn fused(a: f32, b: f32, c: f32) -> f32 {
        if FUSED { a.mul_add(b, c) } else { a * b + c }
    }
    #[inline(always)]
    fn of(value: f64) -> f32 {
        value as f32
    }
    #[inline(always)]
    fn wide(self) -> f64 {
        self.into()
    }
}

impl Element for f64 {
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;
    const NEG_INFINITY: f64 = f64::NEG_INFINITY;
    #[inline(always)]
    fn fused(a: f64, b: f64, c: f64) -> f64 {
        if FUSED { a.mul_add(b, c) } else { a * b + c }
    }
    #[inline(always)]
    fn of(value: f64) -> f64 {
        value
    }
    #[inline(always)]
    fn wide(self) -> f64 {
        self
    }
}

/// The rectifier, `max(v, 0)`; NaN stays NaN.
#[inline(always)]
pub(crate) fn rectify<T: Element>(v: T) -> T {
    if v <= T::ZERO { T::ZERO } else { v }
}

/// Its gradient: g where the value, rectified or not, is not rectified to 0.
#[inline(always)]
pub(crate) fn pass<T: Element>(value: T, g: T) -> T {
    if passes(value) { g } else { T::ZERO }
}

/// Whether the value is not rectified to 0.
#[inline(always)]
#[allow(clippy::neg_cmp_op_on_partial_ord, reason = "NaN passes")]
pub(crate) fn passes<T: Element>(value: T) -> bool {
    !(value <= T::ZERO)
}
