//! EfficientNet, first and second.

use candle_core::Result;
use taper_nn::{Activation, BatchNormConfig, ParamPath};
use taper_regularize::StochasticDepth;

use crate::backbones::inverted_residual::{Block, InvertedResidual, Style, conv_norm, conv_norm_act};
use crate::backbones::stage::stage;
use crate::backbones::staged::Layers;
use crate::{BackboneConfig, Stage, Staged};

use Activation::{Sigmoid, Silu};

/// Which EfficientNet.
#[derive(Clone, Copy, Debug)]
pub struct EfficientNetLayers {
    stages: [Stage; 5],
    /// Channels of the stem.
    stem: usize,
    /// `features.1` and on.
    rows: &'static [Row],
    norm: BatchNormConfig,
}

/// A row of blocks.
#[derive(Clone, Copy, Debug)]
struct Row {
    /// Whether a block widens and looks around in one convolution, and has no gate.
    fused: bool,
    /// How many times the inputs a block has inside.
    expansion: usize,
    kernel: usize,
    /// Of the first block; 1 for the others.
    stride: usize,
    outputs: usize,
    depth: usize,
}

/// A [`Row`] in one line, in the order of the paper's table.
const fn row(expansion: usize, kernel: usize, stride: usize, outputs: usize, depth: usize) -> Row {
    Row { fused: false, expansion, kernel, stride, outputs, depth }
}

/// A row of fused blocks, whose kernels are 3x3.
const fn fused(expansion: usize, stride: usize, outputs: usize, depth: usize) -> Row {
    Row { fused: true, ..row(expansion, 3, stride, outputs, depth) }
}

impl EfficientNetLayers {
    pub(crate) const fn stages(&self) -> [Stage; 5] {
        self.stages
    }

    /// EfficientNet-B0: the best of its size when it was found.
    pub const B0: Self = Self {
        stages: [
            stage("stem", 16, 2, &["features.0", "features.1"]),
            stage("stage2", 24, 4, &["features.2"]),
            stage("stage3", 40, 8, &["features.3"]),
            stage("stage4-5", 112, 16, &["features.4", "features.5"]),
            stage("stage6-7", 1280, 32, &["features.6", "features.7", "features.8"]),
        ],
        stem: 32,
        rows: &[
            row(1, 3, 1, 16, 1),
            row(6, 3, 2, 24, 2),
            row(6, 5, 2, 40, 2),
            row(6, 3, 2, 80, 3),
            row(6, 5, 1, 112, 3),
            row(6, 5, 2, 192, 4),
            row(6, 3, 1, 320, 1),
        ],
        norm: BatchNormConfig { momentum: 0.1, eps: 1e-5 },
    };
    /// EfficientNetV2-S: fused blocks at the beginning, where depthwise convolutions are slow.
    pub const V2_S: Self = Self {
        stages: [
            stage("stem", 24, 2, &["features.0", "features.1"]),
            stage("stage2", 48, 4, &["features.2"]),
            stage("stage3", 64, 8, &["features.3"]),
            stage("stage4-5", 160, 16, &["features.4", "features.5"]),
            stage("stage6-7", 1280, 32, &["features.6", "features.7"]),
        ],
        stem: 24,
        rows: &[
            fused(1, 1, 24, 2),
            fused(4, 2, 48, 4),
            fused(4, 2, 64, 4),
            row(4, 3, 2, 128, 6),
            row(6, 3, 1, 160, 9),
            row(6, 3, 2, 256, 15),
        ],
        norm: BatchNormConfig { momentum: 0.1, eps: 1e-3 },
    };

    const fn style(&self) -> Style {
        Style { place: "block", norm: self.norm, gate: (Silu, Sigmoid) }
    }
}

/// EfficientNet without its classifier.
///
/// ```text
/// features.0           convolution 3x3 of stride 2, norm, SiLU                                                 stem
/// features.S.B.block   pointwise to more channels, depthwise, gate, pointwise to fewer; norms, SiLU but at the end
///                      fused: 3x3 to more channels, pointwise to fewer; in the first row 3x3 alone
/// features.N           the last: pointwise to 1280, norm, SiLU
/// ```
///
/// Where the shape stays, a block's input is added to its output, and in training the block may be
/// left out ([`BackboneConfig::stochastic_depth`], torchvision's is 0.2). Parameters have
/// torchvision's names and begin as there: weights normal (He et al., fan out), biases 0.
/// torchvision's classifier is [`LinearHead`](crate::LinearHead) behind dropout.
///
/// # Shapes
/// Normalized pictures (N,H,W,3) of any size to (N,⌈H/32⌉,⌈W/32⌉,1280).
///
/// # Errors
/// When `stochastic_depth` is outside [0, 1), or a parameter exists with another shape.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_nn::{Mode, Params};
/// use taper_tensor::Rng;
/// use taper_transfer::{Backbone, BackboneConfig, EfficientNetLayers, efficientnet};
/// let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
/// let net = efficientnet(&params.root(), EfficientNetLayers::B0, &BackboneConfig::default())?;
/// let picture = Tensor::zeros((1, 64, 48, 3), DType::F32, &Device::Cpu)?;
/// assert_eq!(net.stage(0, &picture, Mode::Eval)?.dims(), [1, 32, 24, 16]);
/// # Ok::<(), candle_core::Error>(())
/// ```
///
/// # References
/// M. Tan, Q. Le, *EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks*, 2019;
/// *EfficientNetV2: Smaller Models and Faster Training*, 2021.
pub fn efficientnet(path: &ParamPath, layers: EfficientNetLayers, config: &BackboneConfig) -> Result<Staged> {
    let EfficientNetLayers { stages, stem, rows, norm } = layers;
    let total = rows.iter().map(|row| row.depth).sum();
    let (mut inputs, mut number) = (stem, 0);
    let mut rows = rows.iter();
    let mut built = |stage: Stage| {
        let mut built: Layers = Vec::new();
        for prefix in stage.prefixes {
            let path = path.at(prefix);
            if *prefix == "features.0" {
                built.push(conv_norm_act(&path, (config.channels, stem, 3), (2, 1), norm, Silu)?);
            } else if let Some(row) = rows.next() {
                for b in 0..row.depth {
                    number += 1;
                    let stride = if b == 0 { row.stride } else { 1 };
                    let path = path.at(b);
                    let depth = config.depth(&path, (number, total))?;
                    let layer = block(&path, Row { stride, ..*row }, inputs, layers.style(), depth)?;
                    built.push(Box::new(layer));
                    inputs = row.outputs;
                }
            } else {
                built.push(conv_norm_act(&path, (inputs, stage.channels, 1), (1, 1), norm, Silu)?);
            }
        }
        Ok((stage, built))
    };
    Ok(Staged::new("EfficientNet", (config.channels, 1), stages.into_iter().map(&mut built).collect::<Result<_>>()?))
}

/// A block of this row.
fn block(path: &ParamPath, row: Row, inputs: usize, style: Style, depth: StochasticDepth) -> Result<InvertedResidual> {
    let Row { fused, expansion, kernel, stride, outputs, .. } = row;
    let expanded = expansion * inputs;
    if !fused {
        let block = Block { inputs, expanded, outputs, kernel, stride, squeezed: inputs / 4, activation: Silu };
        return InvertedResidual::new(path, block, style, depth);
    }
    let below = path.at(style.place);
    let inside = if expansion == 1 { outputs } else { expanded };
    let mut layers: Layers =
        vec![conv_norm_act(&below.at(0), (inputs, inside, kernel), (stride, 1), style.norm, Silu)?];
    if expansion > 1 {
        layers.push(Box::new(conv_norm(&below.at(1), (inside, outputs, 1), (1, 1), style.norm)?));
    }
    Ok(InvertedResidual::of(layers, (stride == 1 && inputs == outputs).then_some(depth)))
}
