//! What freezing promises, with a backbone that has a norm to betray it.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Result, Tensor};
use taper_nn::{Layer, Mode, Params};
use taper_regularize::{BatchNorm, BatchNormConfig};
use taper_tensor::{Rng, global_avg_pool};
use taper_transfer::{
    Backbone, BackboneConfig, Classifier, ConvHeadConfig, Head, Part, SqueezeNetLayers, Stage, Trainable,
    TransferError, model, squeezenet,
};

use crate::{params, pictures};

/// Two batch norms, each a stage.
struct Norms([BatchNorm; 2]);

impl Norms {
    fn new(params: &Params) -> Self {
        let norm = |name| BatchNorm::new(&params.root().at(name), 3, BatchNormConfig::default()).unwrap();
        Self([norm("a"), norm("b")])
    }
}

impl Backbone for Norms {
    fn stages(&self) -> &[Stage] {
        &[
            Stage { name: "a", channels: 3, stride: 1, prefixes: &["a"] },
            Stage { name: "b", channels: 3, stride: 1, prefixes: &["b"] },
        ]
    }
    fn stage(&self, i: usize, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        self.0[i].forward(x, mode)
    }
}

fn bits(params: &Params) -> BTreeMap<String, Vec<u32>> {
    let values = |t: Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap().into_iter().map(f32::to_bits).collect();
    params.tensors().into_iter().map(|(name, t)| (name, values(t))).collect()
}

/// A step of gradient descent on the sum of squared logits; the names that got a gradient.
fn step(net: &Classifier, params: &Params, x: &Tensor) -> Result<Vec<String>> {
    let grads = net.forward(x, Mode::Train(&Rng::new(5)))?.sqr()?.sum_all()?.backward()?;
    for Trainable { name, var, .. } in net.trainables(params) {
        let gradient = grads.get(&var).unwrap_or_else(|| panic!("{name} has no gradient"));
        var.set(&(var.as_detached_tensor() - (gradient * 1e-3)?)?)?;
    }
    Ok(params.trainables().into_iter().filter(|(_, var)| grads.get(var).is_some()).map(|(name, _)| name).collect())
}

#[test]
fn frozen_stages_stay_bit_unchanged_and_get_no_gradient() -> Result<()> {
    let p = params(1);
    let mut net = model("squeezenet1_1").unwrap().classifier(&p, Head::default(), 3).unwrap();
    net.freeze(2).unwrap();
    let before = bits(&p);
    for _ in 0..2 {
        let graded = step(&net, &p, &pictures(3, 40))?;
        assert!(graded.iter().all(|name| net.part(name) >= Part::Stage(2)), "{graded:?}");
        assert_eq!(graded.len(), net.trainables(&p).len());
    }
    for (name, now) in bits(&p) {
        assert_eq!(now == before[&name], net.part(&name) < Part::Stage(2), "{name}");
    }
    Ok(())
}

#[test]
fn running_statistics_of_frozen_stages_and_of_evaluation_stay() -> Result<()> {
    let p = params(2);
    let backbone = Norms::new(&p);
    let head = Head::Conv(ConvHeadConfig::default()).build(&p.root(), 3, 2).unwrap();
    let mut net = Classifier::new(Box::new(backbone), head);
    net.freeze(1).unwrap();
    let before = bits(&p);
    net.forward(&pictures(2, 8), Mode::Eval)?;
    assert_eq!(bits(&p), before);
    step(&net, &p, &pictures(2, 8))?;
    for (name, now) in bits(&p) {
        assert_eq!(now == before[&name], name.starts_with("a."), "{name}");
    }
    Ok(())
}

#[test]
fn every_parameter_is_under_one_stage_or_the_head() {
    for head in [Head::default(), Head::Conv(ConvHeadConfig::default())] {
        let p = params(0);
        let mut net = model("squeezenet1_1").unwrap().classifier(&p, head, 3).unwrap();
        for Trainable { name, part, .. } in net.trainables(&p) {
            let owners = net.backbone().stages().iter().filter(|stage| stage.owns(&name)).count();
            let in_head = name.starts_with(&format!("{}.", head.prefix()));
            assert_eq!((owners, part == Part::Head), (usize::from(!in_head), in_head), "{name}");
        }
        let mut count = p.trainables().len();
        for frozen in 1..=4 {
            net.freeze(frozen).unwrap();
            let left = net.trainables(&p);
            assert!(left.len() < count && left.iter().all(|trained| trained.part >= Part::Stage(frozen)));
            count = left.len();
        }
        assert!(net.trainables(&p).iter().all(|trained| trained.part == Part::Head) && count > 0);
    }
}

#[test]
fn more_stages_than_there_are_cannot_be_frozen() {
    let p = params(0);
    let head = Head::default().build(&p.root(), 512, 3).unwrap();
    let mut net = Classifier::new(
        Box::new(squeezenet(&p.root(), SqueezeNetLayers::V1_1, &BackboneConfig::default()).unwrap()),
        head,
    );
    net.freeze(4).unwrap();
    let error = net.freeze(5).unwrap_err();
    assert!(matches!(error, TransferError::TooManyFrozen { got: 5, .. }));
    assert!(error.to_string().contains("fire6-9"), "{error}");
    assert_eq!(net.frozen(), 4);
}

#[test]
fn the_two_halves_make_the_whole() -> Result<()> {
    let p = params(0);
    let mut net = model("squeezenet1_1").unwrap().classifier(&p, Head::default(), 3).unwrap();
    let (x, rng) = (pictures(2, 40), Rng::new(3));
    let outputs = net.stage_outputs(&x, Mode::Eval)?;
    assert_eq!(outputs.iter().map(|y| y.dims()[3]).collect::<Vec<_>>(), [64, 128, 256, 512]);
    let same = |a: &Tensor, b: &Tensor| -> Result<bool> {
        Ok(a.flatten_all()?.to_vec1::<f32>()? == b.flatten_all()?.to_vec1::<f32>()?)
    };
    assert!(same(&outputs[3], &net.features(&x, Mode::Eval)?)?);
    let whole = net.forward(&x, Mode::Train(&rng))?;
    for frozen in 0..=4 {
        net.freeze(frozen).unwrap();
        let half = net.frozen_features(&x)?;
        let wanted = match frozen {
            0 => x.clone(),
            // What the head begins with is done too.
            4 => Tensor::cat(&[outputs[3].max(2)?.max(1)?, global_avg_pool(&outputs[3])?], 1)?,
            _ => outputs[frozen - 1].clone(),
        };
        assert!(same(&half, &wanted)?);
        assert!(same(&net.forward_from(frozen, &half, Mode::Train(&rng))?, &whole)?, "{frozen} frozen");
    }
    assert!(net.forward_from(5, &x, Mode::Eval).is_err());
    Ok(())
}

#[test]
fn a_head_begins_the_same_whatever_stands_below_it() {
    let head = |params: &Params| Head::default().build(&params.root(), 512, 3).unwrap();
    let (alone, above) = (params(4), params(4));
    head(&alone);
    squeezenet(&above.root(), SqueezeNetLayers::V1_1, &BackboneConfig::default()).unwrap();
    head(&above);
    let above = bits(&above);
    assert!(bits(&alone).iter().all(|(name, values)| above[name] == *values));
    assert_eq!(alone.dtype(), DType::F32);
    assert!(matches!(alone.device(), Device::Cpu));
}
