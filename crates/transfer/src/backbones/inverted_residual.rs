//! Blocks that widen, look at each channel alone, and narrow again: MobileNet's and EfficientNet's.

use candle_core::{Result, Tensor};
use taper_nn::{
    Activation, BatchNormConfig, Conv2d, Conv2dConfig, ConvNorm, ConvNormAct, Graph, GraphOp, Layer, Mode, ParamPath,
    Value,
};
use taper_regularize::StochasticDepth;
use taper_tensor::{global_avg_pool, scale_channels};

use crate::backbones::conv_norm::centered;
use crate::backbones::staged::Layers;

/// The sizes of one block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    pub(crate) inputs: usize,
    /// Channels between the two pointwise convolutions; with as many as inputs the first is left
    /// out.
    pub(crate) expanded: usize,
    pub(crate) outputs: usize,
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    /// Channels of the squeeze-and-excitation; 0 for none.
    pub(crate) squeezed: usize,
    pub(crate) activation: Activation,
}

/// What the blocks of a network have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    /// The layers' place below the block: `conv` in MobileNetV2, where the last norm has a number
    /// of its own, else `block`.
    pub(crate) place: &'static str,
    pub(crate) norm: BatchNormConfig,
    /// Between the two layers of a squeeze-and-excitation, and behind them.
    pub(crate) gate: (Activation, Activation),
}

/// torchvision's `Conv2dNormActivation`: convolution `0` with `padding` half the kernel, batch norm
/// `1`, activation.
pub(crate) fn conv_norm_act(
    path: &ParamPath,
    (inputs, outputs, kernel): (usize, usize, usize),
    (stride, groups): (usize, usize),
    norm: BatchNormConfig,
    activation: Activation,
) -> Result<Box<dyn Layer>> {
    Ok(Box::new(ConvNormAct(conv_norm(path, (inputs, outputs, kernel), (stride, groups), norm)?, activation)))
}

/// The same without an activation.
pub(crate) fn conv_norm(
    path: &ParamPath,
    sizes: (usize, usize, usize),
    (stride, groups): (usize, usize),
    norm: BatchNormConfig,
) -> Result<ConvNorm> {
    centered([&path.at(0), &path.at(1)], sizes, Conv2dConfig { stride, groups, ..Conv2dConfig::default() }, norm)
}

/// `x + F(x)` where the shape stays, else `F(x)`: as a rule pointwise to more channels, depthwise,
/// perhaps a gate, pointwise to fewer.
pub(crate) struct InvertedResidual {
    layers: Layers,
    /// None where the shape changes.
    depth: Option<StochasticDepth>,
}

impl InvertedResidual {
    /// A block below `path`; `survival` is the probability that it is not left out in training.
    pub(crate) fn new(path: &ParamPath, block: Block, style: Style, depth: StochasticDepth) -> Result<Self> {
        let Block { inputs, expanded, outputs, kernel, stride, squeezed, activation } = block;
        let below = path.at(style.place);
        let mut layers: Layers = Vec::new();
        if expanded != inputs {
            layers.push(conv_norm_act(&below.at(0), (inputs, expanded, 1), (1, 1), style.norm, activation)?);
        }
        let shape = (expanded, expanded, kernel);
        layers.push(conv_norm_act(&below.at(layers.len()), shape, (stride, expanded), style.norm, activation)?);
        if squeezed > 0 {
            let gate = SqueezeExcitation::new(&below.at(layers.len()), expanded, squeezed, style.gate)?;
            layers.push(Box::new(gate));
        }
        let n = layers.len();
        let (last, norm) = match style.place {
            "conv" => (below.at(n), below.at(n + 1)),
            _ => (below.at(n).at(0), below.at(n).at(1)),
        };
        let last = centered([&last, &norm], (expanded, outputs, 1), Conv2dConfig::default(), style.norm)?;
        layers.push(Box::new(last));
        Ok(Self::of(layers, (stride == 1 && inputs == outputs).then_some(depth)))
    }

    /// Any layers; none where their output has another shape than their input.
    pub(crate) fn of(layers: Layers, depth: Option<StochasticDepth>) -> Self {
        Self { layers, depth }
    }
}

impl Layer for InvertedResidual {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        match &self.depth {
            Some(depth) => depth.residual(x, mode, |x| self.layers.forward(x, mode)),
            None => self.layers.forward(x, mode),
        }
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let f = self.layers.graph(graph, x)?;
        match &self.depth {
            Some(depth) => depth.graph(graph, (x, f)),
            None => Ok(f),
        }
    }
}

/// A factor for each channel, from what all channels are on average (Hu et al.,
/// *Squeeze-and-Excitation Networks*, 2018).
pub(crate) struct SqueezeExcitation {
    fc1: Conv2d,
    fc2: Conv2d,
    gate: (Activation, Activation),
}

impl SqueezeExcitation {
    pub(crate) fn new(
        path: &ParamPath,
        channels: usize,
        squeezed: usize,
        gate: (Activation, Activation),
    ) -> Result<Self> {
        let build = |name, inputs, outputs| Conv2d::new(&path.at(name), inputs, outputs, 1, Conv2dConfig::default());
        Ok(Self { fc1: build("fc1", channels, squeezed)?, fc2: build("fc2", squeezed, channels)?, gate })
    }
}

impl Layer for SqueezeExcitation {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        let mean = global_avg_pool(x)?.unsqueeze(1)?.unsqueeze(1)?;
        let squeezed = self.gate.0.apply(&self.fc1.forward(&mean, mode)?)?;
        scale_channels(x, &self.gate.1.apply(&self.fc2.forward(&squeezed, mode)?)?.flatten_from(1)?)
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let mean = graph.add(GraphOp::AdaptiveAverage(1, 1), &[x], &[])?;
        let layers: [&dyn Layer; 4] = [&self.fc1, &self.gate.0, &self.fc2, &self.gate.1];
        let gate = layers.into_iter().try_fold(mean, |y, layer| layer.graph(graph, y))?;
        graph.add(GraphOp::Multiply, &[x, gate], &[])
    }
}
