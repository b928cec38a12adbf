//! Rules as others have implemented them, on tensors of every rank.

use candle_core::{DType, Device, Tensor, Var, backprop::GradStore};
use serde_json::Value;
use taper_optim::{
    Adafactor, AdafactorConfig, AdamW, AdamWConfig, GradientCentralization, Group, Lookahead, LookaheadConfig, NAdamW,
    NAdamWConfig, OneCycle, OneCycleConfig, OneCycleMomentum, OneCycleMomentumConfig, Optimizer, OptimizerConfig, Plan,
    Prodigy, ProdigyConfig, RAdamW, RAdamWConfig, Sam, SamConfig, ScheduleFreeAdamW, ScheduleFreeAdamWConfig, Sgd,
    SgdConfig, SgdW, SgdWConfig, Soap, SoapConfig, UpdateRule,
};

use crate::golden::{numbers, read};

fn momentum() -> Sgd {
    Sgd::new(SgdConfig { momentum: 0.9, ..SgdConfig::default() }).unwrap()
}

/// The rule of a case, with the settings of `trajectories.py`.
fn rule(case: &str) -> Box<dyn UpdateRule> {
    match case {
        "sam" | "one_cycle_sgd" => Box::new(momentum()),
        "one_cycle_adamw" => Box::new(AdamW::new(AdamWConfig::default()).unwrap()),
        "sgdw" | "sgdw_nesterov" => {
            let config = SgdWConfig { momentum: 0.9, nesterov: case == "sgdw_nesterov", ..SgdWConfig::default() };
            Box::new(SgdW::new(config).unwrap())
        }
        "nadamw" => Box::new(NAdamW::new(NAdamWConfig::default()).unwrap()),
        "radamw" => Box::new(RAdamW::new(RAdamWConfig::default()).unwrap()),
        "lookahead" => {
            let config = LookaheadConfig { k: 3, alpha: 0.5 };
            Box::new(Lookahead::new(Box::new(AdamW::new(AdamWConfig::default()).unwrap()), config).unwrap())
        }
        "centralized_sgd" => Box::new(GradientCentralization::new(Box::new(momentum()))),
        "centralized_adamw" => {
            let adamw = AdamW::new(AdamWConfig::default()).unwrap();
            Box::new(GradientCentralization::new(Box::new(adamw)))
        }
        "schedule_free" => Box::new(ScheduleFreeAdamW::new(ScheduleFreeAdamWConfig::default()).unwrap()),
        "schedule_free_warmup" => {
            let config = ScheduleFreeAdamWConfig { r: 1.0, ..ScheduleFreeAdamWConfig::default() };
            Box::new(ScheduleFreeAdamW::new(config).unwrap())
        }
        "adafactor" => Box::new(Adafactor::new(AdafactorConfig::default()).unwrap()),
        "adafactor_options" => {
            let config = AdafactorConfig { beta2_decay: -0.5, eps1: Some(1e-4), eps2: 0.5, d: 2.0 };
            Box::new(Adafactor::new(config).unwrap())
        }
        "prodigy" => Box::new(Prodigy::new(ProdigyConfig::default()).unwrap()),
        "prodigy_options" => {
            let config = ProdigyConfig {
                d0: 1e-3,
                d_coef: 2.0,
                growth_rate: 1.5,
                bias_correction: true,
                safeguard_warmup: true,
                ..ProdigyConfig::default()
            };
            Box::new(Prodigy::new(config).unwrap())
        }
        "soap" => Box::new(Soap::new(SoapConfig { frequency: 3, ..SoapConfig::default() }).unwrap()),
        other => panic!("there is no rule for {other}"),
    }
}

/// A run from the start of the file.
struct Run {
    file: Value,
    dtype: DType,
    vars: Vec<Var>,
    optimizer: Optimizer,
}

impl Run {
    fn new(rule: Box<dyn UpdateRule>, dtype: DType) -> Self {
        let file = read("trajectories.json");
        let start = file["start"].as_array().unwrap().iter().enumerate();
        let vars: Vec<Var> = start.map(|(i, p)| Var::from_tensor(&tensor(&file, i, p, dtype)).unwrap()).collect();
        let names = ["scalar", "vector", "matrix", "convolution"].map(str::to_owned);
        let group = Group {
            params: names.into_iter().zip(vars.clone()).collect(),
            weight_decay: file["weight_decay"].as_f64().unwrap(),
            ..Group::default()
        };
        let optimizer = Optimizer::new(rule, vec![group], OptimizerConfig::default()).unwrap();
        Self { file, dtype, vars, optimizer }
    }

    /// a + θ/2.
    fn gradients(&self, step: usize) -> GradStore {
        let mut grads = Tensor::new(0f32, &Device::Cpu).unwrap().backward().unwrap();
        for (i, var) in self.vars.iter().enumerate() {
            let a = tensor(&self.file, i, &self.file["grads"][step][i], self.dtype);
            grads.insert(var, (a + (var.as_detached_tensor() * 0.5).unwrap()).unwrap());
        }
        grads
    }

    /// How far the parameters are from those of the file, relative to max(1, |expected|).
    fn error(&self, expected: &Value) -> f64 {
        let mut worst = 0f64;
        for (i, var) in self.vars.iter().enumerate() {
            let got = var.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap();
            for (got, expected) in got.into_iter().zip(numbers(&expected[i])) {
                worst = worst.max((got - expected).abs() / expected.abs().max(1.0));
            }
        }
        worst
    }
}

fn tensor(file: &Value, i: usize, values: &Value, dtype: DType) -> Tensor {
    let shape: Vec<usize> = numbers(&file["shapes"][i]).into_iter().map(|n| n as usize).collect();
    Tensor::from_vec(numbers(values), shape, &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
}

/// Takes the steps of the case by `step` and returns the greatest error.
fn error_of(case: &str, dtype: DType, mut step: impl FnMut(&mut Run, usize)) -> f64 {
    let mut run = Run::new(rule(case), dtype);
    let golden = run.file["cases"][case].clone();
    let steps: Vec<usize> = numbers(&run.file["steps"]).into_iter().map(|n| n as usize).collect();
    let mut worst = 0f64;
    for t in 0..steps[steps.len() - 1] {
        step(&mut run, t);
        if let Some(at) = steps.iter().position(|&s| s == t + 1) {
            worst = worst.max(run.error(&golden["trajectory"][at]));
            if let Some(evaluated) = golden.get("evaluated") {
                let evaluation = run.optimizer.evaluation().unwrap();
                worst = worst.max(run.error(&evaluated[at]));
                evaluation.restore().unwrap();
            }
        }
    }
    worst
}

/// The rate of an update, from 0.
fn rate(case: &str, lr: f64, t: usize) -> f64 {
    match case {
        "prodigy" | "prodigy_options" => 1.0,
        "schedule_free_warmup" => lr * ((t + 1) as f64 / 5.0).min(1.0),
        _ => lr,
    }
}

#[test]
fn trajectories_are_those_of_others() {
    let file = read("trajectories.json");
    let lr = file["lr"].as_f64().unwrap();
    let elsewhere = ["sam", "one_cycle_sgd", "one_cycle_adamw"];
    for case in file["cases"].as_object().unwrap().keys().filter(|case| !elsewhere.contains(&case.as_str())) {
        let error = |dtype| {
            error_of(case, dtype, |run, t| {
                let grads = run.gradients(t);
                run.optimizer.step(&grads, rate(case, lr, t)).unwrap();
            })
        };
        let (double, single) = (error(DType::F64), error(DType::F32));
        println!("{case}: {double:.1e} in float64, {single:.1e} in float32");
        // SOAP's reference decomposes in float32.
        assert!(double <= if case == "soap" { 1e-6 } else { 1e-12 }, "{case} in float64: {double:e}");
        assert!(single <= 1e-5, "{case} in float32: {single:e}");
    }
}

#[test]
fn sam_is_that_of_others() {
    let sam = Sam::new(SamConfig::default()).unwrap();
    // Its reference has the norm in float32.
    for (dtype, bound) in [(DType::F64, 1e-7), (DType::F32, 1e-5)] {
        let error = error_of("sam", dtype, |run, t| {
            let perturbed = sam.perturb(&run.optimizer, &run.gradients(t)).unwrap();
            let grads = run.gradients(t);
            perturbed.restore().unwrap();
            run.optimizer.step(&grads, 0.05).unwrap();
        });
        assert!(error <= bound, "{dtype:?}: {error:e}");
    }
}

#[test]
fn a_plan_moves_rate_and_momentum_as_pytorch_does() {
    let cycle = OneCycle::new(12, OneCycleConfig { warmup_fraction: 0.25, ..OneCycleConfig::default() }).unwrap();
    let momentum = OneCycleMomentum::new(cycle, OneCycleMomentumConfig::default()).unwrap();
    let plan = Plan { lr: 0.05, schedule: Box::new(cycle), momentum: Some(Box::new(momentum)) };
    for case in ["one_cycle_sgd", "one_cycle_adamw"] {
        for (dtype, bound) in [(DType::F64, 1e-12), (DType::F32, 1e-5)] {
            let error = error_of(case, dtype, |run, t| {
                let grads = run.gradients(t);
                run.optimizer.step_at(&grads, t as u64, &plan).unwrap();
            });
            assert!(error <= bound, "{case} in {dtype:?}: {error:e}");
        }
    }
}
