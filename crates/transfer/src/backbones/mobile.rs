//! Small networks of timm's, as tables of blocks: EfficientNet-Lite and MobileNetV4.

use candle_core::Result;
use taper_nn::{Activation, BatchNormConfig, ConvNormAct, Layer, ParamPath};

use crate::backbones::mobile_block::{Kind, MobileBlock, MobileStyle, conv_norm};
use crate::backbones::stage::stage;
use crate::backbones::staged::Layers;
use crate::{BackboneConfig, Stage, Staged};

/// Which network that timm makes of rows of blocks.
#[derive(Clone, Copy, Debug)]
pub struct MobileLayers {
    stages: [Stage; 5],
    /// Channels of the stem.
    stem: usize,
    /// `blocks.0` and on.
    blocks: &'static [&'static [MobileBlock]],
    /// Features of the hidden layer in timm's classifier; 0 for none.
    hidden: usize,
    style: MobileStyle,
}

/// A convolution alone.
const fn plain(kernel: usize, stride: usize, outputs: usize) -> MobileBlock {
    MobileBlock { kind: Kind::Plain { kernel }, stride, outputs }
}

/// A depthwise convolution and a pointwise one.
const fn separable(kernel: usize, stride: usize, outputs: usize) -> MobileBlock {
    MobileBlock { kind: Kind::Separable { kernel }, stride, outputs }
}

/// An inverted residual whose pointwise convolution widens sixfold.
const fn inverted(kernel: usize, stride: usize, outputs: usize) -> MobileBlock {
    MobileBlock { kind: Kind::Inverted { kernel, expansion: 6 }, stride, outputs }
}

/// A universal inverted bottleneck of stride 1, in the order of the paper's table.
const fn universal(before: usize, between: usize, expansion: usize, outputs: usize) -> MobileBlock {
    MobileBlock { kind: Kind::Universal { before, between, expansion }, stride: 1, outputs }
}

/// The same of stride 2.
const fn halving(before: usize, between: usize, expansion: usize, outputs: usize) -> MobileBlock {
    MobileBlock { stride: 2, ..universal(before, between, expansion, outputs) }
}

const LITE: MobileStyle =
    MobileStyle { activation: Activation::Relu6, norm: BatchNormConfig { momentum: 0.1, eps: 1e-5 }, same: false };

const V4: MobileStyle =
    MobileStyle { activation: Activation::Relu, norm: BatchNormConfig { momentum: 0.1, eps: 1e-5 }, same: false };

/// The stages of MobileNetV4-Conv-Small; Medium has other channels in the middle.
const V4_STAGES: [Stage; 5] = [
    stage("stem", 32, 2, &["conv_stem", "bn1"]),
    stage("blocks0", 32, 4, &["blocks.0"]),
    stage("blocks1", 64, 8, &["blocks.1"]),
    stage("blocks2", 96, 16, &["blocks.2"]),
    stage("blocks3-4", 960, 32, &["blocks.3", "blocks.4"]),
];

impl MobileLayers {
    /// EfficientNet-Lite0, timm's `efficientnet_lite0`: EfficientNet-B0 with ReLU6 and without
    /// gates, so that integers serve it.
    pub const EFFICIENTNET_LITE0: Self = Self {
        stages: [
            stage("stem", 16, 2, &["conv_stem", "bn1", "blocks.0"]),
            stage("stage2", 24, 4, &["blocks.1"]),
            stage("stage3", 40, 8, &["blocks.2"]),
            stage("stage4-5", 112, 16, &["blocks.3", "blocks.4"]),
            stage("stage6-7", 1280, 32, &["blocks.5", "blocks.6", "conv_head", "bn2"]),
        ],
        stem: 32,
        blocks: &[
            &[separable(3, 1, 16)],
            &[inverted(3, 2, 24), inverted(3, 1, 24)],
            &[inverted(5, 2, 40), inverted(5, 1, 40)],
            &[inverted(3, 2, 80), inverted(3, 1, 80), inverted(3, 1, 80)],
            &[inverted(5, 1, 112), inverted(5, 1, 112), inverted(5, 1, 112)],
            &[inverted(5, 2, 192), inverted(5, 1, 192), inverted(5, 1, 192), inverted(5, 1, 192)],
            &[inverted(3, 1, 320)],
        ],
        hidden: 0,
        style: LITE,
    };
    /// The same as its authors trained it with TensorFlow, timm's `tf_efficientnet_lite0`: zeros
    /// around a map as there, norms with an epsilon of 1e-3.
    pub const TF_EFFICIENTNET_LITE0: Self = Self {
        style: MobileStyle { norm: BatchNormConfig { momentum: 0.1, eps: 1e-3 }, same: true, ..LITE },
        ..Self::EFFICIENTNET_LITE0
    };
    /// MobileNetV4-Conv-Small.
    pub const MOBILENETV4_CONV_SMALL: Self = Self {
        stages: V4_STAGES,
        stem: 32,
        blocks: &[
            &[plain(3, 2, 32), plain(1, 1, 32)],
            &[plain(3, 2, 96), plain(1, 1, 64)],
            &[
                halving(5, 5, 3, 96),
                universal(0, 3, 2, 96),
                universal(0, 3, 2, 96),
                universal(0, 3, 2, 96),
                universal(0, 3, 2, 96),
                universal(3, 0, 4, 96),
            ],
            &[
                halving(3, 3, 6, 128),
                universal(5, 5, 4, 128),
                universal(0, 5, 4, 128),
                universal(0, 5, 3, 128),
                universal(0, 3, 4, 128),
                universal(0, 3, 4, 128),
            ],
            &[plain(1, 1, 960)],
        ],
        hidden: 1280,
        style: V4,
    };
    /// MobileNetV4-Conv-Medium.
    pub const MOBILENETV4_CONV_MEDIUM: Self = Self {
        stages: {
            let [stem, mut first, mut second, mut third, last] = V4_STAGES;
            (first.channels, second.channels, third.channels) = (48, 80, 160);
            [stem, first, second, third, last]
        },
        blocks: &[
            &[MobileBlock { kind: Kind::Fused { kernel: 3, expansion: 4 }, stride: 2, outputs: 48 }],
            &[halving(3, 5, 4, 80), universal(3, 3, 2, 80)],
            &[
                halving(3, 5, 6, 160),
                universal(3, 3, 4, 160),
                universal(3, 3, 4, 160),
                universal(3, 5, 4, 160),
                universal(3, 3, 4, 160),
                universal(3, 0, 4, 160),
                universal(0, 0, 2, 160),
                universal(3, 0, 4, 160),
            ],
            &[
                halving(5, 5, 6, 256),
                universal(5, 5, 4, 256),
                universal(3, 5, 4, 256),
                universal(3, 5, 4, 256),
                universal(0, 0, 4, 256),
                universal(3, 0, 4, 256),
                universal(3, 5, 2, 256),
                universal(5, 5, 4, 256),
                universal(0, 0, 4, 256),
                universal(0, 0, 4, 256),
                universal(5, 0, 2, 256),
            ],
            &[plain(1, 1, 960)],
        ],
        ..Self::MOBILENETV4_CONV_SMALL
    };

    /// Features of the hidden layer in timm's classifier; 0 where it has none.
    pub(crate) const fn hidden(&self) -> usize {
        self.hidden
    }

    pub(crate) const fn stages(&self) -> [Stage; 5] {
        self.stages
    }

    /// What the names of the parameters begin with.
    pub(crate) const fn beginnings(&self) -> &'static [&'static str] {
        match self.hidden {
            0 => &["conv_stem", "bn1", "blocks", "conv_head", "bn2"],
            _ => &["conv_stem", "bn1", "blocks"],
        }
    }
}

/// A small network without its classifier, by timm's names.
///
/// ```text
/// conv_stem, bn1    convolution 3x3 of stride 2, norm, activation                                        stem
/// blocks.S.B        separable:  conv_dw, bn1; conv_pw, bn2
///                   inverted:   conv_pw, bn1; conv_dw, bn2; conv_pwl, bn3
///                   fused:      conv_exp, bn1; conv_pwl, bn2
///                   universal:  dw_start; pw_exp; dw_mid; pw_proj; each with conv and bn, some left out
///                   plain:      conv, bn1
/// conv_head, bn2    EfficientNet-Lite: pointwise, norm, activation
/// ```
///
/// An activation follows each norm but that of the last convolution of a block and of `dw_start`.
/// Where the shape stays, a block's input is added to its output, and in training the block may be
/// left out ([`BackboneConfig::stochastic_depth`]). Weights begin normal (He et al., fan out).
/// timm's classifier of EfficientNet-Lite is [`LinearHead`](crate::LinearHead) by the name
/// `classifier`, that of MobileNetV4 [`NormMlpHead`](crate::NormMlpHead).
///
/// # Shapes
/// Normalized pictures (N,H,W,3) of any size to (N,⌈H/32⌉,⌈W/32⌉,1280), for MobileNetV4 960.
///
/// # Errors
/// When `stochastic_depth` is outside [0, 1), or a parameter exists with another shape.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_nn::{Mode, Params};
/// use taper_tensor::Rng;
/// use taper_transfer::{Backbone, BackboneConfig, MobileLayers, mobile};
/// let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
/// let layers = MobileLayers::TF_EFFICIENTNET_LITE0;
/// let net = mobile(&params.root(), layers, &BackboneConfig::default())?;
/// let picture = Tensor::zeros((1, 63, 48, 3), DType::F32, &Device::Cpu)?;
/// assert_eq!(net.stage(0, &picture, Mode::Eval)?.dims(), [1, 32, 24, 16]);
/// # Ok::<(), candle_core::Error>(())
/// ```
///
/// # References
/// R. Liu, *Higher accuracy on vision models with EfficientNet-Lite*, TensorFlow's blog, 2020. D.
/// Qin et al., *MobileNetV4: Universal Models for the Mobile Ecosystem*, 2024.
pub fn mobile(path: &ParamPath, layers: MobileLayers, config: &BackboneConfig) -> Result<Staged> {
    let MobileLayers { stages, stem, blocks, style, .. } = layers;
    let total = blocks.iter().map(|row| row.len()).sum();
    let (mut inputs, mut number) = (stem, 0);
    let mut rows = blocks.iter();
    let end = |names: [&str; 2], sizes, stride| -> Result<Box<dyn Layer>> {
        let conv = conv_norm(names.map(|name| path.at(name)), sizes, (stride, 1), style)?;
        Ok(Box::new(ConvNormAct(conv, style.activation)))
    };
    let mut built = |stage: Stage| {
        let mut built = Layers::new();
        for prefix in stage.prefixes {
            match *prefix {
                "conv_stem" => built.push(end(["conv_stem", "bn1"], (config.channels, stem, 3), 2)?),
                "conv_head" => built.push(end(["conv_head", "bn2"], (inputs, stage.channels, 1), 1)?),
                row if row.starts_with("blocks") => {
                    for (b, block) in rows.next().copied().unwrap_or_default().iter().enumerate() {
                        number += 1;
                        let path = path.at(row).at(b);
                        let depth = config.depth(&path, (number, total))?;
                        built.push(Box::new(block.build(&path, inputs, style, depth)?));
                        inputs = block.outputs;
                    }
                }
                // A norm, which is built with the convolution before it.
                _ => {}
            }
        }
        Ok((stage, built))
    };
    Ok(Staged::new("MobileNet", (config.channels, 1), stages.into_iter().map(&mut built).collect::<Result<_>>()?))
}
