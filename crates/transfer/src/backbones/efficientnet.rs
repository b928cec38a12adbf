//! EfficientNet.

use candle_core::{Error, Result};
use taper_nn::{Activation, ParamPath};
use taper_regularize::{BatchNormConfig, StochasticDepth, linear_survival};

use crate::backbones::inverted_residual::{Block, InvertedResidual, Style, conv_norm_act};
use crate::backbones::stage::stage;
use crate::backbones::staged::Layers;
use crate::{BackboneConfig, Stage, Staged};

use Activation::{Sigmoid, Silu};

const STAGES: [Stage; 5] = [
    stage("stem", 16, 2, &["features.0", "features.1"]),
    stage("stage2", 24, 4, &["features.2"]),
    stage("stage3", 40, 8, &["features.3"]),
    stage("stage4-5", 112, 16, &["features.4", "features.5"]),
    stage("stage6-7", 1280, 32, &["features.6", "features.7", "features.8"]),
];

/// A row of blocks.
struct Row {
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
    Row { expansion, kernel, stride, outputs, depth }
}

/// `features.1` to `features.7`.
const ROWS: [Row; 7] = [
    row(1, 3, 1, 16, 1),
    row(6, 3, 2, 24, 2),
    row(6, 5, 2, 40, 2),
    row(6, 3, 2, 80, 3),
    row(6, 5, 1, 112, 3),
    row(6, 5, 2, 192, 4),
    row(6, 3, 1, 320, 1),
];

const STYLE: Style =
    Style { place: "block", norm: BatchNormConfig { momentum: 0.1, eps: 1e-5 }, gate: (Silu, Sigmoid) };

/// EfficientNet-B0 without its classifier: the best of its size when it was found.
///
/// ```text
/// features.0           convolution 3x3 of stride 2, norm, SiLU                                                 stem
/// features.S.B.block   pointwise to more channels, depthwise, gate, pointwise to fewer; norms, SiLU but at the end
/// features.8           pointwise to 1280, norm, SiLU
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
/// # References
/// M. Tan, Q. Le, *EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks*, 2019.
pub fn efficientnet_b0(path: &ParamPath, config: &BackboneConfig) -> Result<Staged> {
    let (survival, per) = (1.0 - config.stochastic_depth, config.drop_per);
    let total = ROWS.iter().map(|row| row.depth).sum();
    let (mut inputs, mut number) = (32, 0);
    let mut rows = ROWS.iter();
    let mut built = |stage: Stage| {
        let mut built: Layers = Vec::new();
        for prefix in stage.prefixes {
            let path = path.at(prefix);
            if *prefix == "features.0" {
                built.push(conv_norm_act(&path, (config.channels, inputs, 3), (2, 1), STYLE.norm, Silu)?);
            } else if let Some(&Row { expansion, kernel, stride, outputs, depth }) = rows.next() {
                for b in 0..depth {
                    number += 1;
                    let (inputs, stride) = (std::mem::replace(&mut inputs, outputs), if b == 0 { stride } else { 1 });
                    let (expanded, squeezed, activation) = (expansion * inputs, inputs / 4, Silu);
                    let block = Block { inputs, expanded, outputs, kernel, stride, squeezed, activation };
                    let path = path.at(b);
                    let stays = linear_survival(number, total, survival);
                    let depth = StochasticDepth::new(stays, per, path.name()).map_err(Error::wrap)?;
                    built.push(Box::new(InvertedResidual::new(&path, block, STYLE, depth)?));
                }
            } else {
                built.push(conv_norm_act(&path, (inputs, stage.channels, 1), (1, 1), STYLE.norm, Silu)?);
            }
        }
        Ok((stage, built))
    };
    Ok(Staged::new("EfficientNet", (config.channels, 1), STAGES.into_iter().map(&mut built).collect::<Result<_>>()?))
}
