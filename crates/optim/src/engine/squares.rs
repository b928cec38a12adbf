//! The length of a tensor, squared.

use candle_core::{DType, Device, Result, Storage, Tensor};
use pulp::{Arch, Simd, WithSimd};

use crate::engine::chunks::middle;
use crate::engine::real::Real;

/// The sum of the squares of a contiguous tensor's elements, in float64.
///
/// The order of summation depends on the number of elements alone. The result is not finite if
/// an element is not, and for elements of float32 only then.
pub(crate) fn sum_of_squares(tensor: &Tensor) -> Result<f64> {
    let (storage, layout) = tensor.storage_and_layout();
    if let Storage::Cpu(storage) = &*storage {
        let single = f32::slice(storage, layout).map(squares);
        if let Some(sum) = single.or_else(|| f64::slice(storage, layout).map(squares)) {
            return Ok(sum);
        }
    }
    drop(storage);
    in_f64(tensor)?.sqr()?.sum_all()?.to_scalar()
}

/// The tensor in float64; from Metal, which has none, on the CPU.
pub(crate) fn in_f64(tensor: &Tensor) -> Result<Tensor> {
    let tensor = match tensor.device() {
        Device::Metal(_) => tensor.to_device(&Device::Cpu)?,
        _ => tensor.detach(),
    };
    tensor.to_dtype(DType::F64)
}

/// The sum of the squares in float64: chunks are summed in parallel and added up in pairs.
///
/// The order of summation depends on the number of elements alone.
pub(crate) fn squares<T: Real>(values: &[T]) -> f64 {
    let Some(middle) = middle(values.len()) else {
        return Arch::new().dispatch(SumInLanes(values));
    };
    let (left, right) = values.split_at(middle);
    let (left, right) = rayon::join(|| squares(left), || squares(right));
    left + right
}

/// Sixteen running sums instead of one: no addition waits for the one before it.
struct SumInLanes<'a, T>(&'a [T]);

impl<T: Real> WithSimd for SumInLanes<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        const LANES: usize = 16;
        let square = |value: T| value.to_f64() * value.to_f64();
        let mut sums = [0.0; LANES];
        let (rows, rest) = self.0.as_chunks::<LANES>();
        for row in rows {
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum += square(value);
            }
        }
        sums.iter().sum::<f64>() + rest.iter().map(|&value| square(value)).sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squares_add_up_whatever_the_length_type_and_place() -> Result<()> {
        for n in [0u32, 1, 7, 8, 9, 1003] {
            let expected = f64::from(n) * f64::from(n + 1) * f64::from(2 * n + 1) / 6.0;
            let values: Vec<f64> = (0..=n).map(f64::from).collect();
            let tensor = Tensor::new(values, &Device::Cpu)?;
            let tail = tensor.narrow(0, 1, n as usize)?;
            assert_eq!(sum_of_squares(&tensor)?, expected);
            assert_eq!(sum_of_squares(&tail)?, expected);
            assert_eq!(sum_of_squares(&tail.to_dtype(DType::F32)?)?, expected);
        }
        Ok(())
    }

    #[test]
    fn the_sum_of_many_chunks_does_not_depend_on_the_number_of_threads() -> Result<()> {
        let values: Vec<f32> = (0..300_007).map(|i| (i as f32).sin()).collect();
        let exact: f64 = values.iter().map(|&v| f64::from(v).powi(2)).sum();
        let tensor = Tensor::new(values, &Device::Cpu)?;
        let sums = [1, 2, 5].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| sum_of_squares(&tensor)).unwrap()
        });
        assert!((sums[0] - exact).abs() < 1e-9 * exact);
        assert_eq!(sums, [sums[0]; 3]);
        Ok(())
    }

    #[test]
    fn the_sum_outgrows_float32_and_shows_what_is_not_finite() -> Result<()> {
        let of = |values: &[f32]| sum_of_squares(&Tensor::new(values, &Device::Cpu)?);
        assert_eq!(of(&[1e30, 0.0])?, f64::from(1e30f32).powi(2));
        assert!(of(&[f32::MAX; 16])?.is_finite());
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert!(!of(&[1.0, bad])?.is_finite());
            assert!(!of(&[[1.0; 8], [bad; 8]].concat())?.is_finite());
        }
        Ok(())
    }

    #[test]
    fn a_strided_tensor_takes_the_way_of_other_devices() -> Result<()> {
        let tensor = Tensor::new(&[[1f32, 2.0, 3.0], [4.0, 5.0, 6.0]], &Device::Cpu)?.t()?;
        assert_eq!(sum_of_squares(&tensor)?, 91.0);
        Ok(())
    }
}
