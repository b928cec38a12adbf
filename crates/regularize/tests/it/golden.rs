//! Held to PyTorch: `tests/golden/ops.safetensors`, computed in float64 and stored as float32.

use std::collections::HashMap;

use candle_core::{DType, Device, Result, Tensor, Var};
use taper_regularize::smooth_labels;
use taper_tensor::cross_entropy;

fn values() -> HashMap<String, Tensor> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/ops.safetensors");
    candle_core::safetensors::load(path, &Device::Cpu).unwrap()
}

/// The largest difference, relative to the largest value wanted.
fn assert_close(what: &str, got: &Tensor, wanted: &Tensor) {
    assert_eq!(got.dims(), wanted.dims(), "{what}");
    let flat = |t: &Tensor| t.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap();
    let (got, wanted) = (flat(got), flat(wanted));
    let scale = wanted.iter().fold(0f64, |m, v| m.max(v.abs()));
    let error =
        got.iter().zip(&wanted).fold(0f64, |m, (a, b)| if (a - b).is_nan() { f64::NAN } else { m.max((a - b).abs()) });
    assert!(error <= 2e-5 * scale, "{what}: error {error} of {scale}");
}

#[test]
fn cross_entropy_with_smoothed_labels() -> Result<()> {
    let v = values();
    let get = |name: &str| &v[&format!("cross_entropy_smoothing/{name}")];
    let logits = Var::from_tensor(get("logits"))?;
    let one_hot: Vec<f32> = get("target")
        .to_vec1::<i64>()?
        .iter()
        .flat_map(|&t| (0..7).map(move |c| if c == t { 1.0 } else { 0.0 }))
        .collect();
    let targets = smooth_labels(&Tensor::from_vec(one_hot, (9, 7), &Device::Cpu)?, 0.1).unwrap();
    let loss = cross_entropy(&logits, &targets)?;
    let grads = loss.mul(get("grad_out"))?.backward()?;
    assert_close("loss", &loss, get("out"));
    assert_close("gradient", grads.get(&logits).unwrap(), get("grad_logits"));
    Ok(())
}
