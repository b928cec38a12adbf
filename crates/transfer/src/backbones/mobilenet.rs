//! MobileNet, second and third.

use candle_core::{Error, Result};
use taper_nn::{Activation, ParamPath};
use taper_regularize::{BatchNormConfig, DropPer, StochasticDepth};

use crate::backbones::inverted_residual::{Block, InvertedResidual, Style, conv_norm_act};
use crate::backbones::stage::stage;
use crate::backbones::staged::Layers;
use crate::{BackboneConfig, Stage, Staged};

use Activation::{HardSigmoid, HardSwish, Relu, Relu6};

/// Which MobileNet.
#[derive(Clone, Copy, Debug)]
pub struct MobileNetLayers {
    stages: [Stage; 5],
    /// Channels of the stem, and of the pointwise convolution at the end.
    ends: (usize, usize),
    /// What follows the convolutions at both ends.
    activation: Activation,
    /// Features of the hidden layer in torchvision's classifier; 0 for none.
    hidden: usize,
    blocks: &'static [Block],
    style: Style,
}

/// A block of MobileNetV2.
const fn v2(inputs: usize, expanded: usize, outputs: usize, stride: usize) -> Block {
    Block { inputs, expanded, outputs, kernel: 3, stride, squeezed: 0, activation: Relu6 }
}

/// A block of MobileNetV3, in the order of the paper's tables.
const fn v3(
    inputs: usize,
    kernel: usize,
    expanded: usize,
    outputs: usize,
    squeezed: usize,
    activation: Activation,
    stride: usize,
) -> Block {
    Block { inputs, expanded, outputs, kernel, stride, squeezed, activation }
}

const V3: Style =
    Style { place: "block", norm: BatchNormConfig { momentum: 0.01, eps: 1e-3 }, gate: (Relu, HardSigmoid) };

const V3_100: Style = Style { norm: BatchNormConfig { momentum: 0.1, eps: 1e-5 }, ..V3 };

impl MobileNetLayers {
    pub(crate) const fn stages(&self) -> [Stage; 5] {
        self.stages
    }

    /// MobileNetV2: linear bottlenecks.
    pub const V2: Self = Self {
        stages: [
            stage("stem", 16, 2, &["features.0", "features.1"]),
            stage("blocks2-3", 24, 4, &["features.2", "features.3"]),
            stage("blocks4-6", 32, 8, &["features.4", "features.5", "features.6"]),
            stage(
                "blocks7-13",
                96,
                16,
                &["features.7", "features.8", "features.9", "features.10", "features.11", "features.12", "features.13"],
            ),
            stage(
                "blocks14-17",
                1280,
                32,
                &["features.14", "features.15", "features.16", "features.17", "features.18"],
            ),
        ],
        ends: (32, 1280),
        activation: Relu6,
        hidden: 0,
        blocks: &[
            v2(32, 32, 16, 1),
            v2(16, 96, 24, 2),
            v2(24, 144, 24, 1),
            v2(24, 144, 32, 2),
            v2(32, 192, 32, 1),
            v2(32, 192, 32, 1),
            v2(32, 192, 64, 2),
            v2(64, 384, 64, 1),
            v2(64, 384, 64, 1),
            v2(64, 384, 64, 1),
            v2(64, 384, 96, 1),
            v2(96, 576, 96, 1),
            v2(96, 576, 96, 1),
            v2(96, 576, 160, 2),
            v2(160, 960, 160, 1),
            v2(160, 960, 160, 1),
            v2(160, 960, 320, 1),
        ],
        style: Style { place: "conv", norm: BatchNormConfig { momentum: 0.1, eps: 1e-5 }, gate: (Relu, HardSigmoid) },
    };
    /// MobileNetV3-Large: found by search, with gates.
    pub const V3_LARGE: Self = Self {
        stages: [
            stage("stem", 16, 2, &["features.0", "features.1"]),
            stage("blocks2-3", 24, 4, &["features.2", "features.3"]),
            stage("blocks4-6", 40, 8, &["features.4", "features.5", "features.6"]),
            stage(
                "blocks7-12",
                112,
                16,
                &["features.7", "features.8", "features.9", "features.10", "features.11", "features.12"],
            ),
            stage("blocks13-15", 960, 32, &["features.13", "features.14", "features.15", "features.16"]),
        ],
        ends: (16, 960),
        activation: HardSwish,
        hidden: 1280,
        blocks: &[
            v3(16, 3, 16, 16, 0, Relu, 1),
            v3(16, 3, 64, 24, 0, Relu, 2),
            v3(24, 3, 72, 24, 0, Relu, 1),
            v3(24, 5, 72, 40, 24, Relu, 2),
            v3(40, 5, 120, 40, 32, Relu, 1),
            v3(40, 5, 120, 40, 32, Relu, 1),
            v3(40, 3, 240, 80, 0, HardSwish, 2),
            v3(80, 3, 200, 80, 0, HardSwish, 1),
            v3(80, 3, 184, 80, 0, HardSwish, 1),
            v3(80, 3, 184, 80, 0, HardSwish, 1),
            v3(80, 3, 480, 112, 120, HardSwish, 1),
            v3(112, 3, 672, 112, 168, HardSwish, 1),
            v3(112, 5, 672, 160, 168, HardSwish, 2),
            v3(160, 5, 960, 160, 240, HardSwish, 1),
            v3(160, 5, 960, 160, 240, HardSwish, 1),
        ],
        style: V3,
    };
    /// MobileNetV3-Small.
    pub const V3_SMALL: Self = Self {
        stages: [
            stage("stem", 16, 2, &["features.0"]),
            stage("block1", 16, 4, &["features.1"]),
            stage("blocks2-3", 24, 8, &["features.2", "features.3"]),
            stage("blocks4-8", 48, 16, &["features.4", "features.5", "features.6", "features.7", "features.8"]),
            stage("blocks9-11", 576, 32, &["features.9", "features.10", "features.11", "features.12"]),
        ],
        ends: (16, 576),
        activation: HardSwish,
        hidden: 1024,
        blocks: &[
            v3(16, 3, 16, 16, 8, Relu, 2),
            v3(16, 3, 72, 24, 0, Relu, 2),
            v3(24, 3, 88, 24, 0, Relu, 1),
            v3(24, 5, 96, 40, 24, HardSwish, 2),
            v3(40, 5, 240, 40, 64, HardSwish, 1),
            v3(40, 5, 240, 40, 64, HardSwish, 1),
            v3(40, 5, 120, 48, 32, HardSwish, 1),
            v3(48, 5, 144, 48, 40, HardSwish, 1),
            v3(48, 5, 288, 96, 72, HardSwish, 2),
            v3(96, 5, 576, 96, 144, HardSwish, 1),
            v3(96, 5, 576, 96, 144, HardSwish, 1),
        ],
        style: V3,
    };

    /// [`V3_LARGE`](Self::V3_LARGE) as timm has it, `mobilenetv3_large_100`: its norms have
    /// PyTorch's epsilon and momentum.
    pub const V3_LARGE_100: Self = Self { style: V3_100, ..Self::V3_LARGE };
    /// [`V3_SMALL`](Self::V3_SMALL) as timm has it, `mobilenetv3_small_100`.
    pub const V3_SMALL_100: Self = Self { style: V3_100, ..Self::V3_SMALL };

    /// Features of the hidden layer in torchvision's classifier; 0 where it has none.
    pub(crate) const fn hidden(&self) -> usize {
        self.hidden
    }
}

/// MobileNet without its classifier: made for telephones.
///
/// ```text
/// features.0           convolution 3x3 of stride 2, norm, activation                                             stem
/// features.N.conv      V2: pointwise to more channels, depthwise, pointwise to fewer; norms, ReLU6 but at the end
/// features.N.block     V3: the same with a gate (squeeze-and-excitation) and hard swish in the later ones
/// features.N           the last: pointwise, norm, activation
/// ```
///
/// Where the shape stays, a block's input is added to its output. Parameters have torchvision's
/// names and begin as there: weights normal (He et al., fan out), biases 0. Norms of V3 have an
/// epsilon of 1e-3 and a momentum of 0.01, in timm's 1e-5 and 0.1. torchvision's classifiers are
/// [`LinearHead`](crate::LinearHead) behind dropout, and [`MlpHead`](crate::MlpHead).
///
/// # Shapes
/// Normalized pictures (N,H,W,3) of any size to (N,⌈H/32⌉,⌈W/32⌉,1280), for V3 960 and 576.
///
/// # Errors
/// When a parameter exists with another shape.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_nn::{Mode, Params};
/// use taper_tensor::Rng;
/// use taper_transfer::{Backbone, BackboneConfig, MobileNetLayers, mobilenet};
/// let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
/// let net = mobilenet(&params.root(), MobileNetLayers::V3_SMALL, &BackboneConfig::default())?;
/// let picture = Tensor::zeros((1, 64, 48, 3), DType::F32, &Device::Cpu)?;
/// assert_eq!(net.stage(0, &picture, Mode::Eval)?.dims(), [1, 32, 24, 16]);
/// # Ok::<(), candle_core::Error>(())
/// ```
///
/// # References
/// M. Sandler, A. Howard, M. Zhu, A. Zhmoginov, L.-C. Chen, *MobileNetV2: Inverted Residuals and
/// Linear Bottlenecks*, 2018. A. Howard et al., *Searching for MobileNetV3*, 2019.
pub fn mobilenet(path: &ParamPath, layers: MobileNetLayers, config: &BackboneConfig) -> Result<Staged> {
    let MobileNetLayers { stages, ends: (first, last), activation, blocks, style, .. } = layers;
    let at_end = blocks.last().map_or(first, |block| block.outputs);
    let mut blocks = blocks.iter();
    let built = stages.into_iter().map(|stage| {
        let mut built: Layers = Vec::new();
        for prefix in stage.prefixes {
            let path = path.at(prefix);
            built.push(if *prefix == "features.0" {
                conv_norm_act(&path, (config.channels, first, 3), (2, 1), style.norm, activation)?
            } else if let Some(block) = blocks.next() {
                let stays = StochasticDepth::new(1.0, DropPer::Batch, path.name()).map_err(Error::wrap)?;
                Box::new(InvertedResidual::new(&path, *block, style, stays)?)
            } else {
                conv_norm_act(&path, (at_end, last, 1), (1, 1), style.norm, activation)?
            });
        }
        Ok((stage, built))
    });
    Ok(Staged::new("MobileNet", (config.channels, 1), built.collect::<Result<_>>()?))
}
