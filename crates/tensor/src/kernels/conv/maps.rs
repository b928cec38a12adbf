//! What convolutions do apart for maps of floats and for maps of bfloat16.

use half::bf16;

use super::direct::{self, Correlations, halves};
use crate::kernels::gemm::tally::Tallies;
use crate::kernels::simd::{Simd, Stored};

/// An element of a map that convolutions are written for.
pub(crate) trait Maps: Stored {
    /// Runs correlations.
    ///
    /// # Safety
    /// The pointers hold n source and target maps.
    unsafe fn correlate(simd: Simd, of: Correlations<'_, Self>, tallies: Option<&mut dyn Tallies<Self>>);

    /// Who sums up a map of floats, which is all that Winograd's algorithm knows.
    fn of_floats(tallies: Option<&mut dyn Tallies<Self>>) -> Option<&mut dyn Tallies<Self::Real>>;
}

macro_rules! floats {
    ($float:ty) => {
        impl Maps for $float {
            unsafe fn correlate(simd: Simd, of: Correlations<'_, $float>, tallies: Option<&mut dyn Tallies<$float>>) {
                // SAFETY: the caller's promise.
                unsafe { direct::correlate(simd, of, tallies) }
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
    unsafe fn correlate(simd: Simd, of: Correlations<'_, bf16>, tallies: Option<&mut dyn Tallies<bf16>>) {
        // SAFETY: the caller's promise.
        unsafe { halves::correlate(simd, of, tallies) }
    }

    fn of_floats(_: Option<&mut dyn Tallies<bf16>>) -> Option<&mut dyn Tallies<f32>> {
        None
    }
}
