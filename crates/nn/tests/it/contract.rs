//! What every layer keeps, as a table: gradients of input and parameters by finite differences in
//! float64, weights without a gradient in testing, and a graph whose shapes are those of the
//! forward pass.

use candle_core::{DType, Device, Result, Tensor, Var};
use taper_nn::{
    Activation, AdaptiveAvgPool2d, Attention, AttentionPool, AttentionPoolConfig, AvgPool2d, BatchNorm,
    BatchNormConfig, Conv2d, Conv2dConfig, ConvNorm, ConvNormAct, ConvRelu, GlobalAvgPool, GlobalMaxPool, Graph,
    GroupNorm, Layer, LayerNorm, LayerScale, Linear, LinearConfig, MaxPool2d, Mlp, Mode, ParamPath, Params, RmsNorm,
};
use taper_tensor::{Pool, Rng, relu};

use crate::common::{close, list, random};

const MAP: &[usize] = &[2, 5, 4, 6];
const FEATURES: &[usize] = &[3, 6];
const ROWS: &[usize] = &[2, 4, 6];

type Build = fn(&ParamPath) -> Box<dyn Layer>;

fn conv(path: &ParamPath, kernel: usize, config: Conv2dConfig) -> Conv2d {
    Conv2d::new(path, 6, 4, kernel, config).unwrap()
}

fn norm(path: &ParamPath) -> BatchNorm {
    BatchNorm::new(path, 4, BatchNormConfig { eps: 1e-2, ..BatchNormConfig::default() }).unwrap()
}

fn conv_norm(path: &ParamPath, bias: bool) -> ConvNorm {
    let config = Conv2dConfig { padding: 1, bias, ..Conv2dConfig::default() };
    ConvNorm { conv: conv(&path.at("conv"), 3, config), norm: norm(&path.at("norm")) }
}

/// Name, input, whether it can be written as a graph, layer.
const LAYERS: &[(&str, &[usize], bool, Build)] = &[
    ("conv", MAP, true, |p| Box::new(conv(p, 3, Conv2dConfig { stride: 2, padding: 1, ..Conv2dConfig::default() }))),
    ("conv 1x1 without a bias", MAP, true, |p| {
        Box::new(conv(p, 1, Conv2dConfig { bias: false, ..Conv2dConfig::default() }))
    }),
    ("conv in groups, dilated", MAP, true, |p| {
        Box::new(conv(p, 2, Conv2dConfig { groups: 2, dilation: 2, ..Conv2dConfig::default() }))
    }),
    ("depthwise conv", MAP, true, |p| {
        let config = Conv2dConfig { groups: 6, padding: 1, ..Conv2dConfig::default() };
        Box::new(Conv2d::new(p, 6, 6, 3, config).unwrap())
    }),
    ("conv and relu", MAP, true, |p| Box::new(ConvRelu(conv(p, 3, Conv2dConfig::default())))),
    ("linear", FEATURES, true, |p| Box::new(Linear::new(p, 6, 5, LinearConfig::default()).unwrap())),
    ("linear without a bias", FEATURES, true, |p| {
        Box::new(Linear::new(p, 6, 5, LinearConfig { bias: false, ..LinearConfig::default() }).unwrap())
    }),
    ("batch norm of maps", MAP, true, |p| Box::new(BatchNorm::new(p, 6, BatchNormConfig::default()).unwrap())),
    ("batch norm of features", FEATURES, true, |p| Box::new(BatchNorm::new(p, 6, BatchNormConfig::default()).unwrap())),
    ("layer norm", MAP, false, |p| Box::new(LayerNorm::new(p, 6).unwrap())),
    ("layer norm of rows", ROWS, true, |p| Box::new(LayerNorm::with_eps(p, 6, 1e-3).unwrap())),
    ("RMS norm", MAP, false, |p| Box::new(RmsNorm::new(p, 6, 1e-3).unwrap())),
    ("linear layer of rows", ROWS, true, |p| Box::new(Linear::new(p, 6, 5, LinearConfig::default()).unwrap())),
    ("linear layer like a convolution", ROWS, true, |p| {
        Box::new(Linear::new(p, 6, 5, LinearConfig { as_convolution: true, ..LinearConfig::default() }).unwrap())
    }),
    ("attention", ROWS, true, |p| Box::new(Attention::new(p, 6, 2, LinearConfig::default()).unwrap())),
    ("attention pool", ROWS, true, |p| {
        let (activation, linear) = (Activation::GeluTanh, LinearConfig::default());
        let config = AttentionPoolConfig { channels: 6, heads: 2, eps: 1e-6, activation, linear };
        Box::new(AttentionPool::new(p, config).unwrap())
    }),
    ("perceptron", ROWS, true, |p| Box::new(Mlp::new(p, (6, 8), Activation::Gelu, LinearConfig::default()).unwrap())),
    ("layer scale", ROWS, true, |p| Box::new(LayerScale::new(p, 6, 0.5).unwrap())),
    ("group norm", MAP, false, |p| Box::new(GroupNorm::new(p, 6, 2).unwrap())),
    ("conv and norm", MAP, true, |p| Box::new(conv_norm(p, false))),
    ("conv with a bias and norm", MAP, true, |p| Box::new(conv_norm(p, true))),
    ("conv, norm and relu", MAP, true, |p| Box::new(ConvNormAct(conv_norm(p, false), Activation::Relu))),
    ("conv, norm and silu", MAP, true, |p| Box::new(ConvNormAct(conv_norm(p, false), Activation::Silu))),
    ("max pool", MAP, true, |_| Box::new(MaxPool2d::default())),
    ("max pool over the edge", MAP, true, |_| {
        Box::new(MaxPool2d(Pool { kernel: (3, 3), stride: 2, padding: 1, ceil_mode: true }))
    }),
    ("average pool", MAP, true, |_| Box::new(AvgPool2d { kernel: 2 })),
    ("adaptive average pool", MAP, true, |_| Box::new(AdaptiveAvgPool2d { rows: 3, columns: 2 })),
    ("global average pool", MAP, true, |_| Box::new(GlobalAvgPool)),
    ("global max pool", MAP, true, |_| Box::new(GlobalMaxPool)),
    ("sigmoid", MAP, true, |_| Box::new(Activation::Sigmoid)),
    ("tanh", MAP, true, |_| Box::new(Activation::Tanh)),
    ("relu", MAP, true, |_| Box::new(Activation::Relu)),
    ("leaky relu", MAP, true, |_| Box::new(Activation::LeakyRelu(0.2))),
    ("elu", MAP, true, |_| Box::new(Activation::Elu(0.7))),
    ("gelu", MAP, true, |_| Box::new(Activation::Gelu)),
    ("gelu by the tangent", MAP, true, |_| Box::new(Activation::GeluTanh)),
    ("silu", MAP, true, |_| Box::new(Activation::Silu)),
    ("relu6", MAP, true, |_| Box::new(Activation::Relu6)),
    ("hard sigmoid", MAP, true, |_| Box::new(Activation::HardSigmoid)),
    ("hard swish", MAP, true, |_| Box::new(Activation::HardSwish)),
    ("maxout", MAP, false, |_| Box::new(Activation::Maxout(3))),
    ("layers in a row", MAP, true, |p| {
        let conv = conv_norm(&p.at(0), false);
        let last = Linear::new(&p.at(1), 4, 3, LinearConfig::default()).unwrap();
        let layers: Vec<Box<dyn Layer>> =
            vec![Box::new(ConvNormAct(conv, Activation::Silu)), Box::new(GlobalAvgPool), Box::new(last)];
        Box::new(layers)
    }),
];

/// A layer, its parameters away from where they begin, and an input.
fn built(shape: &[usize], build: Build) -> Result<(Box<dyn Layer>, Params, Var)> {
    let (params, mut rng) = (Params::new(Rng::new(0), DType::F64, Device::Cpu), Rng::new(7));
    let layer = build(&params.root());
    for (_, var) in params.trainables() {
        var.set(&random(var.dims(), &mut rng))?;
    }
    Ok((layer, params, Var::from_tensor(&random(shape, &mut rng))?))
}

#[test]
fn gradients_agree_with_finite_differences() -> Result<()> {
    const H: f64 = 1e-5;
    let rng = Rng::new(1);
    for &(name, shape, _, build) in LAYERS {
        let (layer, params, x) = built(shape, build)?;
        let train = Mode::Train(&rng);
        let weights = random(layer.forward(&x, train)?.dims(), &mut Rng::new(9));
        let loss = || layer.forward(&x, train)?.mul(&weights)?.sum_all();
        let grads = loss()?.backward()?;
        let inputs = [("the input".to_owned(), x.clone())];
        for (what, var) in inputs.into_iter().chain(params.trainables()) {
            let before = var.as_detached_tensor().copy()?;
            let (values, got) = (list(&before), list(grads.get(&var).unwrap()));
            for (i, got) in got.into_iter().enumerate() {
                let moved = |step: f64| -> Result<f64> {
                    let mut values = values.clone();
                    values[i] += step;
                    var.set(&Tensor::from_vec(values, before.shape(), &Device::Cpu)?)?;
                    loss()?.to_scalar()
                };
                let wanted = (moved(H)? - moved(-H)?) / (2.0 * H);
                let near = (got - wanted).abs() <= 1e-6 * got.abs().max(1.0);
                assert!(near, "{name}: element {i} of the gradient of {what} is {got}, not {wanted}");
            }
            var.set(&before)?;
        }
    }
    Ok(())
}

#[test]
fn in_testing_weights_have_no_gradient_and_parameters_stay_to_the_bit() -> Result<()> {
    for &(name, shape, _, build) in LAYERS {
        let (layer, params, x) = built(shape, build)?;
        let all = || params.tensors().values().map(list).collect::<Vec<_>>();
        let before = all();
        let grads = layer.forward(&x, Mode::Eval)?.sum_all()?.backward()?;
        assert!(grads.get(&x).is_some(), "{name}");
        assert!(params.trainables().iter().all(|(_, var)| grads.get(var).is_none()), "{name}");
        assert_eq!(all(), before, "{name}");
        let noisy = layer.forward(&x, Mode::Sample(&Rng::new(3)))?;
        assert_eq!(list(&noisy), list(&layer.forward(&x, Mode::Eval)?), "{name}: nothing here draws noise");
    }
    Ok(())
}

#[test]
fn the_graph_has_the_shapes_of_the_forward_pass() -> Result<()> {
    for &(name, shape, written, build) in LAYERS {
        let (layer, params, x) = built(shape, build)?;
        let y = layer.forward(&x, Mode::Eval)?;
        let (mut graph, picture) = match *shape {
            [_, h, w, c] => Graph::new(&params, [c, h, w]),
            [_, rows, c] => Graph::new(&params, [c, rows, 1]),
            _ => Graph::new(&params, [shape[1], 1, 1]),
        };
        let x = match shape.len() {
            2 => graph.add(taper_nn::GraphOp::Flatten, &[picture], &[])?,
            3 => graph.add(taper_nn::GraphOp::Rows, &[picture], &[])?,
            _ => picture,
        };
        match layer.graph(&mut graph, x) {
            Ok(last) if written => {
                let mut wanted = y.dims()[1..].to_vec();
                if y.rank() != 3 {
                    wanted.rotate_right(1); // channels first
                }
                assert_eq!(graph.shape(last), wanted, "{name}");
            }
            Err(error) if !written => {
                let said = error.to_string();
                assert!(said.contains("operation by operation") || said.contains("does not take"), "{name}: {said}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    Ok(())
}

#[test]
fn layers_computed_as_one_are_those_computed_apart() -> Result<()> {
    let rng = Rng::new(2);
    for bias in [false, true] {
        let params = Params::new(Rng::new(0), DType::F64, Device::Cpu);
        let both = conv_norm(&params.root(), bias);
        let x = random(MAP, &mut Rng::new(5));
        for mode in [Mode::Train(&rng), Mode::Eval] {
            let apart = both.norm.forward(&both.conv.forward(&x, mode)?, mode)?;
            let residual = random(apart.dims(), &mut Rng::new(6));
            close(&both.forward(&x, mode)?, &apart, 1e-12, "conv and norm");
            close(&both.forward_relu(&x, mode)?, &relu(&apart)?, 1e-12, "and relu");
            let wanted = relu(&(&apart + &residual)?)?;
            close(&both.forward_add_relu(&x, &residual, mode)?, &wanted, 1e-12, "and a residual");
            let conv = both.conv.forward(&x, mode)?;
            close(&both.conv.forward_relu(&x, mode)?, &relu(&conv)?, 1e-12, "conv and relu");
        }
    }
    Ok(())
}
