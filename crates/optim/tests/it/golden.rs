//! Trajectories and schedules as PyTorch computes them.

use candle_core::{DType, Device, Tensor, Var};
use serde_json::Value;
use taper_optim::{Constant, Cosine, Group, OneCycle, OneCycleConfig, Optimizer, Schedule, Warmup};

use crate::pytorch;

pub(crate) fn read(file: &str) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/");
    let text = std::fs::read_to_string(format!("{folder}{file}")).unwrap();
    serde_json::from_str(&text).unwrap()
}

pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    match value.as_array() {
        Some(values) => values.iter().flat_map(numbers).collect(),
        None => vec![value.as_f64().unwrap()],
    }
}

/// A vector of 5 or a matrix of 3 by 4.
fn tensor(value: &Value, dtype: DType) -> Tensor {
    let values = numbers(value);
    let shape: &[usize] = if values.len() == 5 { &[5] } else { &[3, 4] };
    let tensor = Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
    tensor.to_dtype(dtype).unwrap()
}

/// Runs the case with PyTorch's settings and returns the greatest error over all steps and
/// elements, relative to max(1, |expected|).
fn error_of(case: &str, dtype: DType) -> f64 {
    let file = read("optimizers.json");
    let golden = &file["cases"][case];
    let setting = |name: &str| golden["config"][name].as_f64().unwrap_or(0.0);
    let rule = pytorch::rule(case, golden);
    let start = file["params0"].as_array().unwrap();
    let vars: Vec<Var> = start.iter().map(|p| Var::from_tensor(&tensor(p, dtype)).unwrap()).collect();
    let names = ["a", "b"].map(str::to_owned);
    let group = Group {
        params: names.into_iter().zip(vars.clone()).collect(),
        weight_decay: setting("weight_decay"),
        ..Group::default()
    };
    let mut optimizer = Optimizer::new(rule, vec![group], None).unwrap();

    let mut worst = 0f64;
    for step in 0..20 {
        let term = |i: usize| {
            let grad = tensor(&file["grads"][step][i], dtype);
            (vars[i].as_tensor() * grad).unwrap().sum_all().unwrap()
        };
        let loss = (term(0) + term(1)).unwrap();
        optimizer.step(&loss.backward().unwrap(), setting("lr")).unwrap();
        for (i, var) in vars.iter().enumerate() {
            let got = var.to_dtype(DType::F64).unwrap().flatten_all().unwrap();
            let got = got.to_vec1::<f64>().unwrap();
            let expected = numbers(&golden["trajectory"][step][i]);
            assert_eq!(got.len(), expected.len());
            for (got, expected) in got.into_iter().zip(expected) {
                worst = worst.max((got - expected).abs() / expected.abs().max(1.0));
            }
        }
    }
    worst
}

#[test]
fn trajectories_are_those_of_pytorch() {
    let file = read("optimizers.json");
    let cases: Vec<_> = file["cases"].as_object().unwrap().keys().collect();
    assert_eq!(cases.len(), 25);
    for case in cases {
        let (double, single) = (error_of(case, DType::F64), error_of(case, DType::F32));
        println!("{case}: {double:.1e} in float64, {single:.1e} in float32");
        assert!(double <= 1e-12, "{case} in float64: {double:e}");
        assert!(single <= 1e-6, "{case} in float32: {single:e}");
    }
}

fn follows(case: &str, schedule: &dyn Schedule) {
    let file = read("schedules.json");
    let base = file["base_lr"].as_f64().unwrap();
    let rates = numbers(&file["cases"][case]["lr"]);
    assert_eq!(rates.len(), 100);
    for (step, expected) in rates.into_iter().enumerate() {
        let got = base * schedule.at(step as u64);
        let error = (got - expected).abs() / expected;
        assert!(error <= 1e-12, "{case} at {step}: {got} is not {expected}, {error:e}");
    }
}

#[test]
fn schedules_are_those_of_pytorch() {
    follows("cosine", &Cosine::new(100, 0.001 / 0.1).unwrap());
    follows("one_cycle", &OneCycle::new(100, OneCycleConfig::default()).unwrap());
    follows("linear_warmup", &Warmup::new(10, 0.1, Constant).unwrap());
}
