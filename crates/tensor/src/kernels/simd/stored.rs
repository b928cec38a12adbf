//! How the elements of a map lie in memory: as the floats that are computed with, or in half of
//! their bytes.
//!
//! A map of bfloat16 is read into vectors of float32 and rounded where it is written; all
//! arithmetic, sums and parameters are float32. So every pass over such a map is a pass over half
//! of the memory, which is what most of them wait for.

use candle_core::CpuStorage;
use half::bf16;

use super::instruction_set::Simd;
use super::lanes::{Block, Job, Lanes};
use super::pairs::{Pairs, rounded};
use super::real::{Real, Stored};

macro_rules! as_it_is {
    ($float:ty, $variant:ident) => {
        impl Stored for $float {
            type Real = $float;
            #[inline(always)]
            unsafe fn load<V: Lanes<Real = $float>>(p: *const $float, n: usize) -> V {
                // SAFETY: the caller's promise.
                unsafe { V::load_up_to(p, n) }
            }
            #[inline(always)]
            unsafe fn store<V: Lanes<Real = $float>>(p: *mut $float, values: V, n: usize) {
                // SAFETY: the caller's promise.
                unsafe { values.store_up_to(p, n) }
            }
            unsafe fn across(_: Simd, from: Block<$float>, to: *mut $float, stride: usize) {
                // SAFETY: the caller's promise.
                unsafe { <$float as Pairs>::across(from, to, stride) }
            }
            #[inline(always)]
            fn read(self) -> $float {
                self
            }
            #[inline(always)]
            fn round(x: $float) -> $float {
                x
            }
            fn all_mut(storage: &mut CpuStorage) -> Option<&mut [$float]> {
                if let CpuStorage::$variant(all) = storage { Some(all) } else { None }
            }
        }
    };
}
as_it_is!(f32, F32);
as_it_is!(f64, F64);

impl Stored for bf16 {
    type Real = f32;
    #[inline(always)]
    unsafe fn load<V: Lanes<Real = f32>>(p: *const bf16, n: usize) -> V {
        // SAFETY: the caller's promise.
        unsafe {
            if n >= V::N {
                return V::load_halves(p);
            }
            let mut all = [bf16::ZERO; 16];
            std::ptr::copy_nonoverlapping(p, all.as_mut_ptr(), n);
            V::load_halves(all.as_ptr())
        }
    }
    #[inline(always)]
    unsafe fn store<V: Lanes<Real = f32>>(p: *mut bf16, values: V, n: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            if n >= V::N {
                return values.store_halves(p);
            }
            let mut all = [bf16::ZERO; 16];
            values.store_halves(all.as_mut_ptr());
            std::ptr::copy_nonoverlapping(all.as_ptr(), p, n);
        }
    }
    unsafe fn across(simd: Simd, from: Block<bf16>, to: *mut f32, stride: usize) {
        // SAFETY: the caller's promise.
        unsafe { f32::launch(simd, Zip { from, to, stride }) }
    }
    #[inline(always)]
    fn read(self) -> f32 {
        f32::from_bits(u32::from(self.to_bits()) << 16)
    }
    #[inline(always)]
    fn round(x: f32) -> bf16 {
        bf16::from_bits(rounded(x) as u16)
    }
    fn all_mut(storage: &mut CpuStorage) -> Option<&mut [bf16]> {
        if let CpuStorage::BF16(all) = storage { Some(all) } else { None }
    }
}

/// Rows of bfloat16 as pairs across two of them.
struct Zip {
    from: Block<bf16>,
    to: *mut f32,
    stride: usize,
}

impl Job<f32> for Zip {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = f32>>(self) {
        let Block { at, stride, rows, columns } = self.from;
        for pair in 0..rows.div_ceil(2) {
            // SAFETY: the caller's promise; of an odd number of rows the last has none below it.
            unsafe {
                let low = std::slice::from_raw_parts(at.add(2 * pair * stride), columns);
                let to = std::slice::from_raw_parts_mut(self.to.add(pair * self.stride), columns);
                if 2 * pair + 1 < rows {
                    let high = std::slice::from_raw_parts(at.add((2 * pair + 1) * stride), columns);
                    for i in 0..columns {
                        to[i] = f32::from_bits(u32::from(low[i].to_bits()) | u32::from(high[i].to_bits()) << 16);
                    }
                } else {
                    for i in 0..columns {
                        to[i] = f32::from_bits(low[i].to_bits().into());
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::instruction_set::best;
    use super::*;

    struct There<'a>(&'a [bf16], &'a mut [f32], &'a mut [bf16]);

    impl Job<f32> for There<'_> {
        #[inline(always)]
        unsafe fn run<V: Lanes<Real = f32>>(self) {
            for at in (0..self.0.len()).step_by(V::N) {
                let n = self.0.len() - at;
                // SAFETY: n elements of each.
                unsafe {
                    let values: V = bf16::load(self.0.as_ptr().add(at), n);
                    values.store_up_to(self.1.as_mut_ptr().add(at), n);
                    // A little more than halfway to the next one.
                    let more = values.mul(V::splat(1.0 + 1.01 / 256.0));
                    bf16::store(self.2.as_mut_ptr().add(at), more, n);
                }
            }
        }
    }

    #[test]
    fn halves_are_read_exactly_and_rounded_to_the_nearest() {
        let mut rng = crate::Rng::new(1);
        for simd in [Simd::Portable, Simd::Avx2, Simd::Avx512] {
            for len in [1, 7, 16, 33] {
                let mut from: Vec<bf16> = (0..len).map(|_| bf16::from_f64(rng.normal())).collect();
                from[0] = bf16::NAN;
                let (mut wide, mut again) = (vec![0f32; len], vec![bf16::ZERO; len]);
                // SAFETY: a job on slices of one length.
                unsafe { <f32 as Real>::launch(simd.min(best()), There(&from, &mut wide, &mut again)) }
                assert!(wide[0].is_nan() && again[0].is_nan(), "{simd:?}");
                for i in 1..len {
                    let right = bf16::from_f32(from[i].to_f32() * (1.0 + 1.01 / 256.0));
                    assert_eq!((wide[i], again[i]), (from[i].to_f32(), right), "{simd:?}, {i} of {len}");
                    assert_eq!((from[i].read(), bf16::round(wide[i])), (from[i].to_f32(), from[i]));
                }
            }
        }
    }
}
