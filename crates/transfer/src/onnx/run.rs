//! Runs an ONNX file by what its bytes say, one operation at a time: what the tests hold the
//! written files to.

use std::collections::HashMap;

use candle_core::{D, DType, Device, Result, Tensor};
use prost::Message;
use taper_nn::{Layer, Mode, Params};
use taper_regularize::DropPer;
use taper_tensor::{Conv, Pool, Rng, layer_norm, nchw};

use super::{OnnxConfig, OnnxWeights, onnx, proto};
use crate::{
    BackboneConfig, Classifier, ConcatPoolHeadConfig, Head, MlpHeadConfig, VggHeadConfig, VitLayers, architecture,
    vision_transformer,
};

fn attribute<'a>(node: &'a proto::Node, name: &str) -> Option<&'a proto::Attribute> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}

fn sizes(node: &proto::Node, name: &str) -> Vec<usize> {
    let attribute = attribute(node, name).unwrap();
    assert_eq!(attribute.kind, 7);
    attribute.ints.iter().map(|&i| usize::try_from(i).unwrap()).collect()
}

fn number(node: &proto::Node, name: &str) -> f64 {
    let attribute = attribute(node, name).unwrap();
    match attribute.kind {
        1 => f64::from(attribute.f),
        2 => attribute.i as f64,
        kind => panic!("an attribute of kind {kind}"),
    }
}

/// The largest or the mean of each window of a map that is continued by `beyond` as `pads` say.
fn pool(node: &proto::Node, x: &Tensor) -> Result<Tensor> {
    let (kernel, strides) = (sizes(node, "kernel_shape"), sizes(node, "strides"));
    if node.op_type == "AveragePool" {
        return x.avg_pool2d_with_stride((kernel[0], kernel[1]), (strides[0], strides[1]));
    }
    let pads = sizes(node, "pads");
    let mut x = x.clone();
    for (axis, at, behind) in [(2, 0, false), (3, 1, false), (2, 2, true), (3, 3, true)] {
        let mut shape = x.dims().to_vec();
        shape[axis] = pads[at];
        if pads[at] > 0 {
            let edge = Tensor::full(f32::NEG_INFINITY, shape, &Device::Cpu)?;
            x = if behind { Tensor::cat(&[&x, &edge], axis)? } else { Tensor::cat(&[&edge, &x], axis)? };
        }
    }
    let stride = strides[0];
    nchw::max_pool2d(&x, Pool { kernel: (kernel[0], kernel[1]), stride, padding: 0, ceil_mode: false })
}

fn whole(x: &Tensor) -> Result<Vec<i64>> {
    x.to_vec1()
}

fn operation(node: &proto::Node, x: &[Tensor]) -> Result<Tensor> {
    let each = |f: fn(f32) -> f32| {
        let values: Vec<f32> = x[0].flatten_all()?.to_vec1::<f32>()?.into_iter().map(f).collect();
        Tensor::from_vec(values, x[0].shape(), &Device::Cpu)
    };
    match node.op_type.as_str() {
        "Conv" => {
            let (stride, pads, dilation) = (sizes(node, "strides"), sizes(node, "pads"), sizes(node, "dilations"));
            assert!(stride[0] == stride[1] && dilation[0] == dilation[1]);
            let groups = number(node, "group") as usize;
            let conv = Conv { stride: stride[0], dilation: dilation[0], groups, ..Conv::default() };
            let padded = x[0].pad_with_zeros(2, pads[0], pads[2])?.pad_with_zeros(3, pads[1], pads[3])?;
            nchw::conv2d(&padded, &x[1], x.get(2), conv)
        }
        "BatchNormalization" => {
            let shape: Vec<usize> =
                (0..x[0].rank()).map(|axis| if axis == 1 { x[1].elem_count() } else { 1 }).collect();
            let wide = |t: &Tensor| t.reshape(shape.clone());
            let deviation = (wide(&x[4])? + number(node, "epsilon"))?.sqrt()?;
            let normed = x[0].broadcast_sub(&wide(&x[3])?)?.broadcast_div(&deviation)?;
            normed.broadcast_mul(&wide(&x[1])?)?.broadcast_add(&wide(&x[2])?)
        }
        "DequantizeLinear" => {
            assert_eq!(number(node, "axis"), 0.0);
            let shape: Vec<usize> =
                (0..x[0].rank()).map(|axis| if axis == 0 { x[1].elem_count() } else { 1 }).collect();
            x[0].broadcast_mul(&x[1].reshape(shape)?)
        }
        "Relu" => each(|x| x.max(0.0)),
        "Sigmoid" => each(|x| 1.0 / (1.0 + (-x).exp())),
        "HardSwish" => each(|x| x * (x / 6.0 + 0.5).clamp(0.0, 1.0)),
        "HardSigmoid" => {
            let (alpha, beta) = (number(node, "alpha"), number(node, "beta"));
            ((&x[0] * alpha)? + beta)?.clamp(0f32, 1f32)
        }
        "Clip" => x[0].clamp(x[1].to_scalar::<f32>()?, x[2].to_scalar::<f32>()?),
        "MaxPool" | "AveragePool" => pool(node, &x[0]),
        "GlobalAveragePool" => x[0].mean_keepdim((2, 3)),
        "GlobalMaxPool" => x[0].max_keepdim(3)?.max_keepdim(2),
        "Concat" => Tensor::cat(x, number(node, "axis") as usize),
        "Add" => x[0].broadcast_add(&x[1]),
        "Mul" => x[0].broadcast_mul(&x[1]),
        "MatMul" => x[0].contiguous()?.broadcast_matmul(&x[1].contiguous()?),
        "Transpose" => x[0].permute(sizes(node, "perm")),
        "Reshape" => {
            let sides = whole(&x[1])?;
            let known = |(axis, side): (usize, &i64)| if *side == 0 { x[0].dims()[axis] } else { *side as usize };
            let open = sides.iter().position(|side| *side == -1);
            let mut shape: Vec<usize> =
                sides.iter().enumerate().map(|side| if *side.1 == -1 { 1 } else { known(side) }).collect();
            if let Some(open) = open {
                shape[open] = x[0].elem_count() / shape.iter().product::<usize>();
            }
            x[0].reshape(shape)
        }
        "Pad" => x[0].pad_with_zeros(1, whole(&x[1])?[1] as usize, 0),
        "Slice" => {
            let (from, to) = (whole(&x[1])?[0] as usize, whole(&x[2])?[0] as usize);
            x[0].narrow(whole(&x[3])?[0] as usize, from, to - from)
        }
        "Gather" => x[0].get_on_dim(number(node, "axis") as usize, x[1].to_scalar::<i64>()? as usize),
        "Tanh" => x[0].tanh(),
        "Erf" => x[0].erf(),
        "LayerNormalization" => layer_norm(&x[0].contiguous()?, &x[1], &x[2], number(node, "epsilon")),
        "Softmax" => candle_nn::ops::softmax(&x[0], number(node, "axis") as usize),
        "Flatten" => x[0].flatten_from(number(node, "axis") as usize),
        "Gemm" => {
            assert_eq!(number(node, "transB"), 1.0);
            let y = x[0].matmul(&x[1].t()?)?;
            x.get(2).map_or_else(|| Ok(y.clone()), |bias| y.broadcast_add(bias))
        }
        other => panic!("{other} is not an operation that is exported"),
    }
}

/// The logits of pixels (N,3,H,W).
fn run(bytes: &[u8], pixels: &Tensor) -> Result<Tensor> {
    let file = proto::Model::decode(bytes).unwrap();
    assert_eq!((file.ir_version, file.opset_import[0].version), (8, 17));
    let graph = file.graph.unwrap();
    let mut values = HashMap::from([(graph.input[0].name.clone(), pixels.clone())]);
    for constant in &graph.initializer {
        let shape: Vec<usize> = constant.dims.iter().map(|&side| side as usize).collect();
        let numbers: usize = shape.iter().product();
        let tensor = match (constant.data_type, constant.raw_data.len()) {
            (1, bytes) if bytes == 4 * numbers => {
                Tensor::from_raw_buffer(&constant.raw_data, DType::F32, &shape, &Device::Cpu)?
            }
            (3, bytes) if bytes == numbers => {
                let values: Vec<f32> = constant.raw_data.iter().map(|byte| f32::from(byte.cast_signed())).collect();
                Tensor::from_vec(values, shape, &Device::Cpu)?
            }
            (7, bytes) if bytes == 8 * numbers => {
                Tensor::from_raw_buffer(&constant.raw_data, DType::I64, &shape, &Device::Cpu)?
            }
            other => panic!("{}: {other:?}", constant.name),
        };
        assert!(values.insert(constant.name.clone(), tensor).is_none(), "{} twice", constant.name);
    }
    for node in &graph.node {
        let inputs: Vec<Tensor> = node.input.iter().map(|name| values[name].clone()).collect();
        let y = operation(node, &inputs)?;
        assert!(values.insert(node.output[0].clone(), y).is_none(), "{} twice", node.output[0]);
    }
    let [input, output] = [&graph.input[0], &graph.output[0]].map(|end| {
        let shape = end.kind.clone().unwrap().tensor.unwrap().shape.unwrap();
        shape.dim.iter().map(|side| side.size.map(|side| side as usize)).collect::<Vec<_>>()
    });
    let logits = &values[&graph.output[0].name];
    assert_eq!(input[1..], pixels.dims()[1..].iter().map(|&side| Some(side)).collect::<Vec<_>>());
    assert_eq!(output, [None, Some(logits.dim(D::Minus1)?)]);
    Ok(logits.clone())
}

/// SigLIP's image towers, narrower than there are weights for.
fn narrow(name: &str) -> Option<VitLayers> {
    match name {
        "siglip_patch16" => Some(VitLayers::SIGLIP_BASE.with_width(48, 3)),
        "siglip_patch32" => Some(VitLayers::SIGLIP_BASE_PATCH32.with_width(48, 3)),
        _ => None,
    }
}

/// A network all of whose numbers are others than the first ones.
fn network(name: &str, config: BackboneConfig, head: Head) -> Result<(Classifier, Params)> {
    let params = Params::new(Rng::new(5), DType::F32, Device::Cpu);
    let net = match narrow(name) {
        Some(layers) => {
            let backbone = vision_transformer(&params.root(), layers, &config)?;
            Classifier::new(Box::new(backbone), head.build(&params.root(), 48, 7).unwrap())
        }
        None => architecture(name).unwrap().classifier(&params, &config, &head, 7).unwrap(),
    };
    let mut rng = Rng::new(6);
    for (_, var) in params.trainables().into_iter().chain(params.buffers()) {
        // Those that would leave an error unseen: biases of 0, norms that do nothing.
        if var.rank() == 1 {
            let noise: Vec<f32> = (0..var.elem_count()).map(|_| rng.uniform(0.0, 0.2) as f32).collect();
            var.set(&(var.as_detached_tensor() + Tensor::from_vec(noise, var.shape(), &Device::Cpu)?)?)?;
        }
    }
    Ok((net, params))
}

#[test]
fn every_family_is_written_as_it_computes() -> Result<()> {
    let plain = BackboneConfig::default();
    let (vgg, mlp) = (VggHeadConfig { hidden: 16, ..Default::default() }, MlpHeadConfig { hidden: 16, dropout: 0.5 });
    let deep = BackboneConfig { stochastic_depth: 0.4, drop_per: DropPer::Batch, ..plain };
    let concat = Head::ConcatPool(ConcatPoolHeadConfig { hidden: 16, ..Default::default() });
    for (name, config, head, size) in [
        ("squeezenet1_1", plain, architecture("squeezenet1_1").unwrap().head(), 65),
        ("squeezenet1_0", plain, concat, 64),
        ("squeezenet1_1", BackboneConfig { stages: 3, ..plain }, concat, 70),
        ("alexnet", plain, Head::AlexNet(vgg), 96),
        ("vgg11", plain, Head::Vgg(vgg), 70),
        ("vgg11", plain, Head::Vgg(vgg).with_layers(3), 64),
        ("vgg11", plain, Head::Vgg(vgg), 224),
        ("alexnet", BackboneConfig { stages: 4, ..plain }, concat, 64),
        ("alexnet", BackboneConfig { stages: 5, ..plain }, Head::Linear, 64),
        ("vgg13_bn", plain, Head::Mlp(mlp), 64),
        ("resnet18", deep, Head::Linear, 67),
        ("resnext50_32x4d", plain, concat, 64),
        ("mobilenet_v2", plain, Head::Dropout(Default::default()), 64),
        ("mobilenet_v3_small", plain, Head::MobileNetV3(mlp), 75),
        ("efficientnet_b0", deep, Head::Linear, 64),
        ("densenet121", plain, Head::Classifier, 75),
        ("tf_efficientnet_lite0", plain, Head::Classifier, 75),
        ("mobilenetv4_conv_small", deep, Head::MobileNetV4(mlp), 67),
        ("regnet_y_400mf", deep, Head::Linear, 64),
        ("efficientnet_v2_s", plain, Head::Linear, 33),
        ("small_cnn", plain, Head::Linear, 28),
        ("convnext_atto", deep, Head::ConvNext, 70),
        ("convnext_atto", BackboneConfig { stages: 2, ..plain }, concat, 64),
        ("vit_tiny_patch16_224", deep, Head::VisionTransformer, 70),
        ("vit_tiny_patch16_224", BackboneConfig { stages: 2, ..plain }, concat, 48),
        ("vit_small_patch14_reg4_dinov2", BackboneConfig { stages: 2, ..plain }, Head::Linear, 64),
        ("siglip_patch16", deep, Head::VisionTransformer, 70),
        ("siglip_patch32", plain, concat, 75),
    ] {
        let (net, params) = network(name, config, head)?;
        let values: Vec<f32> = (0..2 * size * size * 3).map(|i| ((i * i % 977) as f32 * 0.013).sin()).collect();
        let pictures = Tensor::from_vec(values, (2, size, size, 3), &Device::Cpu)?;
        let wanted = Layer::forward(&net, &pictures, Mode::Eval)?;
        let config = OnnxConfig { size, weights: OnnxWeights::Float32, about: &[("classes", "a\nb")] };
        let bytes = onnx(&net, &params, config).unwrap();
        let got = run(&bytes, &nchw::to_nchw(&pictures)?)?;
        let scale = wanted.abs()?.max_all()?.to_scalar::<f32>()?;
        let error = (got - &wanted)?.abs()?.max_all()?.to_scalar::<f32>()?;
        assert!(scale > 1e-3 && error <= 1e-5 * scale, "{name} at {size}: error {error} of {scale}");
        let file = proto::Model::decode(&*bytes).unwrap();
        assert_eq!((&*file.metadata_props[0].key, &*file.metadata_props[0].value), ("classes", "a\nb"));
        let own = params.tensors();
        let kept = file.graph.unwrap().initializer;
        // Class token, registers and positions are one constant, for pictures of this size, and the
        // query of a pool is one, too.
        let tokens = ["cls_token", "reg_token", "pos_embed", "attn_pool.latent"];
        for (name, tensor) in own.iter().filter(|(name, _)| !tokens.contains(&name.as_str())) {
            let constant = kept.iter().find(|constant| constant.name == *name).unwrap();
            assert_eq!(constant.dims, tensor.dims().iter().map(|&side| side as i64).collect::<Vec<_>>());
        }
    }
    Ok(())
}

#[test]
fn weights_in_integers_are_near_those_in_floats() -> Result<()> {
    for name in ["resnet18", "mobilenet_v2", "squeezenet1_1"] {
        let (net, params) = network(name, BackboneConfig::default(), Head::Linear)?;
        let pixels: Vec<f32> = (0..64 * 64 * 3).map(|i| ((i * i % 977) as f32 * 0.013).sin()).collect();
        let pixels = Tensor::from_vec(pixels, (1, 3, 64, 64), &Device::Cpu)?;
        let written = |weights| onnx(&net, &params, OnnxConfig { size: 64, weights, about: &[] }).unwrap();
        let [whole, rounded] = [OnnxWeights::Float32, OnnxWeights::Int8].map(written);
        assert!(rounded.len() * 7 < whole.len() * 2, "{name}: {} of {}", rounded.len(), whole.len());
        let (right, got) = (run(&whole, &pixels)?, run(&rounded, &pixels)?);
        let norm = |x: &Tensor| -> Result<f32> { x.sqr()?.sum_all()?.sqrt()?.to_scalar::<f32>() };
        let error = norm(&(got - &right)?)? / norm(&right)?;
        assert!(error > 0.0 && error < 0.05, "{name}: {error}");
    }
    Ok(())
}

#[test]
fn what_draws_numbers_in_testing_is_refused() -> Result<()> {
    let config = BackboneConfig { fractional_pooling: 1.5, ..Default::default() };
    let (net, params) = network("small_cnn", config, Head::Linear)?;
    let config = OnnxConfig { size: 28, weights: OnnxWeights::Float32, about: &[] };
    let said = onnx(&net, &params, config).unwrap_err().to_string();
    assert!(said.contains("FractionalMaxPool") && said.contains("operation by operation"), "{said}");
    Ok(())
}
