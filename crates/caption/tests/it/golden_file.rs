//! Golden values: JSON files made by the scripts beside them.

use candle_core::{Device, Tensor};
use serde_json::Value;

/// A file of golden values, by its name.
pub(crate) fn golden(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path(name)).unwrap()).unwrap()
}

/// Where a golden file is.
pub(crate) fn path(name: &str) -> String {
    format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A list of numbers.
pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

/// A list of numbers as a tensor, float64.
pub(crate) fn tensor(value: &Value, shape: &[usize]) -> Tensor {
    Tensor::from_vec(numbers(value), shape, &Device::Cpu).unwrap()
}

/// A list of lists of words.
pub(crate) fn words(value: &Value) -> Vec<Vec<String>> {
    serde_json::from_value(value.clone()).unwrap()
}

/// Asserts that numbers are those of a golden list, each within `tolerance` of it, or of its size.
pub(crate) fn assert_close(got: &[f64], wanted: &[f64], tolerance: f64, what: &str) {
    assert_eq!(got.len(), wanted.len(), "{what}");
    for (i, (got, wanted)) in got.iter().zip(wanted).enumerate() {
        assert!((got - wanted).abs() <= tolerance * wanted.abs().max(1.0), "{what}, {i}: {got}, wanted {wanted}");
    }
}
