//! The floats that kernels are written for, and how the elements of a map are read as such.

use candle_core::{CpuStorage, WithDType};

use super::functions;
use super::instruction_set::Simd;
use super::lanes::{Block, Job, Lanes};
use super::pairs::Pairs;
use super::portable::Portable;
#[cfg(target_arch = "x86_64")]
use super::x86;

/// An element of a map.
pub(crate) trait Stored: WithDType {
    /// What is computed with.
    type Real: Real;
    /// The first n elements, at most a vector; zeros after them.
    ///
    /// # Safety
    /// As the methods of [`Lanes`].
    unsafe fn load<V: Lanes<Real = Self::Real>>(p: *const Self, n: usize) -> V;
    /// Stores the first n elements, at most a vector.
    ///
    /// # Safety
    /// As the methods of [`Lanes`].
    unsafe fn store<V: Lanes<Real = Self::Real>>(p: *mut Self, values: V, n: usize);
    /// Pairs of bfloat16 of what lies in two rows, one above the other, to half as many rows
    /// `stride` apart; of floats in place, too.
    ///
    /// # Safety
    /// The caller vouches for both.
    unsafe fn across(simd: Simd, from: Block<Self>, to: *mut Self::Real, stride: usize);
    /// One of them as it is computed with.
    fn read(self) -> Self::Real;
    /// The nearest one.
    fn round(x: Self::Real) -> Self;
    /// All elements of a storage of this type.
    fn all_mut(storage: &mut CpuStorage) -> Option<&mut [Self]>;
}

/// The floats that kernels are written for.
pub(crate) trait Real: Pairs + Stored<Real = Self> + std::iter::Sum {
    fn exp(self) -> Self;
    fn ln(self) -> Self;
    /// eˣ for x at most 88 in float32, in code that becomes vectors; 0 below -87.
    fn exponential(self) -> Self;
    /// 1 / (1 + e⁻ˣ).
    fn sigmoid(self) -> Self;
    /// Φ(x): the probability that a standard normal number is below x.
    fn normal(self) -> Self;
    /// The density of the normal distribution.
    fn bell(self) -> Self;
    /// Elements in a vector of an instruction set.
    fn lanes(simd: Simd) -> usize;
    /// Runs a job compiled for an instruction set.
    ///
    /// # Safety
    /// As [`Job::run`].
    unsafe fn launch<J: Job<Self>>(simd: Simd, job: J);
}

impl Real for f32 {
    fn lanes(simd: Simd) -> usize {
        lanes_f32(simd)
    }
    unsafe fn launch<J: Job<f32>>(simd: Simd, job: J) {
        // SAFETY: the caller's promise.
        unsafe { launch_f32(simd, job) }
    }
    fn exp(self) -> f32 {
        self.exp()
    }
    fn ln(self) -> f32 {
        self.ln()
    }
    #[inline(always)]
    fn exponential(self) -> f32 {
        let y = functions::exp(self);
        if self < -87.0 { 0.0 } else { y }
    }
    #[inline(always)]
    fn sigmoid(self) -> f32 {
        functions::sigmoid(self)
    }
    #[inline(always)]
    fn normal(self) -> f32 {
        functions::normal(self)
    }
    #[inline(always)]
    fn bell(self) -> f32 {
        functions::bell(self)
    }
}

impl Real for f64 {
    fn lanes(_: Simd) -> usize {
        4
    }
    unsafe fn launch<J: Job<f64>>(_: Simd, job: J) {
        // SAFETY: the caller's promise.
        unsafe { job.run::<Portable<f64, 4>>() }
    }
    fn exp(self) -> f64 {
        self.exp()
    }
    fn ln(self) -> f64 {
        self.ln()
    }
    fn exponential(self) -> f64 {
        self.exp()
    }
    fn sigmoid(self) -> f64 {
        1.0 / (1.0 + (-self).exp())
    }
    fn normal(self) -> f64 {
        0.5 * libm::erfc(-self * std::f64::consts::FRAC_1_SQRT_2)
    }
    fn bell(self) -> f64 {
        (-0.5 * self * self).exp() / (2.0 * std::f64::consts::PI).sqrt()
    }
}

/// Runs a float32 job on an instruction set that the processor has.
///
/// # Safety
/// As [`Job::run`].
unsafe fn launch_f32<J: Job<f32>>(simd: Simd, job: J) {
    // SAFETY: only sets that the processor has are ever named; the pointers are the caller's
    // promise.
    unsafe {
        match simd {
            #[cfg(target_arch = "x86_64")]
            Simd::Avx512 => x86::on_avx512(job),
            #[cfg(target_arch = "x86_64")]
            Simd::Avx2 => x86::on_avx2(job),
            _ => job.run::<Portable<f32, 4>>(),
        }
    }
}

/// How many float32 elements a vector of an instruction set has.
fn lanes_f32(simd: Simd) -> usize {
    match simd {
        Simd::Avx512 => 16,
        Simd::Avx2 => 8,
        Simd::Portable => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::super::instruction_set::best;
    use super::super::lanes::{Block, Lanes, transpose};
    use super::*;

    struct Transpose<'a> {
        from: Block<f32>,
        to: &'a mut [f32],
        stride: usize,
    }

    impl Job<f32> for Transpose<'_> {
        #[inline(always)]
        unsafe fn run<V: Lanes<Real = f32>>(self) {
            // SAFETY: the test's blocks are as large as it says.
            unsafe { transpose::<V>(self.from, self.to.as_mut_ptr(), self.stride) }
        }
    }

    struct Signs<'a> {
        values: &'a [f32],
        signs: &'a mut Vec<u16>,
        only: &'a mut Vec<f32>,
    }

    impl Job<f32> for Signs<'_> {
        #[inline(always)]
        unsafe fn run<V: Lanes<Real = f32>>(self) {
            for values in self.values.chunks_exact(V::N) {
                // SAFETY: a vector on both sides.
                unsafe {
                    let (values, mut only) = (V::load(values.as_ptr()), [0f32; 16]);
                    let signs = values.signs();
                    // Bits above the vector's are somebody else's.
                    V::splat(7.0).only(signs | u16::MAX.unbounded_shl(V::N as u32)).store(only.as_mut_ptr());
                    self.signs.extend((0..V::N).map(|i| signs >> i & 1));
                    self.only.extend(&only[..V::N]);
                    assert!(V::N == 16 || signs >> V::N == 0, "no bits but the vector's");
                }
            }
        }
    }

    #[test]
    fn signs_are_bits_of_what_the_rectifier_lets_pass() {
        let mut values = vec![f32::NAN, -0.0, 0.0, f32::INFINITY, f32::NEG_INFINITY, f32::MIN_POSITIVE, -1.0, 1.0];
        let mut rng = crate::Rng::new(1);
        values.extend((0..56).map(|_| rng.normal() as f32));
        for simd in [Simd::Portable, Simd::Avx2, Simd::Avx512] {
            let (mut signs, mut only) = (Vec::new(), Vec::new());
            let job = Signs { values: &values, signs: &mut signs, only: &mut only };
            // SAFETY: as below.
            unsafe { launch_f32(simd.min(best()), job) }
            for (i, v) in values.iter().enumerate() {
                let passes = v.is_nan() || *v > 0.0;
                assert_eq!((signs[i], only[i]), (passes.into(), if passes { 7.0 } else { 0.0 }), "{simd:?}: {v}");
            }
        }
    }

    #[test]
    fn a_transpose_swaps_rows_and_columns_and_touches_nothing_else() {
        for simd in [Simd::Portable, Simd::Avx2, Simd::Avx512] {
            for (rows, columns) in [(1, 1), (16, 16), (8, 8), (17, 3), (3, 33), (40, 20), (15, 31)] {
                let (wide, tall) = (columns + 5, rows + 2);
                let from: Vec<f32> = (0..rows * wide).map(|i| i as f32).collect();
                let mut to = vec![-1f32; columns * tall];
                let block = Block { at: from.as_ptr(), stride: wide, rows, columns };
                // SAFETY: blocks of these sizes; no set is named that the processor lacks.
                unsafe { launch_f32(simd.min(best()), Transpose { from: block, to: &mut to, stride: tall }) }
                for (j, row) in to.chunks_exact(tall).enumerate() {
                    let wanted = (0..tall).map(|i| if i < rows { from[i * wide + j] } else { -1.0 });
                    assert!(row.iter().copied().eq(wanted), "{simd:?} {rows}x{columns}, column {j}");
                }
            }
        }
    }
}
