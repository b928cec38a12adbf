//! What convolutions do apart for maps of floats and for maps of bfloat16.

use std::borrow::Cow;

use half::bf16;

use super::direct::{self, Correlation, halves};
use super::finish::Finish;
use crate::kernels::gemm::tally::Tallies;
use crate::kernels::simd::{Simd, Stored};

/// An element of a map that convolutions are written for.
pub(crate) trait Maps: Stored {
    /// Runs correlations that write disjoint parts of `out`, each with its packed weights, for `n`
    /// pictures.
    ///
    /// # Safety
    /// `x` and `out` hold n source and target maps.
    unsafe fn correlate(
        simd: Simd,
        n: usize,
        parts: &[(Correlation, Cow<'_, [Self::Real]>)],
        x: *const Self,
        out: *mut Self,
        finish: Finish<Self>,
        tallies: Option<&mut dyn Tallies<Self>>,
    );

    /// Who sums up a map of floats, which is all that Winograd's algorithm knows.
    fn of_floats(tallies: Option<&mut dyn Tallies<Self>>) -> Option<&mut dyn Tallies<Self::Real>>;
}

macro_rules! floats {
    ($float:ty) => {
        impl Maps for $float {
            unsafe fn correlate(
                simd: Simd,
                n: usize,
                parts: &[(Correlation, Cow<'_, [$float]>)],
                x: *const $float,
                out: *mut $float,
                finish: Finish<$float>,
                tallies: Option<&mut dyn Tallies<$float>>,
            ) {
                // SAFETY: the caller's promise.
                unsafe { direct::correlate(simd, n, parts, x, out, finish, tallies) }
            }

            fn of_floats(tallies: Option<&mut dyn Tallies<$float>>) -> Option<&mut dyn Tallies<$float>> {
                tallies
            }
        }
    };
}
floats!(f32);
floats!(f64);

impl Maps for bf16 {
    unsafe fn correlate(
        simd: Simd,
        n: usize,
        parts: &[(Correlation, Cow<'_, [f32]>)],
        x: *const bf16,
        out: *mut bf16,
        finish: Finish<bf16>,
        tallies: Option<&mut dyn Tallies<bf16>>,
    ) {
        // SAFETY: the caller's promise.
        unsafe { halves::correlate(simd, n, parts, x, out, finish, tallies) }
    }

    fn of_floats(_: Option<&mut dyn Tallies<bf16>>) -> Option<&mut dyn Tallies<f32>> {
        None
    }
}
