//! Adaptive clipping: what is a unit, and how long it is.

use candle_core::{DType, Device, Result, Storage, Tensor};
use rayon::prelude::*;

use crate::engine::real::Real;
use crate::engine::squares::squares;
use crate::units::rows;

/// The gradient of a parameter with every unit clipped to `ratio` times the unit's own length,
/// which counts as `eps` at least. Both are contiguous and of one shape and type.
pub(crate) fn clipped(theta: &Tensor, grad: &Tensor, ratio: f64, eps: f64) -> Result<Tensor> {
    let factors: Vec<f64> = lengths(theta)?
        .into_iter()
        .zip(lengths(grad)?)
        .map(|(weight, grad)| {
            let longest = ratio * weight.max(eps);
            if grad > longest { longest / grad } else { 1.0 }
        })
        .collect();
    if factors.iter().all(|&factor| factor == 1.0) {
        return Ok(grad.clone());
    }
    // By way of the CPU, where there is float64.
    let factors = Tensor::new(factors, &Device::Cpu)?.to_dtype(grad.dtype())?;
    let factors = factors.to_device(grad.device())?.unsqueeze(1)?;
    rows(grad)?.broadcast_mul(&factors)?.reshape(grad.shape())
}

/// The length of each unit, in float64: float32 would overflow at 1e19.
fn lengths(tensor: &Tensor) -> Result<Vec<f64>> {
    let units = rows(tensor)?;
    let (count, len) = units.dims2()?;
    if count * len == 0 {
        return Ok(vec![0.0; count]);
    }
    let (storage, layout) = units.storage_and_layout();
    if let Storage::Cpu(storage) = &*storage {
        let single = f32::slice(storage, layout).map(|values| lengths_of(values, len));
        if let Some(lengths) = single.or_else(|| f64::slice(storage, layout).map(|values| lengths_of(values, len))) {
            return Ok(lengths);
        }
    }
    drop(storage);
    // Metal has no float64: there the sums are taken on the CPU.
    let units = match units.device() {
        Device::Metal(_) => units.to_device(&Device::Cpu)?,
        _ => units.clone(),
    };
    units.to_dtype(DType::F64)?.sqr()?.sum(1)?.sqrt()?.to_vec1()
}

fn lengths_of<T: Real>(values: &[T], len: usize) -> Vec<f64> {
    values.par_chunks(len).map(|unit| squares(unit).sqrt()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_a_row_of_the_first_axis_or_a_whole_vector() -> Result<()> {
        let of = |tensor: Tensor| lengths(&tensor);
        assert_eq!(of(Tensor::new(&[[3f32, 4.0], [5.0, 12.0]], &Device::Cpu)?)?, [5.0, 13.0]);
        assert_eq!(of(Tensor::new(&[3f64, 4.0], &Device::Cpu)?)?, [5.0]);
        assert_eq!(of(Tensor::new(-2f32, &Device::Cpu)?)?, [2.0]);
        assert_eq!(of(Tensor::ones((2, 4, 2, 2), DType::F32, &Device::Cpu)?)?, [4.0, 4.0]);
        assert_eq!(of(Tensor::new(&[[1e30f32]], &Device::Cpu)?)?, [f64::from(1e30f32)]);
        assert_eq!(of(Tensor::zeros((3, 0), DType::F32, &Device::Cpu)?)?, [0.0; 3]);
        assert!(of(Tensor::zeros((0, 3), DType::F32, &Device::Cpu)?)?.is_empty());
        let strided = Tensor::new(&[[3f32, 5.0], [4.0, 12.0]], &Device::Cpu)?.t()?;
        assert_eq!(of(strided)?, [5.0, 13.0]);
        Ok(())
    }

    #[test]
    fn only_units_whose_gradient_is_too_long_are_shortened() -> Result<()> {
        let theta = Tensor::new(&[[3f64, 4.0], [0.3, 0.4], [0.0, 0.0]], &Device::Cpu)?;
        let grad = Tensor::new(&[[6f64, 8.0], [0.0, 0.125], [0.0, 2.0]], &Device::Cpu)?;
        let clipped = clipped(&theta, &grad, 0.5, 0.25)?.to_vec2::<f64>()?;
        assert_eq!(clipped, [[1.5, 2.0], [0.0, 0.125], [0.0, 0.125]]);
        Ok(())
    }

    #[test]
    fn a_convolution_is_clipped_by_output_and_a_bias_as_a_whole() -> Result<()> {
        let weight = Tensor::ones((2, 2, 1, 2), DType::F64, &Device::Cpu)?; // two units of length 2
        let grad = Tensor::new(&[[[[4f64, 0.0]], [[0.0, 0.0]]], [[[0.0, 0.0]], [[0.0, 1.0]]]], &Device::Cpu)?;
        let got = clipped(&weight, &grad, 1.0, 1e-3)?;
        assert_eq!(got.dims(), [2, 2, 1, 2]);
        assert_eq!(got.flatten_all()?.to_vec1::<f64>()?, [2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
        let bias = Tensor::new(&[0f64, 1.0], &Device::Cpu)?;
        let grad = Tensor::new(&[6f64, 8.0], &Device::Cpu)?;
        assert_eq!(clipped(&bias, &grad, 0.5, 1e-3)?.to_vec1::<f64>()?, [6.0 * 0.05, 8.0 * 0.05]);
        Ok(())
    }

    #[test]
    fn what_is_short_enough_is_no_copy() -> Result<()> {
        let ones = Tensor::ones((3, 3), DType::F32, &Device::Cpu)?;
        let got = clipped(&ones, &ones, 1.0, 1e-3)?;
        assert_eq!(got.id(), ones.id());
        Ok(())
    }
}
