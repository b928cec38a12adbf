//! ResNet, of basic blocks or of bottlenecks.

use candle_core::{Result, bail};
use taper_nn::{Activation, BatchNormConfig, Conv2dConfig, ConvNorm, ConvNormAct, Layer, MaxPool2d, ParamPath};
use taper_regularize::StochasticDepth;
use taper_tensor::Pool;

use crate::backbones::conv_norm::centered;
use crate::backbones::residual::Residual;
use crate::backbones::stage::stage;
use crate::backbones::staged::Layers;
use crate::{BackboneConfig, Stage, Staged};

/// Between the stem and the first layer.
const POOL: Pool = Pool { kernel: (3, 3), stride: 2, padding: 1, ceil_mode: false };

/// Which ResNet: what a block is made of, and how many blocks each of the four layers has.
#[derive(Clone, Copy, Debug)]
pub struct ResNetLayers {
    block: Block,
    depths: [usize; 4],
    /// Channels of the stem, and the width of the first layer.
    width: usize,
    /// Groups of a bottleneck's 3x3 convolution.
    groups: usize,
    /// By how much that convolution is wider than the block's width.
    wider: usize,
}

/// What a block is made of, for a width `w` and a stride `s`.
#[derive(Clone, Copy, Debug)]
enum Block {
    /// 3x3 to w, stride s; 3x3 to w.
    Basic,
    /// 1x1 to w; 3x3 to w, stride s; 1x1 to 4w; the first two wider in some.
    Bottleneck,
}

/// The sizes of a convolution of a block, but for its inputs.
struct Sizes {
    kernel: usize,
    outputs: usize,
    stride: usize,
    groups: usize,
}

impl Block {
    const fn outputs(self, width: usize) -> usize {
        match self {
            Block::Basic => width,
            Block::Bottleneck => 4 * width,
        }
    }
}

impl ResNetLayers {
    /// 17 convolutions and, in its classifier, a linear layer.
    pub const RESNET18: Self = Self { block: Block::Basic, depths: [2, 2, 2, 2], width: 64, groups: 1, wider: 1 };
    /// [`RESNET18`](Self::RESNET18) with a quarter of its channels: 16 to 128.
    pub const RESNET18_NARROW: Self = Self { width: 16, ..Self::RESNET18 };
    /// The depths of [`RESNET50`](Self::RESNET50) with basic blocks.
    pub const RESNET34: Self = Self { depths: [3, 4, 6, 3], ..Self::RESNET18 };
    /// 49 convolutions, in bottlenecks, and a linear layer.
    pub const RESNET50: Self = Self { block: Block::Bottleneck, ..Self::RESNET34 };
    /// 100 convolutions and a linear layer.
    pub const RESNET101: Self = Self { depths: [3, 4, 23, 3], ..Self::RESNET50 };
    /// 151 convolutions and a linear layer.
    pub const RESNET152: Self = Self { depths: [3, 8, 36, 3], ..Self::RESNET50 };
    /// ResNeXt: [`RESNET50`](Self::RESNET50) whose 3x3 convolutions are twice as wide, in 32
    /// groups.
    pub const RESNEXT50_32X4D: Self = Self { groups: 32, wider: 2, ..Self::RESNET50 };
    /// Wide ResNet: [`RESNET50`](Self::RESNET50) whose 3x3 convolutions are twice as wide.
    pub const WIDE_RESNET50_2: Self = Self { wider: 2, ..Self::RESNET50 };

    /// The convolutions of a block.
    fn convolutions(self, width: usize, stride: usize) -> Vec<Sizes> {
        let inside = self.wider * width;
        let convolution = |kernel, outputs, stride, groups| Sizes { kernel, outputs, stride, groups };
        match self.block {
            Block::Basic => vec![convolution(3, width, stride, 1), convolution(3, width, 1, 1)],
            Block::Bottleneck => vec![
                convolution(1, inside, 1, 1),
                convolution(3, inside, stride, self.groups),
                convolution(1, self.block.outputs(width), 1, 1),
            ],
        }
    }

    /// The width of layer `i` of four, before a bottleneck's widening.
    const fn width(self, i: usize) -> usize {
        self.width << i
    }

    pub(crate) fn stages(self, stem: Stem) -> [Stage; 5] {
        let block = self.block;
        let mut stages = [
            stage("stem", self.width, 2, &["conv1", "bn1"]),
            stage("layer1", block.outputs(self.width(0)), 4, &["layer1"]),
            stage("layer2", block.outputs(self.width(1)), 8, &["layer2"]),
            stage("layer3", block.outputs(self.width(2)), 16, &["layer3"]),
            stage("layer4", block.outputs(self.width(3)), 32, &["layer4"]),
        ];
        if stem == Stem::Small {
            stages.iter_mut().for_each(|stage| stage.stride = (stage.stride / 4).max(1));
        }
        stages
    }
}

/// What a ResNet begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stem {
    /// A convolution 7x7 of stride 2 and a max pool, as torchvision has it.
    Large,
    /// For pictures of a few dozen pixels: a convolution 3x3 of stride 1 without a max pool, so
    /// that the map is four times as wide, ⌈H/8⌉ at the end.
    Small,
}

fn conv_norm(at: [&ParamPath; 2], sizes: (usize, usize, usize), (stride, groups): (usize, usize)) -> Result<ConvNorm> {
    let config = Conv2dConfig { stride, groups, ..Conv2dConfig::default() };
    centered(at, sizes, config, BatchNormConfig::default())
}

/// A block below `path`.
fn residual(
    path: &ParamPath,
    layers: ResNetLayers,
    (inputs, width, stride): (usize, usize, usize),
    depth: StochasticDepth,
) -> Result<Residual> {
    let (mut channels, all) = (inputs, layers.convolutions(width, stride));
    let mut convolutions = Vec::new();
    for (i, Sizes { kernel, outputs, stride, groups }) in all.into_iter().enumerate() {
        let at = [&path.at(format_args!("conv{}", i + 1)), &path.at(format_args!("bn{}", i + 1))];
        convolutions.push(conv_norm(at, (channels, outputs, kernel), (stride, groups))?);
        channels = outputs;
    }
    let Some(last) = convolutions.pop() else { bail!("a block of ResNet has convolutions") };
    let at = path.at("downsample");
    let changes = stride != 1 || inputs != channels;
    let shortcut = changes.then(|| conv_norm([&at.at(0), &at.at(1)], (inputs, channels, 1), (stride, 1)));
    let rectified = |conv| -> Box<dyn Layer> { Box::new(ConvNormAct(conv, Activation::Relu)) };
    let before = convolutions.into_iter().map(rectified).collect();
    Ok(Residual { before, last, shortcut: shortcut.transpose()?, depth })
}

/// ResNet without its classifier: blocks that learn what to add to their input.
///
/// ```text
/// conv1, bn1                  convolution 7x7, 3 -> 64, stride 2, norm, ReLU      stem
///                             max pool 3x3, stride 2, padding 1                   layer1
/// layerL.B.{convK,bnK}        relu(F(x) + x), F: convolutions with norms, ReLU between them
/// layerL.0.downsample.{0,1}   convolution 1x1 and norm in place of that x where the shape changes
/// ```
///
/// The first block of layers 2 to 4 halves the map, a bottleneck in its 3x3 convolution (as in
/// torchvision; the paper has it in the first). Parameters have torchvision's names and begin as
/// there: weights normal (He et al., fan out), norms 1 and 0. torchvision's classifier is
/// [`LinearHead`](crate::LinearHead).
///
/// With [`BackboneConfig::stochastic_depth`] blocks are sometimes left out in training. Dropped for
/// the whole batch, a block costs no computation in that step, and its parameters have no gradient:
/// the optimizer of `taper-optim` takes it for 0 where it is told to (`Missing::Zero`).
///
/// # Shapes
/// Normalized pictures (N,H,W,3) of any size to (N,⌈H/32⌉,⌈W/32⌉,512), or 2048 with bottlenecks. In
/// training the last map must have two pixels or more, counted over the batch, for the norms.
///
/// # Errors
/// When `stochastic_depth` is outside [0, 1), or a parameter exists with another shape.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_nn::{Mode, Params};
/// use taper_tensor::Rng;
/// use taper_transfer::{Backbone, BackboneConfig, ResNetLayers, Stem, resnet};
/// let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
/// let net = resnet(&params.root(), ResNetLayers::RESNET18, Stem::Large, &BackboneConfig::default())?;
/// let picture = Tensor::zeros((1, 64, 48, 3), DType::F32, &Device::Cpu)?;
/// assert_eq!(net.stage(0, &picture, Mode::Eval)?.dims(), [1, 32, 24, 64]);
/// # Ok::<(), candle_core::Error>(())
/// ```
///
/// # References
/// K. He, X. Zhang, S. Ren, J. Sun, *Deep Residual Learning for Image Recognition*, 2016. S. Xie,
/// R. Girshick, P. Dollár, Z. Tu, K. He, *Aggregated Residual Transformations for Deep Neural
/// Networks*, 2017. S. Zagoruyko, N. Komodakis, *Wide Residual Networks*, 2016.
pub fn resnet(path: &ParamPath, layers: ResNetLayers, stem: Stem, config: &BackboneConfig) -> Result<Staged> {
    let ResNetLayers { block, depths, width, .. } = layers;
    let (pool, stages) = (stem == Stem::Large, layers.stages(stem));
    let (kernel, stride) = if pool { (7, 2) } else { (3, 1) };
    let stem = conv_norm([&path.at("conv1"), &path.at("bn1")], (config.channels, width, kernel), (stride, 1))?;
    let mut built: Vec<Layers> = vec![vec![Box::new(ConvNormAct(stem, Activation::Relu))]];
    let mut inputs = width;
    let (mut number, blocks) = (0, depths.iter().sum());
    for (i, depth) in depths.into_iter().enumerate() {
        let (path, width) = (path.at(format_args!("layer{}", i + 1)), layers.width(i));
        let mut layer: Layers = Vec::new();
        if i == 0 && pool {
            layer.push(Box::new(MaxPool2d(POOL)));
        }
        for b in 0..depth {
            let stride = if b == 0 && i > 0 { 2 } else { 1 };
            let inputs = std::mem::replace(&mut inputs, block.outputs(width));
            number += 1;
            let path = path.at(b);
            let depth = config.depth(&path, (number, blocks))?;
            layer.push(Box::new(residual(&path, layers, (inputs, width, stride), depth)?));
        }
        built.push(layer);
    }
    Ok(Staged::new("ResNet", (config.channels, 1), stages.into_iter().zip(built).collect()))
}
