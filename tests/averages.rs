//! Averages of weights and the running statistics that they go with: held to PyTorch's and timm's,
//! and to those of a training by hand.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::Result;
use candle_core::{DType, Device, Tensor};
use candle_nn::{Linear, Module, linear};
use serde_json::Value;
use taper_nn::{Layer, Mode, Params};
use taper_optim::{Average, Averaging};
use taper_regularize::{BatchNorm, BatchNormConfig, recompute_statistics};
use taper_tensor::Rng;
use taper_trainer::build::network::{Network, network};
use taper_trainer::build::pipeline::{eval_loader, train_loader};
use taper_trainer::fit::{EpochInfo, Observer, Outcome, StepInfo, fit};
use taper_trainer::recipe::{AverageRecipe, Preset, Recipe};
use taper_trainer::{ObserverError, Silent};

use crate::support::{json, small};

/// The network of `tests/golden/averages.py`: batch norms of different momentum, and in front of
/// the first a unit that is dead.
struct Net {
    params: Params,
    linear: [Linear; 2],
    norms: [BatchNorm; 2],
}

impl Net {
    fn new(golden: &Value) -> Self {
        let params = Params::new(Rng::new(0), DType::F64, Device::Cpu);
        let (root, builder) = (params.root(), params.builder());
        let norm = |name: &str, channels, momentum| {
            BatchNorm::new(&root.at(name), channels, BatchNormConfig { momentum, ..Default::default() }).unwrap()
        };
        let linear = [linear(3, 4, builder.pp("fc1")).unwrap(), linear(4, 3, builder.pp("fc2")).unwrap()];
        let norms = [norm("norm1", 4, 0.1), norm("norm2", 3, 0.01)];
        assert!(params.load(&tensors(&golden["first"])).unwrap().is_exact());
        Self { params, linear, norms }
    }

    fn train(&self, x: &Value) {
        let mode = Mode::Train(&Rng::new(0));
        let [first, second] = &self.linear;
        let hidden = self.norms[0].forward(&first.forward(&tensor(x)).unwrap().relu().unwrap(), mode).unwrap();
        self.norms[1].forward(&second.forward(&hidden).unwrap(), mode).unwrap();
    }

    /// Takes the twelve steps with an average, which is in the network when they are done: of the
    /// buffers too, and from before the first step on, or not.
    fn walk(&self, golden: &Value, averaging: Averaging, [buffers, from_the_start]: [bool; 2]) {
        let mut averaged = self.params.trainables();
        if buffers {
            averaged.extend(self.params.buffers());
        }
        let mut average = Average::new(averaged, averaging).unwrap();
        if from_the_start {
            average.update().unwrap();
        }
        for step in golden["steps"].as_array().unwrap() {
            self.train(&step["x"]);
            self.params.load(&tensors(&step["weights"])).unwrap();
            average.update().unwrap();
        }
        average.swap().unwrap();
    }
}

fn golden() -> Value {
    json(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/averages.json")))
}

/// A vector or a matrix.
fn tensor(value: &Value) -> Tensor {
    let row = |value: &Value| value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect::<Vec<_>>();
    match &value[0] {
        Value::Array(_) => {
            Tensor::new(value.as_array().unwrap().iter().map(row).collect::<Vec<_>>(), &Device::Cpu).unwrap()
        }
        _ => Tensor::new(row(value), &Device::Cpu).unwrap(),
    }
}

fn tensors(value: &Value) -> BTreeMap<String, Tensor> {
    value.as_object().unwrap().iter().map(|(name, value)| (name.clone(), tensor(value))).collect()
}

fn values(params: &Params) -> BTreeMap<String, Vec<f64>> {
    let flat = |tensor: Tensor| tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap();
    params.tensors().into_iter().map(|(name, tensor)| (name, flat(tensor))).collect()
}

fn assert_close(what: &str, got: &[f64], wanted: &[f64], tolerance: f64) {
    let near = |(a, b): (&f64, &f64)| (a - b).abs() <= tolerance * b.abs().max(1.0);
    assert!(got.len() == wanted.len() && got.iter().zip(wanted).all(near), "{what}: {got:?} is not {wanted:?}");
}

#[test]
fn weights_and_statistics_are_averaged_as_by_pytorch_and_timm() {
    let golden = golden();
    let smooth = Averaging::Exponential { decay: 0.75, warm_up: false };
    let mean = Averaging::PolyakRuppert;
    for (kind, averaging, how) in
        [("ema", smooth, [false, false]), ("mean", mean, [true, false]), ("timm", smooth, [true, true])]
    {
        let net = Net::new(&golden);
        net.walk(&golden, averaging, how);
        for (name, got) in values(&net.params) {
            let wanted = tensor(&golden[kind][&name]).flatten_all().unwrap().to_vec1::<f64>().unwrap();
            assert_close(&format!("{kind} of {name}"), &got, &wanted, 1e-12);
        }
    }
}

#[test]
fn statistics_computed_anew_are_pytorchs_but_for_a_dead_channel() {
    let golden = golden();
    let net = Net::new(&golden);
    net.walk(&golden, Averaging::PolyakRuppert, [true, false]);
    let before = values(&net.params);
    recompute_statistics(|| {
        golden["steps"].as_array().unwrap().iter().for_each(|step| net.train(&step["x"]));
        Result::<_>::Ok(())
    })
    .unwrap();
    let after = values(&net.params);
    for (name, mut wanted) in tensors(&golden["recomputed"]).into_iter().map(|(n, t)| (n, t.to_vec1::<f64>().unwrap()))
    {
        if name == "norm1.running_var" {
            assert_eq!(wanted[3], 0.0); // PyTorch's, which would multiply by 316
            wanted[3] = before[&name][3];
            assert!(wanted[3] > 0.1);
        }
        assert_close(&name, &after[&name], &wanted, 1e-12);
    }
}

/// The network that is to be measured, by hand beside a training: the exponential average of what
/// is trained, and the running statistics as they are.
struct ByHand {
    params: Params,
    decay: f64,
    phase: &'static str,
    wanted: BTreeMap<String, Vec<f64>>,
    epochs: usize,
}

impl Observer for ByHand {
    fn step(&mut self, info: &StepInfo) -> ControlFlow<()> {
        let now = values(&self.params);
        if std::mem::replace(&mut self.phase, info.phase) != info.phase {
            self.wanted = now;
            return ControlFlow::Continue(());
        }
        for (name, now) in now {
            let weight = if name.contains("running") { 1.0 } else { 1.0 - self.decay };
            let average = self.wanted.get_mut(&name).unwrap().iter_mut();
            average.zip(now).for_each(|(average, now)| *average += weight * (now - *average));
        }
        ControlFlow::Continue(())
    }

    fn epoch(&mut self, _: &EpochInfo, params: &Params) -> Result<ControlFlow<()>, ObserverError> {
        self.check(params);
        self.epochs += 1;
        Ok(ControlFlow::Continue(()))
    }
}

impl ByHand {
    fn check(&self, params: &Params) {
        for (name, got) in values(params) {
            assert_close(&name, &got, &self.wanted[&name], 1e-5);
        }
    }
}

/// Trains on pictures of three classes in batches of so many, with a few epochs for each phase.
fn train(recipe: &mut Recipe, data: &Path, [batch_size, epochs]: [usize; 2], by_hand: Option<f64>) -> Outcome {
    (recipe.data.image_size, recipe.data.batch_size) = (48, batch_size);
    (recipe.optimize.head_epochs, recipe.optimize.epochs) = (epochs, epochs);
    let splits = taper_data::open(data, &taper_data::OpenConfig::default(), &Rng::new(0)).unwrap();
    let Network { card, mut classifier, params, .. } = network(recipe, &*splits.train, &Silent).unwrap();
    let train = train_loader(splits.train, recipe, card.input(), 1).unwrap();
    let val = eval_loader(splits.val, 12, card.input(), 1).unwrap();
    let mut by_hand = by_hand.map(|decay| {
        let (params, wanted) = (params.clone(), BTreeMap::new());
        ByHand { params, decay, phase: "", wanted, epochs: 0 }
    });
    let mut observers: Vec<&mut dyn Observer> = Vec::new();
    observers.extend(by_hand.as_mut().map(|by_hand| by_hand as &mut dyn Observer));
    let outcome = fit(&mut classifier, &params, (&train, &val), recipe, &mut observers).unwrap();
    if let Some(by_hand) = by_hand {
        assert_eq!(by_hand.epochs, outcome.history.len());
        by_hand.check(&params);
    }
    outcome
}

#[test]
fn what_is_measured_and_left_is_the_average_with_the_statistics_of_the_training() {
    let place = tempfile::tempdir().unwrap();
    let data = small(place.path(), 4);
    // Batch norm in the head alone, and everywhere with the stem frozen.
    for text in ["", "model = \"resnet18_narrow\"\npretrained = false\noptimize.frozen_stages = 1"] {
        let mut recipe = Recipe::parse(text, "r.toml".as_ref()).unwrap();
        recipe.optimize.average = AverageRecipe::Ema { decay: 0.8, warm_up: false };
        train(&mut recipe, &data, [4, 2], Some(0.8));
    }
}

/// Statistics computed anew from the training pictures as they are had channels of the head without
/// variance: 24 pictures ended with a loss of 293.
#[test]
fn an_average_does_not_destroy_a_run_on_few_pictures() {
    let place = tempfile::tempdir().unwrap();
    let data = small(place.path(), 8);
    let mut recipe = Preset::Quick.recipe(&Recipe::default());
    recipe.optimize.average = AverageRecipe::None {};
    let plain = train(&mut recipe, &data, [8, 6], None).evaluation;
    for name in ["ema", "polyak", "swa"] {
        recipe.optimize.average = AverageRecipe::named(name).unwrap();
        let averaged = train(&mut recipe, &data, [8, 6], None).evaluation;
        assert!(averaged.loss < 1.2 * plain.loss, "{name}: {} against {}", averaged.loss, plain.loss);
    }
}
