//! What every backbone promises, whatever it is made of.

use candle_core::{DType, Device, Result, Tensor};
use taper_nn::{Layer, Mode, Params};
use taper_tensor::Rng;
use taper_transfer::{
    ARCHITECTURES, Architecture, BackboneConfig, Classifier, Head, LinearHead, Trainable, VggHeadConfig, architecture,
};

use crate::{params, pictures};

/// The parameters that torchvision and timm give each network, its classifier for 1000 classes
/// included.
const TORCHVISION: [(&str, usize); 34] = [
    ("squeezenet1_1", 1_235_496),
    ("squeezenet1_0", 1_248_424),
    ("alexnet", 61_100_840),
    ("vgg11", 132_863_336),
    ("vgg13", 133_047_848),
    ("vgg16", 138_357_544),
    ("vgg19", 143_667_240),
    ("vgg11_bn", 132_868_840),
    ("vgg13_bn", 133_053_736),
    ("vgg16_bn", 138_365_992),
    ("vgg19_bn", 143_678_248),
    ("resnet18", 11_689_512),
    ("resnet34", 21_797_672),
    ("resnet50", 25_557_032),
    ("resnet101", 44_549_160),
    ("resnet152", 60_192_808),
    ("resnext50_32x4d", 25_028_904),
    ("wide_resnet50_2", 68_883_240),
    ("mobilenet_v2", 3_504_872),
    ("mobilenet_v3_small", 2_542_856),
    ("mobilenet_v3_large", 5_483_032),
    ("mobilenetv3_small_100", 2_542_856),
    ("mobilenetv3_large_100", 5_483_032),
    ("efficientnet_b0", 5_288_548),
    ("efficientnet_v2_s", 21_458_488),
    ("tf_efficientnet_lite0", 4_652_008),
    ("efficientnet_lite0", 4_652_008),
    ("mobilenetv4_conv_small", 3_774_024),
    ("mobilenetv4_conv_medium", 9_715_512),
    ("regnet_y_400mf", 4_344_144),
    ("regnet_y_800mf", 6_432_512),
    ("regnet_y_1_6gf", 11_202_430),
    ("regnet_y_3_2gf", 19_436_338),
    ("densenet121", 7_978_856),
];

/// Those that are another network with other numbers, or larger: their sizes are counted, and the
/// other one runs.
const ALIKE: [&str; 7] = [
    "mobilenetv3_small_100",
    "mobilenetv3_large_100",
    "efficientnet_lite0",
    "mobilenetv4_conv_medium",
    "regnet_y_800mf",
    "regnet_y_1_6gf",
    "regnet_y_3_2gf",
];

/// The same of timm, for 1000 classes.
const TIMM: [(&str, usize); 11] = [
    ("convnext_atto", 3_695_520),
    ("convnext_femto", 5_217_784),
    ("convnext_pico", 9_045_672),
    ("convnext_nano", 15_593_560),
    ("convnext_tiny", 28_589_128),
    ("vit_tiny_patch16_224", 5_717_416),
    ("vit_small_patch16_224", 22_050_664),
    ("deit_tiny_patch16_224", 5_717_416),
    ("deit_small_patch16_224", 22_050_664),
    ("vit_small_patch14_dinov2", 22_441_192),
    ("vit_small_patch14_reg4_dinov2", 22_442_344),
];

/// Too many weights to draw in a test: `tests/weights.py` reads those of timm's into them.
const LARGE: [&str; 10] = [
    "convnext_small",
    "convnext_base",
    "vit_base_patch16_224",
    "deit_base_patch16_224",
    "vit_base_patch14_dinov2",
    "vit_base_patch14_reg4_dinov2",
    "vit_base_patch16_clip_224",
    "vit_base_patch16_siglip_224",
    "vit_base_patch16_siglip_256",
    "vit_base_patch32_siglip_256",
];

/// Those of timm that are small enough to be run.
const SMALL: [&str; 3] = ["convnext_atto", "vit_tiny_patch16_224", "vit_small_patch14_reg4_dinov2"];

/// Features of the hidden layers of VGG and AlexNet in these tests, for 4096.
const HIDDEN: usize = 16;

/// The parameters of a head with two hidden layers on so many numbers.
const fn grid_head(inputs: usize, hidden: usize) -> usize {
    (inputs + 1) * hidden + (hidden + 1) * hidden + (hidden + 1) * 1000
}

/// The head of torchvision's, with fewer hidden features where they would be slow, and how many
/// parameters that leaves out.
fn head(network: &Architecture) -> (Head, usize) {
    let small = |inputs| {
        (VggHeadConfig { hidden: HIDDEN, ..Default::default() }, grid_head(inputs, 4096) - grid_head(inputs, HIDDEN))
    };
    match network.head() {
        Head::Vgg(_) => {
            let (config, less) = small(512 * 49);
            (Head::Vgg(config), less)
        }
        Head::AlexNet(_) => {
            let (config, less) = small(256 * 36);
            (Head::AlexNet(config), less)
        }
        head => (head, 0),
    }
}

fn network(name: &str, classes: usize) -> (Params, Classifier, Head) {
    let (p, network) = (params(0), architecture(name).unwrap());
    let (head, _) = head(network);
    let net = network.classifier(&p, &BackboneConfig::default(), &head, classes).unwrap();
    (p, net, head)
}

/// How far the side of a map may be from the side of the picture by the stride. torchvision's
/// SqueezeNet and AlexNet do not pad every layer, DenseNet and VGG leave out what does not fill a
/// window.
fn near(name: &str, side: usize, stride: usize, out: usize) -> bool {
    match name {
        "squeezenet1_0" => out.abs_diff(side / stride) <= 3,
        name if name.starts_with("convnext") => out == side / stride,
        "squeezenet1_1" | "alexnet" | "densenet121" => out.abs_diff(side / stride) <= 1,
        name if name.starts_with("vgg") => out == side / stride,
        _ => out == side.div_ceil(stride),
    }
}

#[test]
fn every_network_has_torchvisions_parameters_each_under_one_stage_or_the_head() {
    let listed: Vec<_> = ARCHITECTURES.iter().map(|network| network.name).collect();
    let all = || TORCHVISION.into_iter().chain(TIMM);
    let others = LARGE.iter().chain(&["small_cnn", "resnet18_small", "resnet18_narrow"]).copied();
    let known: Vec<_> = all().map(|(name, _)| name).chain(others).collect();
    assert!(known.len() == listed.len() && known.iter().all(|name| listed.contains(name)));
    for (name, wanted) in all() {
        let (p, net, built) = network(name, 1000);
        let count: usize = p.trainables().iter().map(|(_, var)| var.elem_count()).sum();
        assert_eq!(count, wanted - head(architecture(name).unwrap()).1, "{name}");
        for parameter in p.tensors().keys() {
            let owners = net.backbone().stages().iter().filter(|stage| stage.owns(parameter)).count();
            let below = parameter.strip_prefix(built.prefix()).is_some_and(|rest| rest.starts_with('.'));
            assert!(owners <= 1 && (owners == 1 || below), "{name}: {parameter}");
        }
    }
}

#[test]
fn every_network_has_the_maps_of_its_list_and_a_gradient_for_each_parameter() -> Result<()> {
    let torchvision = TORCHVISION.into_iter().map(|(name, _)| name).filter(|name| !ALIKE.contains(name));
    for name in torchvision.chain(SMALL) {
        let (p, net, _) = network(name, 3);
        let stages = net.backbone().stages();
        let (vit, own) = (name.starts_with("vit"), if name.ends_with("dinov2") { 126 } else { 224 });
        for (n, h, w) in [(1, own, own), (2, 75, 67)] {
            let x = pictures(n, h).narrow(2, 0, w)?.contiguous()?;
            let tested = net.stage_outputs(&x, Mode::Eval)?;
            assert_eq!(tested.len(), stages.len());
            for (i, (stage, y)) in stages.iter().zip(&tested).enumerate() {
                let (got, oh, ow, c) = y.dims4()?;
                if vit {
                    let tokens = (h / stage.stride) * (w / stage.stride) + if own == 224 { 1 } else { 5 };
                    let last = i + 1 == stages.len();
                    assert_eq!((got, oh, ow, c), (n, 1, if last { 1 } else { tokens }, stage.channels), "{name}");
                    assert!(!y.track_op(), "{name}: a graph in testing");
                    continue;
                }
                let what = format!("{name} {} at {h}x{w}: {oh}x{ow}", stage.name);
                assert_eq!((got, c), (n, stage.channels), "{what}");
                match stage.stride {
                    0 => assert_eq!((oh, ow), (1, 1), "{what}"),
                    stride => assert!(near(name, h, stride, oh) && near(name, w, stride, ow), "{what}"),
                }
                assert!(!y.track_op(), "{what}: a graph in testing");
            }
            assert_eq!(net.backbone().channels(), tested[tested.len() - 1].dims()[3]);
        }
        let x = pictures(2, 75).narrow(2, 0, 67)?.contiguous()?;
        let y = net.forward(&x, Mode::Train(&Rng::new(1)))?;
        assert_eq!(y.dims(), [2, 3]);
        let grads = y.sqr()?.sum_all()?.backward()?;
        for Trainable { name: parameter, var, .. } in net.trainables(&p) {
            let Some(gradient) = grads.get(&var) else { panic!("{name}: {parameter} has no gradient") };
            let norm = gradient.sqr()?.sum_all()?.to_scalar::<f32>()?;
            assert!(norm.is_finite(), "{name}: {parameter}");
        }
        let x = Tensor::ones((1, 64, 64, 3), DType::F32, &Device::Cpu)?;
        assert!(!vit || net.backbone().stage(0, &x.narrow(1, 0, 9)?, Mode::Eval).is_err());
        assert!(net.backbone().stage(9, &x, Mode::Eval).is_err());
        assert!(net.backbone().stage(0, &x.narrow(3, 0, 1)?, Mode::Eval).is_err());
    }
    Ok(())
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
    let vgg16 = architecture("vgg16").unwrap();
    vgg16.classifier(&p, &BackboneConfig::default(), &vgg16.head(), 1000).unwrap();
    assert_eq!(p.tensors().values().map(Tensor::elem_count).sum::<usize>(), 138_357_544);
}

/// What was one head before is fc6, fc7 and the last layer now, of the same parameters.
#[test]
fn alexnets_stages_compute_what_its_classifier_did_as_one() -> Result<()> {
    let p = params(0);
    let network = architecture("alexnet").unwrap();
    let head = Head::AlexNet(VggHeadConfig { hidden: HIDDEN, ..Default::default() });
    let mut net = network.classifier(&p, &BackboneConfig::default(), &head, 5).unwrap();
    let x = pictures(2, 96);
    let tensors = p.tensors();
    let map = (0..3).try_fold(x.clone(), |x, i| net.backbone().stage(i, &x, Mode::Eval))?;
    let cells = taper_tensor::adaptive_avg_pool2d(&map, (6, 6))?;
    let mut h = cells.permute((0, 3, 1, 2))?.contiguous()?.flatten_from(1)?;
    for n in [1, 4, 6] {
        let [weight, bias] = ["weight", "bias"].map(|part| &tensors[&format!("classifier.{n}.{part}")]);
        h = taper_tensor::linear(&h, weight, Some(bias))?;
        h = if n < 6 { h.relu()? } else { h };
    }
    let values = |y: &Tensor| y.to_vec2::<f32>();
    assert_eq!(values(&net.forward(&x, Mode::Eval)?)?, values(&h)?);
    // However many of the three layers are called the head, the network is the same.
    for layers in [2, 3] {
        let other = network.classifier(&p, &BackboneConfig::default(), &head.with_layers(layers), 5).unwrap();
        assert_eq!(
            (values(&other.forward(&x, Mode::Eval)?)?, other.backbone().stages().len()),
            (values(&h)?, 6 - layers)
        );
    }
    // Frozen up to fc7 it is the last layer alone that is trained, and what is before is kept.
    net.freeze(5).unwrap();
    let names: Vec<String> = net.trainables(&p).into_iter().map(|trained| trained.name).collect();
    assert_eq!(names, ["classifier.6.bias", "classifier.6.weight"]);
    let kept = net.frozen_features(&x)?;
    assert_eq!(kept.dims(), [2, HIDDEN]);
    assert_eq!(values(&net.forward_from(5, &kept, Mode::Eval)?)?, values(&h)?);
    Ok(())
}

/// He et al.: the variance of a weight is 2 / (outputs · K²).
#[test]
fn weights_of_convolutions_begin_with_the_standard_deviation_of_he() -> Result<()> {
    let (p, ..) = network("resnet50", 3);
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
    let head = LinearHead::new(&p.root().at("fc"), 2, 2, 0.0).unwrap();
    let values = [("fc.weight", vec![1f32, 2.0, 0.0, -1.0]), ("fc.bias", vec![10f32, 20.0])];
    for (name, var) in p.trainables() {
        let (_, values) = values.iter().find(|(n, _)| *n == name).unwrap();
        var.set(&Tensor::from_slice(values, var.shape(), &Device::Cpu)?)?;
    }
    let map = Tensor::new(&[[[[1f32, 2.0], [3.0, 6.0]]]], &Device::Cpu)?; // means 2 and 4
    assert_eq!(head.forward(&map, Mode::Eval)?.to_vec2::<f32>()?, [[20.0, 16.0]]);
    Ok(())
}
