//! Losses that are means over all elements: held to PyTorch, to finite differences and to their
//! composed twins.

#![allow(clippy::unwrap_used, clippy::panic)]

mod twins;

use candle_core::{DType, Device, Result, Tensor, Var};
use serde_json::Value;
use taper_tensor::{Rng, binary_cross_entropy, check_gradients, composed, huber_loss, l1_loss, mse_loss};
use twins::{hold, random};

type Op = fn(&[Tensor]) -> Result<Tensor>;

const DELTA: f64 = 0.7;

/// Each loss of predictions and targets, with its twin; that with weights takes them third.
fn pairs() -> [(&'static str, Op, Op); 5] {
    [
        (
            "binary_cross_entropy",
            |t| binary_cross_entropy(&t[0], &t[1], None),
            |t| composed::binary_cross_entropy(&t[0], &t[1], None),
        ),
        (
            "binary_cross_entropy_weighted",
            |t| binary_cross_entropy(&t[0], &t[1], Some(&weights()?)),
            |t| composed::binary_cross_entropy(&t[0], &t[1], Some(&weights()?)),
        ),
        ("l1_loss", |t| l1_loss(&t[0], &t[1]), |t| composed::l1_loss(&t[0], &t[1])),
        ("mse_loss", |t| mse_loss(&t[0], &t[1]), |t| composed::mse_loss(&t[0], &t[1])),
        ("huber_loss", |t| huber_loss(&t[0], &t[1], DELTA), |t| composed::huber_loss(&t[0], &t[1], DELTA)),
    ]
}

fn weights() -> Result<Tensor> {
    Tensor::new(&[0.5f64, 1.0, 3.0], &Device::Cpu)
}

#[test]
fn values_and_gradients_are_those_of_pytorch() -> Result<()> {
    let golden: Value = serde_json::from_str(include_str!("golden/losses.json")).unwrap();
    for (name, kernel, twin) in pairs() {
        let cases: &[&str] = match name {
            "binary_cross_entropy" => &["binary_cross_entropy", "binary_cross_entropy_soft"],
            "binary_cross_entropy_weighted" => &["binary_cross_entropy_weighted", "binary_cross_entropy_extreme"],
            _ => &[name],
        };
        for &case in cases {
            let matrix = |part: &str| {
                let rows: Vec<Vec<f64>> = serde_json::from_value(golden[case][part].clone()).unwrap();
                Tensor::new(rows, &Device::Cpu)
            };
            for (dtype, tolerance) in [(DType::F64, 1e-12), (DType::F32, 2e-6)] {
                for run in [kernel, twin] {
                    let y = Var::from_tensor(&matrix("y")?.to_dtype(dtype)?)?;
                    let loss = run(&[y.as_tensor().clone(), matrix("t")?.to_dtype(dtype)?])?;
                    let wanted = golden[case]["out"].as_f64().unwrap();
                    let got = loss.to_dtype(DType::F64)?.to_scalar::<f64>()?;
                    assert!((got - wanted).abs() < tolerance * wanted.max(1.0), "{case}: {got}, PyTorch says {wanted}");
                    let grads = loss.backward()?;
                    let away = (grads.get(&y).unwrap().to_dtype(DType::F64)? - matrix("grad")?)?.abs()?.max_all()?;
                    assert!(away.to_scalar::<f64>()? < tolerance, "{case}: gradient in {dtype:?}");
                }
            }
        }
    }
    Ok(())
}

#[test]
fn kernels_equal_their_twins_and_gradients_finite_differences() {
    let mut rng = Rng::new(3);
    for (name, kernel, twin) in pairs() {
        let inputs = [random(&[7, 3], &mut rng), random(&[7, 3], &mut rng)];
        hold(&inputs, name, &kernel, &twin);
        check_gradients(&inputs, 1e-6, kernel).unwrap();
    }
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let mut rng = Rng::new(4);
    let (y, other) = (random(&[2, 3], &mut rng), random(&[2, 4], &mut rng));
    let said = |result: Result<Tensor>| result.unwrap_err().to_string();
    assert!(said(binary_cross_entropy(&y, &other, None)).starts_with("binary_cross_entropy: predictions and targets"));
    assert!(said(binary_cross_entropy(&y, &y, Some(&other))).contains("pos_weight must have the shape [3]"));
    assert!(said(mse_loss(&y, &other)).starts_with("mse_loss"));
    assert!(said(l1_loss(&y, &other)).starts_with("l1_loss"));
    assert!(said(huber_loss(&y, &y, 0.0)).contains("delta must be a positive number; got 0"));
    let nothing = Tensor::zeros((0, 3), DType::F32, &Device::Cpu).unwrap();
    assert!(said(mse_loss(&nothing, &nothing)).contains("not empty"));
}
