//! RegNet with gates: RegNetY.

use candle_core::Result;
use taper_nn::{Activation, BatchNormConfig, ConvNorm, ConvNormAct, ParamPath};
use taper_regularize::StochasticDepth;

use crate::backbones::inverted_residual::{SqueezeExcitation, conv_norm};
use crate::backbones::residual::Residual;
use crate::backbones::stage::stage;
use crate::backbones::staged::Layers;
use crate::{BackboneConfig, Stage, Staged};

/// Channels of the stem.
const STEM: usize = 32;

/// Which RegNetY: channels and blocks of its four stages.
#[derive(Clone, Copy, Debug)]
pub struct RegNetLayers {
    widths: [usize; 4],
    depths: [usize; 4],
    /// Channels of a group of the 3x3 convolutions.
    group: usize,
}

impl RegNetLayers {
    /// RegNetY of 400 million multiply-adds.
    pub const Y_400MF: Self = Self { widths: [48, 104, 208, 440], depths: [1, 3, 6, 6], group: 8 };
    /// RegNetY of 800 million multiply-adds.
    pub const Y_800MF: Self = Self { widths: [64, 144, 320, 784], depths: [1, 3, 8, 2], group: 16 };
    /// RegNetY of 1.6 thousand million multiply-adds.
    pub const Y_1_6GF: Self = Self { widths: [48, 120, 336, 888], depths: [2, 6, 17, 2], group: 24 };
    /// RegNetY of 3.2 thousand million multiply-adds.
    pub const Y_3_2GF: Self = Self { widths: [72, 216, 576, 1512], depths: [2, 5, 13, 1], group: 24 };

    pub(crate) const fn stages(self) -> [Stage; 5] {
        let widths = self.widths;
        [
            stage("stem", STEM, 2, &["stem"]),
            stage("block1", widths[0], 4, &["trunk_output.block1"]),
            stage("block2", widths[1], 8, &["trunk_output.block2"]),
            stage("block3", widths[2], 16, &["trunk_output.block3"]),
            stage("block4", widths[3], 32, &["trunk_output.block4"]),
        ]
    }
}

/// A block of so many inputs and outputs, whose 3x3 convolution has this stride and so many groups.
fn block(
    path: &ParamPath,
    (inputs, outputs): (usize, usize),
    (stride, groups): (usize, usize),
    depth: StochasticDepth,
) -> Result<Residual> {
    let (f, norm) = (path.at("f"), BatchNormConfig::default());
    let conv_norm = |path: ParamPath, sizes, moves| conv_norm(&path, sizes, moves, norm);
    let wide = conv_norm(f.at("a"), (inputs, outputs, 1), (1, 1))?;
    let grouped = conv_norm(f.at("b"), (outputs, outputs, 3), (stride, groups))?;
    let gate = SqueezeExcitation::new(&f.at("se"), outputs, inputs / 4, (Activation::Relu, Activation::Sigmoid))?;
    let act = |convolution: ConvNorm| Box::new(ConvNormAct(convolution, Activation::Relu));
    let changes = stride != 1 || inputs != outputs;
    let shortcut = changes.then(|| conv_norm(path.at("proj"), (inputs, outputs, 1), (stride, 1)));
    Ok(Residual {
        before: vec![act(wide), act(grouped), Box::new(gate)],
        last: conv_norm(f.at("c"), (outputs, outputs, 1), (1, 1))?,
        shortcut: shortcut.transpose()?,
        depth,
    })
}

/// RegNetY without its classifier: residual bottlenecks of groups and gates, whose widths follow a
/// line.
///
/// ```text
/// stem.{0,1}                                   convolution 3x3, 3 -> 32, stride 2, norm, ReLU          stem
/// trunk_output.blockS.blockS-B.f.{a,b,se,c}    1x1; 3x3 in groups; gate; 1x1; norms, ReLU but at the end
/// trunk_output.blockS.blockS-0.proj            1x1 and norm in place of x where the shape changes
/// ```
///
/// A block is `relu(f(x) + x)`; the first of each stage halves the map. The gate has a quarter of
/// the block's inputs in the middle. In training blocks may be left out
/// ([`BackboneConfig::stochastic_depth`]). Parameters have torchvision's names; weights begin
/// normal (He et al., fan out by group). torchvision's classifier is
/// [`LinearHead`](crate::LinearHead).
///
/// # Shapes
/// Normalized pictures (N,H,W,3) of any size to (N,⌈H/32⌉,⌈W/32⌉,C), C from 440 to 1512.
///
/// # Errors
/// When `stochastic_depth` is outside [0, 1), or a parameter exists with another shape.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_nn::{Mode, Params};
/// use taper_tensor::Rng;
/// use taper_transfer::{Backbone, BackboneConfig, RegNetLayers, regnet};
/// let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
/// let net = regnet(&params.root(), RegNetLayers::Y_400MF, &BackboneConfig::default())?;
/// let picture = Tensor::zeros((1, 64, 48, 3), DType::F32, &Device::Cpu)?;
/// assert_eq!(net.stage(0, &picture, Mode::Eval)?.dims(), [1, 32, 24, 32]);
/// # Ok::<(), candle_core::Error>(())
/// ```
///
/// # Differs from PyTorch
/// torchvision's first weights of the grouped convolutions are normal by the fan out of all groups.
///
/// # References
/// I. Radosavovic, R. P. Kosaraju, R. Girshick, K. He, P. Dollár, *Designing Network Design
/// Spaces*, 2020.
pub fn regnet(path: &ParamPath, layers: RegNetLayers, config: &BackboneConfig) -> Result<Staged> {
    let RegNetLayers { widths, depths, group } = layers;
    let stem = conv_norm(&path.at("stem"), (config.channels, STEM, 3), (2, 1), BatchNormConfig::default())?;
    let mut built: Vec<Layers> = vec![vec![Box::new(ConvNormAct(stem, Activation::Relu))]];
    let (mut inputs, mut number, blocks) = (STEM, 0, depths.iter().sum());
    for (i, (width, depth)) in widths.into_iter().zip(depths).enumerate() {
        let name = format!("block{}", i + 1);
        let path = path.at("trunk_output").at(&name);
        let mut row = Layers::new();
        for b in 0..depth {
            number += 1;
            let path = path.at(format_args!("{name}-{b}"));
            let depth = config.depth(&path, (number, blocks))?;
            let stride = if b == 0 { 2 } else { 1 };
            row.push(Box::new(block(&path, (inputs, width), (stride, width / group), depth)?));
            inputs = width;
        }
        built.push(row);
    }
    Ok(Staged::new("RegNet", (config.channels, 1), layers.stages().into_iter().zip(built).collect()))
}
