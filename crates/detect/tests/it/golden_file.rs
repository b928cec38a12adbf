//! Golden values: JSON files made by the scripts beside them.

use serde_json::Value;
use taper_detect::boxes::BBox;

/// A file of golden values, by its name.
pub(crate) fn golden(name: &str) -> Value {
    let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// A list of numbers.
pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

/// A list of whole numbers.
pub(crate) fn places(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|number| number.as_u64().unwrap() as usize).collect()
}

/// Numbers, four a box.
pub(crate) fn boxes(value: &Value) -> Vec<BBox> {
    let edges: Vec<f32> = numbers(value).into_iter().map(|edge| edge as f32).collect();
    edges.as_chunks::<4>().0.iter().map(|&[x1, y1, x2, y2]| BBox::new(x1, y1, x2, y2)).collect()
}

/// Asserts that numbers are those of a golden list, each within `tolerance` of it, or of its size.
pub(crate) fn assert_close(got: &[f64], wanted: &[f64], tolerance: f64, what: &str) {
    assert_eq!(got.len(), wanted.len(), "{what}");
    for (i, (got, wanted)) in got.iter().zip(wanted).enumerate() {
        assert!((got - wanted).abs() <= tolerance * wanted.abs().max(1.0), "{what}, {i}: {got}, wanted {wanted}");
    }
}
