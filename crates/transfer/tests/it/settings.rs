//! What may differ in a backbone of one name: blocks left out, random regions, an early end.

use candle_core::{DType, Device, Result, Tensor};
use taper_nn::{Mode, Params};
use taper_regularize::{DropPer, linear_survival};
use taper_tensor::Rng;
use taper_transfer::{Backbone, BackboneConfig, ResNetLayers, Staged, Stem, architecture, resnet, small_cnn};

use crate::{params, pictures};

#[test]
fn blocks_of_a_residual_network_are_left_out_at_their_rate() -> Result<()> {
    let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
    let with = |stochastic_depth, drop_per| {
        let config = BackboneConfig { stochastic_depth, drop_per, ..BackboneConfig::default() };
        resnet(&params.root(), ResNetLayers::RESNET18, Stem::Large, &config)
    };
    let net = with(0.5, DropPer::Batch)?;
    let x = Tensor::ones((2, 32, 32, 3), DType::F32, &Device::Cpu)?;
    let run = |net: &Staged, mode: Mode<'_>| (0..5).try_fold(x.clone(), |x, i| net.stage(i, &x, mode));
    let (mut dropped, steps) = ([0usize; 8], 60);
    for step in 0..steps {
        let rng = Rng::new(1).at(step);
        let grads = run(&net, Mode::Train(&rng))?.sqr()?.sum_all()?.backward()?;
        for (name, var) in params.trainables() {
            if let Some((layer, block)) =
                name.strip_prefix("layer").and_then(|n| n.strip_suffix(".conv1.weight")?.split_once('.'))
            {
                let block = 2 * (layer.parse::<usize>().unwrap() - 1) + block.parse::<usize>().unwrap();
                dropped[block] += usize::from(grads.get(&var).is_none());
            }
        }
    }
    for (block, &dropped) in dropped.iter().enumerate() {
        let p = 1.0 - linear_survival(block + 1, 8, 0.5);
        let (rate, n) = (dropped as f64 / steps as f64, steps as f64);
        assert!((rate - p).abs() < 5.0 * (p * (1.0 - p) / n).sqrt(), "block {block}: {rate} of {p}");
    }

    // Nothing dropped is the network as it is, to the bit; in testing the blocks are scaled.
    let whole = with(0.0, DropPer::Sample)?;
    let plain = resnet(&params.root(), ResNetLayers::RESNET18, Stem::Large, &BackboneConfig::default())?;
    let values = |y: Tensor| y.flatten_all()?.to_vec1::<f32>();
    let tested = values(run(&plain, Mode::Eval)?)?;
    assert_eq!(values(run(&whole, Mode::Eval)?)?, tested);
    assert_ne!(values(run(&net, Mode::Eval)?)?, tested);
    assert!(with(1.0, DropPer::Batch).is_err());
    Ok(())
}

#[test]
fn a_network_may_end_early() -> Result<()> {
    let p = params(0);
    let config = BackboneConfig { stages: 3, ..BackboneConfig::default() };
    let net = architecture("squeezenet1_1").unwrap().backbone(&p.root(), &config).unwrap();
    let names: Vec<_> = net.stages().iter().map(|stage| stage.name).collect();
    assert_eq!((names, net.channels()), (vec!["stem", "fire2-3", "fire4-5"], 256));
    assert!(p.tensors().keys().all(|name| net.stages().iter().filter(|stage| stage.owns(name)).count() == 1));
    let x = (0..3).try_fold(pictures(1, 64), |x, i| net.stage(i, &x, Mode::Eval))?;
    assert!(x.dims() == [1, 7, 7, 256] && net.stage(3, &x, Mode::Eval).is_err());
    // More stages than there are is all of them.
    let all = BackboneConfig { stages: 9, ..config };
    assert_eq!(architecture("resnet18").unwrap().backbone(&params(0).root(), &all).unwrap().stages().len(), 5);
    Ok(())
}

#[test]
fn a_small_network_pools_over_random_regions() -> Result<()> {
    let params = params(0);
    let config = BackboneConfig { fractional_pooling: 1.5, ..BackboneConfig::default() };
    let (net, plain) = (small_cnn(&params.root(), &config)?, small_cnn(&params.root(), &BackboneConfig::default())?);
    let x = Tensor::from_vec(
        (0..2 * 28 * 28 * 3).map(|i| (i as f32).sin()).collect::<Vec<_>>(),
        (2, 28, 28, 3),
        &Device::Cpu,
    )?;
    let run = |net: &Staged, mode: Mode<'_>| {
        let y = (0..3).try_fold(x.clone(), |x, i| net.stage(i, &x, mode))?;
        Ok::<_, candle_core::Error>((y.dims().to_vec(), y.flatten_all()?.to_vec1::<f32>()?))
    };
    let (root, other) = (Rng::new(1), Rng::new(2));
    let (shape, values) = run(&net, Mode::Sample(&root))?;
    assert_eq!((shape, run(&plain, Mode::Eval)?.0), (vec![2, 13, 13, 64], vec![2, 7, 7, 64]));
    assert_eq!(values, run(&net, Mode::Sample(&root))?.1);
    assert_ne!(values, run(&net, Mode::Sample(&other))?.1);
    Ok(())
}

#[test]
fn a_backbone_refuses_what_it_has_no_layers_for() {
    let build = |name, config: BackboneConfig| {
        taper_transfer::backbone(name, &params(0).root(), &config).err().map(|error| error.to_string())
    };
    let depth = |p| BackboneConfig { stochastic_depth: p, ..BackboneConfig::default() };
    let pooling = |ratio| BackboneConfig { fractional_pooling: ratio, ..BackboneConfig::default() };
    for (name, config, field) in [
        ("small_cnn", depth(0.5), "stochastic_depth must be 0"),
        ("squeezenet1_1", depth(0.5), "stochastic_depth must be 0"),
        ("resnet18", depth(1.0), "stochastic_depth must be in [0, 1)"),
        ("resnet18", pooling(1.5), "fractional_pooling must be 0"),
        ("small_cnn", pooling(1.0), "fractional_pooling must be in (1, 2]"),
        ("small_cnn", pooling(f64::NAN), "fractional_pooling must be in (1, 2]"),
    ] {
        let refused = build(name, config).unwrap_or_default();
        assert!(refused.starts_with(field), "{name}: {refused}");
    }
    assert!(build("resnet18_small", depth(0.5)).is_none() && build("small_cnn", pooling(1.5)).is_none());
}
