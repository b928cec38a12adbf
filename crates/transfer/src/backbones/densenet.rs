//! DenseNet.

use candle_core::{Result, Tensor};
use candle_nn::init::DEFAULT_KAIMING_NORMAL;
use taper_nn::{
    Activation, AvgPool2d, BatchNorm, BatchNormConfig, Conv2d, Conv2dConfig, ConvNorm, ConvNormAct, Graph, GraphOp,
    Layer, MaxPool2d, Mode, ParamPath, Part, Value,
};
use taper_tensor::{Epilogue, Pool};

use crate::backbones::stage::stage;
use crate::backbones::staged::Layers;
use crate::{BackboneConfig, Stage, Staged};

/// Channels that each layer adds.
const GROWTH: usize = 32;

/// Channels between the two convolutions of a layer.
const BOTTLENECK: usize = 4 * GROWTH;

/// Layers of each of the four blocks.
const DEPTHS: [usize; 4] = [6, 12, 24, 16];

/// Channels of the stem.
const STEM: usize = 64;

pub(crate) const STAGES: [Stage; 5] = [
    stage("stem", STEM, 2, &["features.conv0", "features.norm0"]),
    stage("dense1", 256, 4, &["features.denseblock1"]),
    stage("dense2", 512, 8, &["features.transition1", "features.denseblock2"]),
    stage("dense3", 1024, 16, &["features.transition2", "features.denseblock3"]),
    stage("dense4", 1024, 32, &["features.transition3", "features.denseblock4", "features.norm5"]),
];

/// DenseNet-121 without its classifier: every layer sees the outputs of all before it in its block.
///
/// ```text
/// features.conv0, norm0                convolution 7x7, 3 -> 64, stride 2, norm, ReLU                      stem
///                                      max pool 3x3, stride 2, padding 1                                   dense1
/// features.denseblockB.denselayerL     concat(x, conv2(relu(norm2(conv1(relu(norm1(x)))))))
/// features.transitionB                 conv(relu(norm(x))) to half the channels, mean of 2x2 pixels        dense2 to dense4
/// features.norm5                       norm, ReLU
/// ```
///
/// Parameters have torchvision's names and begin as there: weights normal (He et al.).
/// torchvision's classifier is [`LinearHead`](crate::LinearHead) by the name `classifier`.
///
/// # Shapes
/// Normalized pictures (N,H,W,3), H and W 29 pixels or more, to (N,h,w,1024); 224 pixels give 7.
///
/// # Errors
/// When a parameter exists with another shape.
///
/// # References
/// G. Huang, Z. Liu, L. van der Maaten, K. Weinberger, *Densely Connected Convolutional Networks*,
/// 2017.
pub fn densenet121(path: &ParamPath, config: &BackboneConfig) -> Result<Staged> {
    let features = path.at("features");
    let stem = Conv2dConfig { stride: 2, padding: 3, ..convolution() };
    let stem = ConvNorm {
        conv: Conv2d::new(&features.at("conv0"), config.channels, STEM, 7, stem)?,
        norm: BatchNorm::new(&features.at("norm0"), STEM, BatchNormConfig::default())?,
    };
    let stem = ConvNormAct(stem, Activation::Relu);
    let mut built: Vec<Layers> = vec![vec![Box::new(stem)]];
    let mut channels = STEM;
    for (i, depth) in DEPTHS.into_iter().enumerate() {
        let mut layers: Layers = Vec::new();
        if i == 0 {
            layers.push(Box::new(MaxPool2d(Pool { kernel: (3, 3), stride: 2, padding: 1, ceil_mode: false })));
        } else {
            layers.push(Box::new(Transition::new(&features.at(format_args!("transition{i}")), channels)?));
            channels /= 2;
        }
        let block = features.at(format_args!("denseblock{}", i + 1));
        let mut dense = Vec::new();
        for number in 1..=depth {
            dense.push(DenseLayer::new(&block.at(format_args!("denselayer{number}")), channels)?);
            channels += GROWTH;
        }
        layers.push(Box::new(DenseBlock(dense)));
        built.push(layers);
    }
    if let Some(layers) = built.last_mut() {
        layers.push(Box::new(NormRelu::new(&features.at("norm5"), channels)?));
    }
    Ok(Staged::new("DenseNet", (config.channels, SMALLEST), STAGES.into_iter().zip(built).collect()))
}

/// The side of the smallest picture that the halvings leave a pixel of, pixels.
const SMALLEST: usize = 29;

/// What the convolutions have in common.
fn convolution() -> Conv2dConfig {
    Conv2dConfig { bias: false, init: DEFAULT_KAIMING_NORMAL, ..Conv2dConfig::default() }
}

/// A norm and a rectifier, in one pass.
struct NormRelu(BatchNorm);

impl NormRelu {
    fn new(path: &ParamPath, channels: usize) -> Result<Self> {
        Ok(Self(BatchNorm::new(path, channels, BatchNormConfig::default())?))
    }
}

impl Layer for NormRelu {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        self.0.forward_then(x, mode, Epilogue::Relu)
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let y = self.0.graph(graph, x)?;
        Activation::Relu.graph(graph, y)
    }
}

/// Layers that each read what came into the block and what all before them have made.
struct DenseBlock(Vec<DenseLayer>);

impl Layer for DenseBlock {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        let mut parts = vec![Part::new(x.clone(), mode)?];
        for layer in &self.0 {
            parts.push(layer.forward_part(&parts, mode)?);
        }
        Part::joined(&parts)
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        self.0.iter().try_fold(x, |x, layer| {
            let y = layer.graph(graph, x)?;
            graph.add(GraphOp::Concat, &[x, y], &[])
        })
    }
}

/// `conv2(relu(norm2(conv1(relu(norm1(x))))))`.
struct DenseLayer {
    norm1: NormRelu,
    /// The first convolution and the norm behind it.
    bottleneck: ConvNorm,
    conv2: Conv2d,
}

impl DenseLayer {
    fn new(path: &ParamPath, channels: usize) -> Result<Self> {
        let conv = Conv2d::new(&path.at("conv1"), channels, BOTTLENECK, 1, convolution())?;
        let wider = Conv2dConfig { padding: 1, ..convolution() };
        Ok(Self {
            norm1: NormRelu::new(&path.at("norm1"), channels)?,
            bottleneck: ConvNorm {
                conv,
                norm: BatchNorm::new(&path.at("norm2"), BOTTLENECK, BatchNormConfig::default())?,
            },
            conv2: Conv2d::new(&path.at("conv2"), BOTTLENECK, GROWTH, 3, wider)?,
        })
    }

    fn forward_part(&self, parts: &[Part], mode: Mode<'_>) -> Result<Part> {
        let normed = self.norm1.0.forward_parts_relu(parts, mode)?;
        self.conv2.forward_part(&self.bottleneck.forward_relu(&normed, mode)?, mode)
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let layers: [&dyn Layer; 4] = [&self.norm1, &self.bottleneck, &Activation::Relu, &self.conv2];
        layers.into_iter().try_fold(x, |y, layer| layer.graph(graph, y))
    }
}

/// What a transition ends with; a last odd row or column is left out.
const HALVES: AvgPool2d = AvgPool2d { kernel: 2 };

struct Transition {
    norm: NormRelu,
    conv: Conv2d,
}

impl Transition {
    fn new(path: &ParamPath, channels: usize) -> Result<Self> {
        let conv = Conv2d::new(&path.at("conv"), channels, channels / 2, 1, convolution())?;
        Ok(Self { norm: NormRelu::new(&path.at("norm"), channels)?, conv })
    }
}

impl Layer for Transition {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        let y = self.conv.forward(&self.norm.forward(x, mode)?, mode)?;
        HALVES.forward(&y, mode)
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let y = self.norm.graph(graph, x)?;
        let y = self.conv.graph(graph, y)?;
        HALVES.graph(graph, y)
    }
}
