//! Every operation, forward and all gradients, against PyTorch's numbers (computed there in
//! float64, stored in float32): the kernel in float64 and float32, and the composed twin.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, HashMap};

use candle_core::{DType, Device, Result, Tensor, Var};
use serde_json::Value;
use taper_tensor::{
    Conv, Epilogue, Pool, Regions, adaptive_avg_pool2d, batch_norm_eval, batch_norm_train, composed, conv2d,
    cross_entropy, fractional_max_pool2d, group_norm, layer_norm, linear, max_pool2d, maxout, nchw, relu,
};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/ops");

struct Golden {
    tensors: HashMap<String, Tensor>,
    configs: BTreeMap<String, Value>,
}

fn golden() -> Golden {
    Golden {
        tensors: candle_core::safetensors::load(format!("{GOLDEN}.safetensors"), &Device::Cpu).unwrap(),
        configs: serde_json::from_str(&std::fs::read_to_string(format!("{GOLDEN}.json")).unwrap()).unwrap(),
    }
}

impl Golden {
    fn get(&self, case: &str, part: &str) -> Option<Tensor> {
        self.tensors.get(&format!("{case}/{part}")).cloned()
    }

    fn size(&self, case: &str, field: &str) -> usize {
        self.configs[case][field].as_u64().unwrap() as usize
    }

    fn conv(&self, case: &str) -> Conv {
        Conv {
            stride: self.size(case, "stride"),
            padding: self.size(case, "padding"),
            dilation: self.size(case, "dilation"),
            groups: self.size(case, "groups"),
            same: false,
        }
    }

    fn cases(&self, prefix: &str) -> Vec<String> {
        let cases: Vec<_> = self.configs.keys().filter(|name| name.starts_with(prefix)).cloned().collect();
        assert!(!cases.is_empty(), "no golden case begins with {prefix}");
        cases
    }

    /// Runs `f` on the named inputs and compares the output and the gradient of each input that has
    /// one.
    fn hold(&self, case: &str, inputs: &[&str], f: impl Fn(&[Tensor]) -> Result<Tensor>) -> Result<()> {
        for (dtype, tolerance) in [(DType::F64, 2e-6), (DType::F32, 2e-5)] {
            let vars = inputs
                .iter()
                .map(|name| Var::from_tensor(&self.get(case, name).unwrap().to_dtype(dtype)?))
                .collect::<Result<Vec<_>>>()?;
            let tracked: Vec<_> = vars.iter().map(|v| v.as_tensor().clone()).collect();
            let y = f(&tracked)?;
            close(&y, &self.get(case, "out").unwrap(), tolerance, &format!("{case}: output in {dtype:?}"))?;
            let grads = (y * self.get(case, "grad_out").unwrap().to_dtype(dtype)?)?.sum_all()?.backward()?;
            for (name, var) in inputs.iter().zip(&vars) {
                if let Some(wanted) = self.get(case, &format!("grad_{name}")) {
                    let got = grads.get(var).unwrap_or_else(|| panic!("{case}: no gradient for {name}"));
                    close(got, &wanted, tolerance, &format!("{case}: gradient of {name} in {dtype:?}"))?;
                }
            }
        }
        Ok(())
    }
}

/// |got - wanted| <= tolerance · max(1, largest |wanted|), everywhere.
fn close(got: &Tensor, wanted: &Tensor, tolerance: f64, what: &str) -> Result<()> {
    assert_eq!(got.dims(), wanted.dims(), "{what}: shape");
    let values = |t: &Tensor| t.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>();
    let (got, wanted) = (values(got)?, values(wanted)?);
    let scale = wanted.iter().fold(1.0f64, |a, b| a.max(b.abs()));
    for (i, (g, w)) in got.iter().zip(&wanted).enumerate() {
        assert!((g - w).abs() <= tolerance * scale, "{what}: element {i} is {g}, PyTorch says {w}");
    }
    Ok(())
}

/// An operation on (N,H,W,C) as one on (N,C,H,W), the layout of the golden file.
fn nhwc(x: &Tensor, f: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    f(&x.permute((0, 2, 3, 1))?)?.permute((0, 3, 1, 2))
}

#[test]
fn convolution() -> Result<()> {
    let golden = golden();
    for case in golden.cases("conv") {
        let conv = golden.conv(&case);
        for run in [conv2d, composed::conv2d] {
            golden.hold(&case, &["x", "weight", "bias"], |t| nhwc(&t[0], |x| run(x, &t[1], Some(&t[2]), conv)))?;
        }
    }
    Ok(())
}

#[test]
fn max_pooling() -> Result<()> {
    let golden = golden();
    for case in golden.cases("max_pool") {
        let config = &golden.configs[&case];
        let kernel = golden.size(&case, "kernel");
        let pool = Pool {
            kernel: (kernel, kernel),
            stride: golden.size(&case, "stride"),
            padding: config["padding"].as_u64().unwrap_or(0) as usize,
            ceil_mode: config["ceil_mode"].as_bool().unwrap_or(false),
        };
        for run in [max_pool2d, composed::max_pool2d] {
            golden.hold(&case, &["x"], |t| nhwc(&t[0], |x| run(x, pool)))?;
        }
    }
    Ok(())
}

#[test]
fn average_pooling() -> Result<()> {
    let golden = golden();
    for case in golden.cases("adaptive_avg_pool") {
        let sides = golden.configs[&case]["output"].as_array().unwrap();
        let output = (sides[0].as_u64().unwrap() as usize, sides[1].as_u64().unwrap() as usize);
        for run in [adaptive_avg_pool2d, composed::adaptive_avg_pool2d] {
            golden.hold(&case, &["x"], |t| nhwc(&t[0], |x| run(x, output)))?;
        }
    }
    Ok(())
}

#[test]
fn greatest_of_neighbors() -> Result<()> {
    let golden = golden();
    let pieces = golden.size("maxout", "pieces");
    for run in [maxout, composed::maxout] {
        golden.hold("maxout", &["x"], |t| run(&t[0], pieces))?;
    }
    Ok(())
}

/// PyTorch draws regions of its own for each channel of each picture: one call for each here.
#[test]
fn fractional_max_pooling() -> Result<()> {
    let golden = golden();
    let (case, kernel) = ("fractional_max_pool", golden.size("fractional_max_pool", "kernel"));
    let samples = golden.get(case, "samples").unwrap().to_dtype(DType::F64)?.to_vec3::<f64>()?;
    let starts = |size: usize, cells: usize, u: f64| -> Vec<std::ops::Range<usize>> {
        let alpha = (size - kernel) as f64 / (cells - 1) as f64;
        let inner = (0..cells - 1).map(|i| (alpha * (i as f64 + u)) as usize - (alpha * u) as usize);
        inner.chain([size - kernel]).map(|start| start..start + kernel).collect()
    };
    for run in [fractional_max_pool2d, composed::fractional_max_pool2d] {
        golden.hold(case, &["x"], |t| {
            let (n, c, h, w) = t[0].dims4()?;
            let picture = |n: usize| -> Result<Tensor> {
                let channel = |c: usize| {
                    let [along, down] = [samples[n][c][0], samples[n][c][1]];
                    let regions = Regions { rows: starts(h, 9, down), columns: starts(w, 8, along) };
                    nhwc(&t[0].narrow(0, n, 1)?.narrow(1, c, 1)?, |x| run(&x.contiguous()?, &regions))
                };
                Tensor::cat(&(0..c).map(channel).collect::<Result<Vec<_>>>()?, 1)
            };
            Tensor::cat(&(0..n).map(picture).collect::<Result<Vec<_>>>()?, 0)
        })?;
    }
    Ok(())
}

#[test]
fn zeros_as_tensorflow_has_them() -> Result<()> {
    let values: BTreeMap<String, Value> = serde_json::from_str(include_str!("golden/same.json")).unwrap();
    for (case, values) in &values {
        let tensor = |name: &str| {
            let list = |part: &Value| part.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect::<Vec<_>>();
            let shape: Vec<usize> = list(&values[name]["shape"]).into_iter().map(|side| side as usize).collect();
            Tensor::from_vec(list(&values[name]["values"]), shape, &Device::Cpu)
        };
        let size = |name: &str| values[name].as_u64().unwrap() as usize;
        let conv = Conv { stride: size("stride"), same: true, groups: size("groups"), ..Conv::default() };
        for (dtype, tolerance) in [(DType::F64, 1e-12), (DType::F32, 2e-6)] {
            for run in [conv2d, composed::conv2d] {
                let var = |name| Var::from_tensor(&tensor(name)?.to_dtype(dtype)?);
                let (x, weight) = (var("x")?, var("weight")?);
                let y = nhwc(&x, |x| run(x, &weight, None, conv))?;
                close(&y, &tensor("out")?, tolerance, case)?;
                let grads = (y * tensor("grad_out")?.to_dtype(dtype)?)?.sum_all()?.backward()?;
                close(grads.get(&x).unwrap(), &tensor("grad_x")?, tolerance, case)?;
                close(grads.get(&weight).unwrap(), &tensor("grad_weight")?, tolerance, case)?;
            }
        }
    }
    assert_eq!(values.len(), 4);
    Ok(())
}

#[test]
fn norms_of_a_picture_by_itself() -> Result<()> {
    let text = include_str!("golden/norms.json");
    let values: Value = serde_json::from_str(text).unwrap();
    for case in ["layer_norm", "group_norm"] {
        let numbers = |name: &str| -> Vec<f64> {
            values[case][name].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
        };
        let shape: Vec<usize> = numbers("shape").into_iter().map(|side| side as usize).collect();
        let map = |name: &str| Tensor::from_vec(numbers(name), shape.clone(), &Device::Cpu);
        let vars =
            [map("x")?, Tensor::new(numbers("weight"), &Device::Cpu)?, Tensor::new(numbers("bias"), &Device::Cpu)?];
        let [x, weight, bias] = vars.map(|t| Var::from_tensor(&t).unwrap());
        let y = match case {
            "layer_norm" => layer_norm(&x, &weight, &bias, 1e-5)?,
            _ => nhwc(&x, |x| group_norm(&x.contiguous()?, 3, &weight, &bias, 1e-5))?,
        };
        close(&y, &map("out")?, 1e-12, case)?;
        let grads = (y * map("grad_out")?)?.sum_all()?.backward()?;
        close(grads.get(&x).unwrap(), &map("grad_x")?, 1e-12, case)?;
        for (var, name) in [(&weight, "grad_weight"), (&bias, "grad_bias")] {
            close(grads.get(var).unwrap(), &Tensor::new(numbers(name), &Device::Cpu)?, 1e-12, name)?;
        }
    }
    Ok(())
}

#[test]
fn rectifier_and_linear() -> Result<()> {
    let golden = golden();
    for run in [relu, composed::relu] {
        golden.hold("relu", &["x"], |t| run(&t[0]))?;
    }
    golden.hold("linear", &["x", "weight", "bias"], |t| linear(&t[0], &t[1], Some(&t[2])))
}

#[test]
fn batch_norm() -> Result<()> {
    let golden = golden();
    for run in [batch_norm_train, composed::batch_norm_train] {
        golden.hold("batch_norm_train", &["x", "weight", "bias"], |t| {
            nhwc(&t[0], |x| Ok(run(x, &t[1], &t[2], 1e-5, Epilogue::None)?.0))
        })?;
    }
    let statistic = |name, t: &Tensor| golden.get("batch_norm_eval", name).unwrap().to_dtype(t.dtype());
    for run in [batch_norm_eval, composed::batch_norm_eval] {
        golden.hold("batch_norm_eval", &["x", "weight", "bias"], |t| {
            let (mean, variance) = (statistic("running_mean", &t[0])?, statistic("running_var", &t[0])?);
            nhwc(&t[0], |x| run(x, &t[1], &t[2], &mean, &variance, 1e-5, Epilogue::None))
        })?;
    }
    Ok(())
}

#[test]
fn the_face_for_nchw() -> Result<()> {
    let golden = golden();
    for case in golden.cases("conv") {
        let conv = golden.conv(&case);
        golden.hold(&case, &["x", "weight", "bias"], |t| nchw::conv2d(&t[0], &t[1], Some(&t[2]), conv))?;
    }
    for case in golden.cases("adaptive_avg_pool") {
        let sides = golden.configs[&case]["output"].as_array().unwrap();
        let output = (sides[0].as_u64().unwrap() as usize, sides[1].as_u64().unwrap() as usize);
        golden.hold(&case, &["x"], |t| nchw::adaptive_avg_pool2d(&t[0], output))?;
    }
    golden.hold("batch_norm_train", &["x", "weight", "bias"], |t| {
        Ok(nchw::batch_norm_train(&t[0], &t[1], &t[2], 1e-5, Epilogue::None)?.0)
    })
}

#[test]
fn cross_entropy_on_probabilities() -> Result<()> {
    let golden = golden();
    let one_hot = |case: &str, smoothing: f64, dtype: DType| -> Result<Tensor> {
        let labels = golden.get(case, "target").unwrap().to_dtype(DType::I64)?.to_vec1::<i64>()?;
        let rows: Vec<f64> = labels
            .iter()
            .flat_map(|&label| {
                (0..7).map(move |c| f64::from(u8::from(c == label)) * (1.0 - smoothing) + smoothing / 7.0)
            })
            .collect();
        Tensor::from_vec(rows, (labels.len(), 7), &Device::Cpu)?.to_dtype(dtype)
    };
    for run in [cross_entropy, composed::cross_entropy] {
        for (case, smoothing) in
            [("cross_entropy", 0.0), ("cross_entropy_smoothing", 0.1), ("cross_entropy_extreme", 0.0)]
        {
            golden.hold(case, &["logits"], |t| run(&t[0], &one_hot(case, smoothing, t[0].dtype())?))?;
        }
        golden.hold("cross_entropy_soft", &["logits"], |t| {
            run(&t[0], &golden.get("cross_entropy_soft", "target").unwrap().to_dtype(t[0].dtype())?)
        })?;
    }
    Ok(())
}
