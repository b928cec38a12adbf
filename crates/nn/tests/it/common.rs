//! What several of these tests measure with.

use candle_core::{DType, Device, Tensor};
use taper_tensor::Rng;

/// Normal numbers.
pub(crate) fn random(shape: &[usize], rng: &mut Rng) -> Tensor {
    let values: Vec<f64> = (0..shape.iter().product()).map(|_| rng.normal()).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// All numbers of a tensor, in row-major order.
pub(crate) fn list(x: &Tensor) -> Vec<f64> {
    x.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// |got - wanted| <= tolerance · max(1, largest |wanted|), everywhere.
pub(crate) fn close(got: &Tensor, wanted: &Tensor, tolerance: f64, what: &str) {
    assert_eq!(got.dims(), wanted.dims(), "{what}: shape");
    let (got, wanted) = (list(got), list(wanted));
    let scale = wanted.iter().fold(1.0f64, |a, b| a.max(b.abs()));
    for (i, (g, w)) in got.iter().zip(&wanted).enumerate() {
        assert!((g - w).abs() <= tolerance * scale, "{what}: element {i} is {g}, not {w}");
    }
}
