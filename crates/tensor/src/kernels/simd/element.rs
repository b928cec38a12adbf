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
    /// A product of quads, which are words of 32 bits.
    fn quads(_a: Self, _b: Self, _c: Self) -> Self {
        unreachable!("quads are words of 32 bits")
    }
    /// `sum - zero · total` of integers, two of which are words of 32 bits.
    fn whole(_sum: Self, _zero: i32, _total: Self) -> Self {
        unreachable!("integers lie in words of 32 bits")
    }
    /// The same elements, where they are float32.
    fn as_f32(_values: &[Self]) -> Option<&[f32]> {
        None
    }
    /// Float32 as such elements, where they are that.
    fn from_f32(_values: Vec<f32>) -> Option<Vec<Self>> {
        None
    }
    /// The nearest to a float64. (candle's conversions are calls where its crate is made small.)
    fn of(value: f64) -> Self;
    fn wide(self) -> f64;
}

/// `c + Σ aᵢ·bᵢ` of the four bytes of each word, those of a unsigned, of b signed.
#[inline(always)]
pub(super) fn product_of_quads(a: u32, b: u32, c: u32) -> u32 {
    let terms = a.to_le_bytes().into_iter().zip(b.to_le_bytes());
    terms.fold(c, |sum, (a, b)| sum.wrapping_add_signed(i32::from(a) * i32::from(b.cast_signed())))
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
    fn quads(a: f32, b: f32, c: f32) -> f32 {
        f32::from_bits(product_of_quads(a.to_bits(), b.to_bits(), c.to_bits()))
    }
    #[inline(always)]
    fn whole(sum: f32, zero: i32, total: f32) -> f32 {
        let [sum, total] = [sum, total].map(|word| word.to_bits().cast_signed());
        sum.wrapping_sub(zero.wrapping_mul(total)) as f32
    }
    fn as_f32(values: &[f32]) -> Option<&[f32]> {
        Some(values)
    }
    fn from_f32(values: Vec<f32>) -> Option<Vec<f32>> {
        Some(values)
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
