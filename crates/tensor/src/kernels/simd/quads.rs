//! Quads of integers of 8 bits: four elements side by side in the place of one float32.
//!
//! A product takes four unsigned ones of A and four signed ones of B and adds their products to a
//! sum of 32 bits, which lies in the vector in the place of a float: the tile of the dense product
//! moves words, whatever they mean. Sums are exact, so every instruction set gives the same bits.

use super::instruction_set::{Simd, simd};
use super::lanes::Job;
use super::portable::Portable;
#[cfg(target_arch = "x86_64")]
use super::x86;

/// The instruction set that multiplies quads: AVX-512 only where it has an instruction for it.
pub(crate) fn simd_of_quads() -> Simd {
    #[cfg(target_arch = "x86_64")]
    if simd() == Simd::Avx512 && !is_x86_feature_detected!("avx512vnni") {
        return Simd::Avx2;
    }
    simd()
}

/// Runs a product whose operands are quads.
///
/// # Safety
/// As [`Job::run`]; the set is that of [`simd_of_quads`] or a lesser one.
pub(crate) unsafe fn launch_on_quads<J: Job<f32>>(simd: Simd, product: J) {
    // SAFETY: the caller's promise.
    unsafe {
        match simd {
            #[cfg(target_arch = "x86_64")]
            Simd::Avx512 => x86::on_avx512_quads(product),
            #[cfg(target_arch = "x86_64")]
            Simd::Avx2 => x86::on_avx2_quads(product),
            _ => product.run::<Portable<f32, 4, true>>(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::simd::Lanes;
    use crate::kernels::simd::element::product_of_quads;

    /// One product of vectors in memory.
    struct Once<'a>(&'a [f32], &'a [f32], &'a mut [f32]);

    impl Job<f32> for Once<'_> {
        #[inline(always)]
        unsafe fn run<V: Lanes<Real = f32>>(self) {
            let Once(a, b, c) = self;
            for i in (0..c.len()).step_by(V::N) {
                // SAFETY: all three have whole vectors.
                unsafe {
                    let sum = V::load(a[i..].as_ptr()).product(V::load(b[i..].as_ptr()), V::load(c[i..].as_ptr()));
                    sum.store(c[i..].as_mut_ptr());
                }
            }
        }
    }

    #[test]
    fn every_set_multiplies_as_written() {
        let mut rng = crate::Rng::new(1);
        let mut words = || -> Vec<u32> { (0..64).map(|_| rng.below(1 << 32) as u32).collect() };
        let (mut a, mut b, c) = (words(), words(), words());
        // The ends of both ranges, where sums of 16 bits would overflow.
        (a[0], b[0], a[1], b[1]) = (u32::MAX, 0x8080_8080, u32::MAX, 0x7f7f_7f7f);
        let right: Vec<u32> = (0..64).map(|i| product_of_quads(a[i], b[i], c[i])).collect();
        let floats = |words: &[u32]| -> Vec<f32> { words.iter().copied().map(f32::from_bits).collect() };
        for simd in [Simd::Portable, Simd::Avx2, Simd::Avx512].into_iter().filter(|&simd| simd <= simd_of_quads()) {
            let mut sums = floats(&c);
            // SAFETY: a set that the processor has.
            unsafe { launch_on_quads(simd, Once(&floats(&a), &floats(&b), &mut sums)) }
            assert_eq!(sums.iter().map(|sum| sum.to_bits()).collect::<Vec<_>>(), right, "{simd:?}");
        }
    }
}
