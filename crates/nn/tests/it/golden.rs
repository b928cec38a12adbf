//! The layers with weights, and the activations, against PyTorch's values and gradients: computed
//! there in float64, stored as float32 (`ops`) or as text (`norms`).

use std::collections::{BTreeMap, HashMap};

use candle_core::{DType, Device, Result, Tensor, Var};
use serde_json::Value;
use taper_nn::{
    Activation, BatchNorm, BatchNormConfig, Conv2d, Conv2dConfig, GroupNorm, Layer, LayerNorm, Linear, LinearConfig,
    Mode, Params,
};
use taper_tensor::Rng;

use crate::common::close;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");

const TYPES: [(DType, f64); 2] = [(DType::F64, 2e-6), (DType::F32, 2e-5)];

struct Golden {
    tensors: HashMap<String, Tensor>,
    configs: BTreeMap<String, Value>,
}

fn golden() -> Golden {
    let text = std::fs::read_to_string(format!("{GOLDEN}/ops.json")).unwrap();
    Golden {
        tensors: candle_core::safetensors::load(format!("{GOLDEN}/ops.safetensors"), &Device::Cpu).unwrap(),
        configs: serde_json::from_str(&text).unwrap(),
    }
}

/// (N,C,H,W), as PyTorch has it, to (N,H,W,C).
fn channels_last(x: &Tensor) -> Result<Tensor> {
    if x.rank() == 4 { x.permute((0, 2, 3, 1))?.contiguous() } else { Ok(x.clone()) }
}

impl Golden {
    fn get(&self, case: &str, part: &str) -> Option<Tensor> {
        self.tensors.get(&format!("{case}/{part}")).map(|x| channels_last_if_map(part, x))
    }

    fn size(&self, case: &str, field: &str) -> usize {
        self.configs[case][field].as_u64().unwrap() as usize
    }

    /// Gives a layer the parameters of a case, and compares output and gradients.
    fn hold(&self, case: &str, layer: &dyn Layer, params: &Params, (dtype, tolerance): (DType, f64), mode: Mode<'_>) {
        let get = |part: &str| self.get(case, part).unwrap().to_dtype(dtype).unwrap();
        let all = params.trainables().into_iter().chain(params.buffers());
        for (name, var) in all.filter(|(name, _)| !(name.starts_with("running") && mode.is_train())) {
            var.set(&get(&name)).unwrap();
        }
        let x = Var::from_tensor(&get("x")).unwrap();
        let y = layer.forward(&x, mode).unwrap();
        close(&y, &get("out"), tolerance, &format!("{case}: output in {dtype:?}"));
        let grads = (y * get("grad_out")).unwrap().sum_all().unwrap().backward().unwrap();
        let weights = params.trainables().into_iter().filter(|_| mode.is_train());
        for (name, var) in weights.chain([("x".to_owned(), x)]) {
            let what = format!("{case}: gradient of {name} in {dtype:?}");
            close(grads.get(&var).unwrap(), &get(&format!("grad_{name}")), tolerance, &what);
        }
        for (name, var) in params.buffers() {
            close(&var, &get(&name), tolerance, &format!("{case}: {name} in {dtype:?}"));
        }
    }
}

/// Maps are turned, weights are not.
fn channels_last_if_map(part: &str, x: &Tensor) -> Tensor {
    if part.ends_with("weight") { x.clone() } else { channels_last(x).unwrap() }
}

#[test]
fn conv2d() {
    let (golden, rng) = (golden(), Rng::new(0));
    let cases: Vec<&String> = golden.configs.keys().filter(|name| name.starts_with("conv")).collect();
    let mut held = 0;
    for case in cases {
        let size = |field| golden.size(case, field);
        let weight = golden.tensors[&format!("{case}/weight")].dims4().unwrap();
        let config = Conv2dConfig {
            stride: size("stride"),
            padding: size("padding"),
            dilation: size("dilation"),
            groups: size("groups"),
            ..Conv2dConfig::default()
        };
        // A layer's kernel is square; taper-tensor holds the operation to the other case.
        if weight.2 != weight.3 {
            continue;
        }
        held += 1;
        for kind in TYPES {
            let params = Params::new(Rng::new(0), kind.0, Device::Cpu);
            let layer = Conv2d::new(&params.root(), weight.1 * config.groups, weight.0, weight.2, config).unwrap();
            golden.hold(case, &layer, &params, kind, Mode::Train(&rng));
        }
    }
    assert!(held >= 4, "only {held} cases");
}

#[test]
fn linear() {
    let (golden, rng) = (golden(), Rng::new(0));
    let (outputs, inputs) = golden.tensors["linear/weight"].dims2().unwrap();
    for kind in TYPES {
        let params = Params::new(Rng::new(0), kind.0, Device::Cpu);
        let layer = Linear::new(&params.root(), inputs, outputs, LinearConfig::default()).unwrap();
        golden.hold("linear", &layer, &params, kind, Mode::Train(&rng));
    }
}

#[test]
fn batch_norm_in_training_and_in_testing() {
    let (golden, rng) = (golden(), Rng::new(0));
    for (case, mode) in [("batch_norm_train", Mode::Train(&rng)), ("batch_norm_eval", Mode::Eval)] {
        for kind in TYPES {
            let params = Params::new(Rng::new(0), kind.0, Device::Cpu);
            let layer = BatchNorm::new(&params.root(), 6, BatchNormConfig::default()).unwrap();
            golden.hold(case, &layer, &params, kind, mode);
        }
    }
}

#[test]
fn activations() -> Result<()> {
    let golden = golden();
    for (case, kind) in [
        ("sigmoid", Activation::Sigmoid),
        ("tanh", Activation::Tanh),
        ("relu", Activation::Relu),
        ("leaky_relu", Activation::LeakyRelu(0.01)),
        ("elu", Activation::Elu(1.0)),
        ("gelu", Activation::Gelu),
        ("silu", Activation::Silu),
        ("maxout", Activation::Maxout(golden.size("maxout", "pieces"))),
    ] {
        for (dtype, tolerance) in TYPES {
            let get = |part: &str| golden.tensors[&format!("{case}/{part}")].to_dtype(dtype);
            for run in [Activation::apply, Activation::composed] {
                let x = Var::from_tensor(&get("x")?)?;
                let y = run(kind, &x)?;
                close(&y, &get("out")?, tolerance, case);
                let grads = (y * get("grad_out")?)?.sum_all()?.backward()?;
                close(grads.get(&x).unwrap(), &get("grad_x")?, tolerance, case);
            }
        }
    }
    Ok(())
}

#[test]
fn norms_of_a_picture_by_itself() -> Result<()> {
    let text = std::fs::read_to_string(format!("{GOLDEN}/norms.json")).unwrap();
    let values: Value = serde_json::from_str(&text).unwrap();
    for case in ["layer_norm", "group_norm"] {
        let numbers = |name: &str| -> Vec<f64> {
            values[case][name].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
        };
        let shape: Vec<usize> = numbers("shape").into_iter().map(|side| side as usize).collect();
        let map = |name: &str| {
            let x = Tensor::from_vec(numbers(name), shape.clone(), &Device::Cpu)?;
            if case == "group_norm" { channels_last(&x) } else { Ok(x) }
        };
        let (params, rng) = (Params::new(Rng::new(0), DType::F64, Device::Cpu), Rng::new(0));
        let channels = numbers("weight").len();
        let layer: Box<dyn Layer> = match case {
            "layer_norm" => Box::new(LayerNorm::new(&params.root(), channels).unwrap()),
            _ => Box::new(GroupNorm::new(&params.root(), channels, 3).unwrap()),
        };
        for (name, var) in params.trainables() {
            var.set(&Tensor::new(numbers(&name), &Device::Cpu)?)?;
        }
        let x = Var::from_tensor(&map("x")?)?;
        let y = layer.forward(&x, Mode::Train(&rng))?;
        close(&y, &map("out")?, 1e-12, case);
        let grads = (y * map("grad_out")?)?.sum_all()?.backward()?;
        close(grads.get(&x).unwrap(), &map("grad_x")?, 1e-12, case);
        for (name, var) in params.trainables() {
            let wanted = Tensor::new(numbers(&format!("grad_{name}")), &Device::Cpu)?;
            close(grads.get(&var).unwrap(), &wanted, 1e-12, &format!("{case}: {name}"));
        }
    }
    Ok(())
}
