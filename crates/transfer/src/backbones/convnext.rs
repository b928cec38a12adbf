//! ConvNeXt.

use candle_core::{Result, Tensor};
use candle_nn::Init;
use taper_nn::{
    Activation, Conv2d, Conv2dConfig, Graph, GraphOp, Layer, LayerNorm, LayerScale, LinearConfig, Mlp, Mode, ParamPath,
    Value,
};
use taper_regularize::StochasticDepth;

use crate::backbones::branch::branch;
use crate::backbones::stage::stage;
use crate::backbones::staged::Layers;
use crate::{BackboneConfig, Stage, Staged};

/// Which ConvNeXt.
///
/// | name | [`convnext`] | parameters, classifier included |
/// |---|---|---|
/// | `ATTO` | timm's `convnext_atto` | 3.7 million |
/// | `FEMTO` | `convnext_femto` | 5.2 million |
/// | `PICO` | `convnext_pico` | 9.0 million |
/// | `NANO` | `convnext_nano` | 15.6 million |
/// | `TINY` | `convnext_tiny` | 28.6 million |
/// | `SMALL` | `convnext_small` | 50.2 million |
/// | `BASE` | `convnext_base` | 88.6 million |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvNextLayers {
    widths: [usize; 4],
    depths: [usize; 4],
    /// Whether the weights of the perceptrons are stored as convolutions of single pixels.
    convolutions: bool,
}

impl ConvNextLayers {
    /// The smallest.
    pub const ATTO: Self = Self { widths: [40, 80, 160, 320], depths: [2, 2, 6, 2], convolutions: true };
    /// 48 channels first.
    pub const FEMTO: Self = Self { widths: [48, 96, 192, 384], ..Self::ATTO };
    /// 64 channels first.
    pub const PICO: Self = Self { widths: [64, 128, 256, 512], ..Self::ATTO };
    /// 80 channels first.
    pub const NANO: Self = Self { widths: [80, 160, 320, 640], depths: [2, 2, 8, 2], ..Self::ATTO };
    /// The paper's smallest, the size of ResNet-50.
    pub const TINY: Self = Self { widths: [96, 192, 384, 768], depths: [3, 3, 9, 3], convolutions: false };
    /// With three times as many blocks in the third stage.
    pub const SMALL: Self = Self { depths: [3, 3, 27, 3], ..Self::TINY };
    /// 128 channels first.
    pub const BASE: Self = Self { widths: [128, 256, 512, 1024], ..Self::SMALL };

    pub(crate) fn stages(self) -> [Stage; 5] {
        let [a, b, c, d] = self.widths;
        [
            stage("stem", a, 4, &["stem"]),
            stage("stage1", a, 4, &["stages.0"]),
            stage("stage2", b, 8, &["stages.1"]),
            stage("stage3", c, 16, &["stages.2"]),
            stage("stage4", d, 32, &["stages.3"]),
        ]
    }
}

/// The eps of all its norms.
const EPS: f64 = 1e-6;

const NORMAL: Init = Init::Randn { mean: 0.0, stdev: 0.02 };

/// A layer norm of each pixel of a map.
struct PixelNorm(LayerNorm);

impl Layer for PixelNorm {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        self.0.forward(x, mode)
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        in_rows(graph, x, |graph, rows| self.0.graph(graph, rows))
    }
}

/// What is done to the pixels of a map as rows, and the map of the outcome.
fn in_rows(graph: &mut Graph, x: Value, f: impl FnOnce(&mut Graph, Value) -> Result<Value>) -> Result<Value> {
    let &[_, h, w] = graph.shape(x) else {
        candle_core::bail!("a map was expected; got {:?}", graph.shape(x));
    };
    let rows = graph.add(GraphOp::Rows, &[x], &[])?;
    let y = f(graph, rows)?;
    graph.add(GraphOp::Map(h, w), &[y], &[])
}

/// `x + γ · mlp(norm(depthwise(x)))`.
struct Block {
    depthwise: Conv2d,
    norm: LayerNorm,
    mlp: Mlp,
    scale: LayerScale,
    depth: StochasticDepth,
}

impl Block {
    fn new(path: &ParamPath, channels: usize, as_convolution: bool, depth: StochasticDepth) -> Result<Self> {
        let config = Conv2dConfig { padding: 3, groups: channels, init: NORMAL, ..Conv2dConfig::default() };
        let linear = LinearConfig { init: NORMAL, as_convolution, ..LinearConfig::default() };
        Ok(Self {
            depthwise: Conv2d::new(&path.at("conv_dw"), channels, channels, 7, config)?,
            norm: LayerNorm::with_eps(&path.at("norm"), channels, EPS)?,
            mlp: Mlp::new(&path.at("mlp"), (channels, 4 * channels), Activation::Gelu, linear)?,
            scale: LayerScale::new(path, channels, 1e-6)?,
            depth,
        })
    }
}

impl Layer for Block {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        let inner = || self.norm.forward(&self.depthwise.forward(x, mode)?, mode);
        let gamma = self.scale.gamma(mode);
        let whole = || self.mlp.forward_add(&inner()?, mode, Some(&gamma), x);
        branch(&self.depth, x, mode, whole, || self.mlp.forward(&inner()?, mode)?.broadcast_mul(&gamma))
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let y = self.depthwise.graph(graph, x)?;
        let f = in_rows(graph, y, |graph, rows| {
            let layers: [&dyn Layer; 3] = [&self.norm, &self.mlp, &self.scale];
            layers.into_iter().try_fold(rows, |y, layer| layer.graph(graph, y))
        })?;
        self.depth.graph(graph, (x, f))
    }
}

/// ConvNeXt without its classifier: a convolutional network with the habits of a transformer.
///
/// ```text
/// stem.{0,1}                convolution 4x4 of stride 4, layer norm                      stem
/// stages.S.downsample.{0,1} layer norm, convolution 2x2 of stride 2; none in the first
/// stages.S.blocks.B         x + gamma · fc2(GELU(fc1(norm(conv_dw(x))))), conv_dw depthwise 7x7
/// ```
///
/// Parameters have timm's names, of which torchvision's are made when a file is read; they begin as
/// there: weights normal with standard deviation 0.02, biases 0, gamma 1e-6. The norm behind the
/// last map belongs to the classifier, [`NormHead`](crate::NormHead).
///
/// # Shapes
/// Normalized pictures (N,H,W,3), H and W 32 or more, to (N,⌊H/32⌋,⌊W/32⌋,channels).
///
/// # Errors
/// When `stochastic_depth` is outside [0, 1), or a parameter exists with another shape.
///
/// # Differs from torchvision
/// What is left out in training is not made up for in training but in testing
/// ([`StochasticDepth`]).
///
/// # References
/// Z. Liu, H. Mao, C.-Y. Wu, C. Feichtenhofer, T. Darrell, S. Xie, *A ConvNet for the 2020s*, 2022.
pub fn convnext(path: &ParamPath, layers: ConvNextLayers, config: &BackboneConfig) -> Result<Staged> {
    let ConvNextLayers { widths, depths, convolutions } = layers;
    let conv = |path: &ParamPath, inputs, outputs, stride| {
        let config = Conv2dConfig { stride, init: NORMAL, ..Conv2dConfig::default() };
        Conv2d::new(path, inputs, outputs, stride, config)
    };
    let norm = |path: &ParamPath, channels| LayerNorm::with_eps(path, channels, EPS).map(PixelNorm);
    let stem = path.at("stem");
    let first = conv(&stem.at(0), config.channels, widths[0], 4)?;
    let mut built: Vec<Layers> = vec![vec![Box::new(first), Box::new(norm(&stem.at(1), widths[0])?)]];
    let (mut number, total) = (0, depths.iter().sum());
    for (i, (width, depth)) in widths.into_iter().zip(depths).enumerate() {
        let path = path.at("stages").at(i);
        let mut stage: Layers = Vec::new();
        if i > 0 {
            let (inputs, path) = (widths[i - 1], path.at("downsample"));
            stage.push(Box::new(norm(&path.at(0), inputs)?));
            stage.push(Box::new(conv(&path.at(1), inputs, width, 2)?));
        }
        for b in 0..depth {
            number += 1;
            let path = path.at("blocks").at(b);
            let depth = config.depth(&path, (number, total))?;
            stage.push(Box::new(Block::new(&path, width, convolutions, depth)?));
        }
        built.push(stage);
    }
    Ok(Staged::new("ConvNeXt", (config.channels, 32), layers.stages().into_iter().zip(built).collect()))
}
