//! What every backbone promises, whatever it is made of.

use candle_core::{DType, Device, Result, Tensor};
use taper_regularize::{DropPer, linear_survival};
use taper_tensor::{Layer, Mode, Params, Path, Rng};
use taper_transfer::{
    Backbone, BackboneConfig, Classifier, ConvHeadConfig, Head, LinearHead, ResNet, ResNetLayers, SmallCnn, SqueezeNet,
    Stem, Vgg, VggHeadConfig, VggLayers,
};

use crate::{params, pictures};

struct Case {
    name: &'static str,
    build: fn(&Path) -> Result<Box<dyn Backbone>>,
    /// The head of torchvision's; its hidden layers are made small where they would be slow.
    head: Head,
    /// torchvision's count, the classifier for 1000 classes included.
    parameters: usize,
}

const VGG_HEAD: VggHeadConfig = VggHeadConfig { hidden: 16, dropout: 0.5 };
/// What a classifier of `VGG_HEAD` lacks: torchvision's has 4096 hidden features.
const VGG_LACKS: usize = vgg_head(4096) - vgg_head(16);

const fn vgg_head(hidden: usize) -> usize {
    (25_088 + 1) * hidden + (hidden + 1) * hidden + (hidden + 1) * 1000
}

fn cases() -> [Case; 6] {
    let vgg = Head::Vgg(VGG_HEAD);
    [
        Case {
            name: "squeezenet1_1",
            build: |path| Ok(Box::new(SqueezeNet::new(path)?)),
            head: Head::Conv(ConvHeadConfig::default()),
            parameters: 1_235_496,
        },
        Case {
            name: "vgg11",
            build: |path| Ok(Box::new(Vgg::new(path, VggLayers::VGG11)?)),
            head: vgg,
            parameters: 132_863_336 - VGG_LACKS,
        },
        Case {
            name: "vgg16",
            build: |path| Ok(Box::new(Vgg::new(path, VggLayers::VGG16)?)),
            head: vgg,
            parameters: 138_357_544 - VGG_LACKS,
        },
        Case {
            name: "vgg16_bn",
            build: |path| Ok(Box::new(Vgg::new(path, VggLayers::VGG16_BN)?)),
            head: vgg,
            parameters: 138_365_992 - VGG_LACKS,
        },
        Case {
            name: "resnet18",
            build: |path| Ok(Box::new(ResNet::new(path, ResNetLayers::RESNET18)?)),
            head: Head::Linear,
            parameters: 11_689_512,
        },
        Case {
            name: "resnet50",
            build: |path| Ok(Box::new(ResNet::new(path, ResNetLayers::RESNET50)?)),
            head: Head::Linear,
            parameters: 25_557_032,
        },
    ]
}

fn network(case: &Case, classes: usize) -> (Params, Classifier) {
    let p = params(0);
    let backbone = (case.build)(&p.root()).unwrap();
    let head = case.head.build(&p.root(), backbone.channels(), classes).unwrap();
    (p, Classifier::new(backbone, head))
}

#[test]
fn there_are_as_many_parameters_as_in_torchvision_each_under_one_stage_or_the_head() {
    for case in cases() {
        let (p, net) = network(&case, 1000);
        let count: usize = p.trainables().iter().map(|(_, var)| var.elem_count()).sum();
        assert_eq!(count, case.parameters, "{}", case.name);
        for name in p.tensors().keys() {
            let owners = net.backbone().stages().iter().filter(|stage| stage.owns(name)).count();
            let in_head = usize::from(name.starts_with(&format!("{}.", case.head.prefix())));
            assert_eq!(owners + in_head, 1, "{}: {name}", case.name);
        }
    }
}

#[test]
fn small_pictures_have_networks_of_their_own() -> Result<()> {
    for (name, parameters, end) in
        [("small_cnn", 139_744 + 650, 7), ("resnet18_small", 11_173_962, 4), ("resnet18_narrow", 701_466, 4)]
    {
        let p = params(0);
        let backbone = taper_transfer::backbone(name, &p.root(), &BackboneConfig::default()).unwrap();
        let stages = backbone.stages().to_vec();
        let head = Head::Linear.build(&p.root(), backbone.channels(), 10).unwrap();
        let count: usize = p.trainables().iter().map(|(_, var)| var.elem_count()).sum();
        assert_eq!(count, parameters, "{name}");
        let mut x = Tensor::zeros((2, 28, 28, 3), DType::F32, &Device::Cpu)?;
        for (i, stage) in stages.iter().enumerate() {
            x = backbone.stage(i, &x, Mode::Eval)?;
            assert_eq!(x.dims(), [2, 28usize.div_ceil(stage.stride), 28usize.div_ceil(stage.stride), stage.channels]);
        }
        assert_eq!(x.dim(1)?, end, "{name}");
        assert_eq!(
            Classifier::new(backbone, head)
                .forward(&Tensor::zeros((1, 8, 8, 3), DType::F32, &Device::Cpu)?, Mode::Eval)?
                .dims(),
            [1, 10]
        );
    }
    let unknown =
        taper_transfer::backbone("small_cn", &params(0).root(), &BackboneConfig::default()).err().unwrap().to_string();
    assert!(unknown.contains("small_cnn, "), "{unknown}");
    Ok(())
}

/// The one with the 103 million weights: too many to draw in more tests than this.
#[test]
fn vgg16_as_a_whole_has_torchvisions_count() {
    let p = params(0);
    Vgg::new(&p.root(), VggLayers::VGG16).unwrap();
    Head::Vgg(VggHeadConfig::default()).build(&p.root(), 512, 1000).unwrap();
    assert_eq!(p.tensors().values().map(Tensor::elem_count).sum::<usize>(), 138_357_544);
}

/// Sides of maps: VGG's pools leave out what does not fill a window, ResNet's padding rounds up, and
/// SqueezeNet's stem has none, which costs up to a pixel.
#[test]
fn maps_have_the_channels_and_strides_of_the_list() -> Result<()> {
    for case in cases() {
        let (_, net) = network(&case, 3);
        for (h, w) in [(224, 224), (75, 51)] {
            let x = Tensor::ones((1, h, w, 3), DType::F32, &Device::Cpu)?;
            let outputs = net.stage_outputs(&x, Mode::Eval)?;
            assert_eq!(outputs.len(), net.backbone().stages().len());
            for (stage, y) in net.backbone().stages().iter().zip(&outputs) {
                let (n, oh, ow, c) = y.dims4()?;
                let what = format!("{} {} at {h}x{w}: {oh}x{ow}", case.name, stage.name);
                assert_eq!((n, c), (1, stage.channels), "{what}");
                let near = |side: usize, out: usize| match case.name {
                    "squeezenet1_1" => out.abs_diff(side / stage.stride) <= 1,
                    name if name.starts_with("vgg") => out == side / stage.stride,
                    _ => out == side.div_ceil(stage.stride),
                };
                assert!(near(h, oh) && near(w, ow), "{what}");
            }
            assert_eq!(net.backbone().channels(), outputs[outputs.len() - 1].dims()[3]);
        }
        assert!(net.backbone().stage(9, &Tensor::ones((1, 64, 64, 3), DType::F32, &Device::Cpu)?, Mode::Eval).is_err());
    }
    Ok(())
}

#[test]
fn every_trainable_gets_a_gradient() -> Result<()> {
    for case in cases() {
        let (p, net) = network(&case, 3);
        let y = net.forward(&pictures(2, 43), Mode::Train(&Rng::new(1)))?;
        assert_eq!(y.dims(), [2, 3]);
        let grads = y.sqr()?.sum_all()?.backward()?;
        for (name, var, _) in net.trainables(&p) {
            let Some(gradient) = grads.get(&var) else { panic!("{}: {name} has no gradient", case.name) };
            let norm = gradient.sqr()?.sum_all()?.to_scalar::<f32>()?;
            assert!(norm.is_finite(), "{}: {name}", case.name);
        }
    }
    Ok(())
}

#[test]
fn in_evaluation_nothing_records_a_graph() -> Result<()> {
    for case in cases() {
        let (_, net) = network(&case, 3);
        assert!(!net.forward(&pictures(1, 43), Mode::Eval)?.track_op(), "{}", case.name);
    }
    Ok(())
}

/// He et al.: the variance of a weight is 2 / (outputs · K²).
#[test]
fn weights_of_convolutions_begin_with_the_standard_deviation_of_he() -> Result<()> {
    let (p, _) = network(&cases()[5], 3);
    let tensors = p.tensors();
    for (name, fan_out) in [("layer3.0.conv2.weight", 256 * 9), ("layer4.0.downsample.0.weight", 2048)] {
        let rms = f64::from(tensors[name].sqr()?.mean_all()?.to_scalar::<f32>()?).sqrt();
        let wanted = (2.0 / fan_out as f64).sqrt();
        assert!((rms / wanted - 1.0).abs() < 0.01, "{name}: {rms}, {wanted}");
    }
    Ok(())
}

#[test]
fn the_linear_head_is_the_product_with_the_mean() -> Result<()> {
    let p = params(0);
    let head = LinearHead::new(&p.root(), 2, 2).unwrap();
    let values = [("fc.weight", vec![1f32, 2.0, 0.0, -1.0]), ("fc.bias", vec![10f32, 20.0])];
    for (name, var) in p.trainables() {
        let (_, values) = values.iter().find(|(n, _)| *n == name).unwrap();
        var.set(&Tensor::from_slice(values, var.shape(), &Device::Cpu)?)?;
    }
    let map = Tensor::new(&[[[[1f32, 2.0], [3.0, 6.0]]]], &Device::Cpu)?; // means 2 and 4
    assert_eq!(head.forward(&map, Mode::Eval)?.to_vec2::<f32>()?, [[20.0, 16.0]]);
    Ok(())
}

#[test]
fn blocks_of_a_residual_network_are_left_out_at_their_rate() -> Result<()> {
    let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
    let with = |stochastic_depth, drop_per| {
        let config = BackboneConfig { stochastic_depth, drop_per, ..BackboneConfig::default() };
        ResNet::with(&params.root(), ResNetLayers::RESNET18, Stem::Large, &config)
    };
    let net = with(0.5, DropPer::Batch)?;
    let x = Tensor::ones((2, 32, 32, 3), DType::F32, &Device::Cpu)?;
    let run = |net: &ResNet, mode: Mode<'_>| (0..5).try_fold(x.clone(), |x, i| net.stage(i, &x, mode));
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
    let plain = ResNet::new(&params.root(), ResNetLayers::RESNET18)?;
    let values = |y: Tensor| y.flatten_all()?.to_vec1::<f32>();
    let tested = values(run(&plain, Mode::Eval)?)?;
    assert_eq!(values(run(&whole, Mode::Eval)?)?, tested);
    assert_ne!(values(run(&net, Mode::Eval)?)?, tested);
    assert!(with(1.0, DropPer::Batch).is_err());
    Ok(())
}

#[test]
fn a_small_network_pools_over_random_regions() -> Result<()> {
    let params = params(0);
    let config = BackboneConfig { fractional_pooling: 1.5, ..BackboneConfig::default() };
    let (net, plain) = (SmallCnn::with(&params.root(), &config)?, SmallCnn::new(&params.root())?);
    let x = Tensor::from_vec(
        (0..2 * 28 * 28 * 3).map(|i| (i as f32).sin()).collect::<Vec<_>>(),
        (2, 28, 28, 3),
        &Device::Cpu,
    )?;
    let run = |net: &SmallCnn, mode: Mode<'_>| {
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
