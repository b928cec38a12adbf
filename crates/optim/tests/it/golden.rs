//! Trajectories and schedules as PyTorch computes them.

use candle_core::{DType, Device, Tensor, Var};
use serde_json::Value;
use taper_optim::{
    Constant, Cosine, CosineRestarts, Exponential, Group, InverseTime, LinearSchedule, MultiStep, OneCycle,
    OneCycleConfig, OneCycleMomentum, OneCycleMomentumConfig, Optimizer, OptimizerConfig, Polynomial, Schedule,
    SnapshotCycles, StepDecay, Triangular, Triangular2, Warmup,
};

use crate::pytorch;

pub(crate) fn read(file: &str) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/");
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
    let mut optimizer = Optimizer::new(rule, vec![group], OptimizerConfig::default()).unwrap();

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

/// Holds the 100 rates of the case to the schedule.
fn follows(file: &Value, case: &str, schedule: &dyn Schedule) {
    let base = file["base_lr"].as_f64().unwrap();
    let rates = numbers(&file["cases"][case]["lr"]);
    assert_eq!(rates.len(), 100);
    for (step, expected) in rates.into_iter().enumerate() {
        let got = base * schedule.at(step as u64);
        let error = (got - expected).abs();
        assert!(error <= 1e-12 * expected, "{case} at {step}: {got} is not {expected}, {error:e}");
    }
}

#[test]
fn schedules_are_those_of_pytorch() {
    let schedules: Vec<(&str, Box<dyn Schedule>)> = vec![
        ("step", Box::new(StepDecay::new(30, 0.5).unwrap())),
        ("multi_step", Box::new(MultiStep::new(vec![20, 50, 80], 0.1).unwrap())),
        ("exponential", Box::new(Exponential::by_epoch(0.95, 1).unwrap())),
        ("exponential_lecture", Box::new(Exponential::new(0.05).unwrap())),
        ("inverse_time", Box::new(InverseTime::new(0.05).unwrap())),
        ("cosine", Box::new(Cosine::new(100, 0.001 / 0.1).unwrap())),
        ("cosine_restarts", Box::new(CosineRestarts::new(10, 2, 0.0).unwrap())),
        ("snapshot_cycles", Box::new(SnapshotCycles::new(100, 5).unwrap())),
        ("triangular", Box::new(Triangular::new(10, 0.01 / 0.1).unwrap())),
        ("one_cycle", Box::new(OneCycle::new(100, OneCycleConfig::default()).unwrap())),
        ("polynomial", Box::new(Polynomial::new(80, 2.0, 0.0).unwrap())),
        ("linear_warmup", Box::new(Warmup::new(10, 0.1, Constant).unwrap())),
        ("linear_warmup", Box::new(LinearSchedule::new(10, 0.1, 1.0).unwrap())),
    ];
    let file = read("schedules.json");
    for (case, schedule) in &schedules {
        follows(&file, case, schedule);
    }
    let cases = file["cases"].as_object().unwrap();
    for case in cases.keys() {
        assert!(schedules.iter().any(|(tested, _)| tested == case), "{case}");
    }
}

#[test]
fn cycles_are_those_of_pytorch_and_timm() {
    let one_cycle = OneCycle::new(100, OneCycleConfig::default()).unwrap();
    let falling = |t_mult, decay| CosineRestarts::with_falling_peaks(10, t_mult, 0.001 / 0.1, decay).unwrap();
    let schedules: Vec<(&str, Box<dyn Schedule>)> = vec![
        ("triangular2", Box::new(Triangular2::new(10, 0.01 / 0.1).unwrap())),
        ("one_cycle", Box::new(one_cycle)),
        ("falling_peaks", Box::new(falling(1, 0.7))),
        ("falling_peaks_growing", Box::new(falling(2, 0.5))),
    ];
    let file = read("cycles.json");
    for (case, schedule) in &schedules {
        follows(&file, case, schedule);
    }
    assert_eq!(file["cases"].as_object().unwrap().len(), schedules.len());
    let momentum = OneCycleMomentum::new(one_cycle, OneCycleMomentumConfig::default()).unwrap();
    for (t, expected) in numbers(&file["cases"]["one_cycle"]["momentum"]).into_iter().enumerate() {
        let got = momentum.at(t as u64);
        assert!((got - expected).abs() <= 1e-15, "the momentum at {t}: {got} is not {expected}");
    }
}
