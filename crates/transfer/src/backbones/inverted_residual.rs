//! Blocks that widen, look at each channel alone, and narrow again: MobileNet's and EfficientNet's.

use candle_core::{Result, Tensor};
use taper_regularize::{BatchNormConfig, StochasticDepth};
use taper_tensor::{Activation, Conv, Graph, Layer, Mode, Operation, Path, Value, global_avg_pool};

use crate::backbones::staged::Layers;
use crate::convolution::{ConvNorm, ConvNormAct, Convolution, HE_FAN_OUT};

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
    path: &Path,
    (inputs, outputs, kernel): (usize, usize, usize),
    (stride, groups): (usize, usize),
    norm: BatchNormConfig,
    activation: Activation,
) -> Result<Box<dyn Layer>> {
    let geometry = Conv { stride, padding: kernel / 2, groups, ..Conv::default() };
    let convolution = Convolution::without_bias(&path.at(0), (inputs, outputs, kernel), geometry, HE_FAN_OUT)?;
    Ok(Box::new(ConvNormAct(ConvNorm::with(convolution, &path.at(1), outputs, norm)?, activation)))
}

/// `x + F(x)` where the shape stays, else `F(x)`: pointwise to more channels, depthwise, perhaps a
/// gate, pointwise to fewer.
pub(crate) struct InvertedResidual {
    layers: Layers,
    /// None where the shape changes.
    depth: Option<StochasticDepth>,
}

impl InvertedResidual {
    /// A block below `path`; `survival` is the probability that it is not left out in training.
    pub(crate) fn new(path: &Path, block: Block, style: Style, depth: StochasticDepth) -> Result<Self> {
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
        let last = Convolution::without_bias(&last, (expanded, outputs, 1), Conv::default(), HE_FAN_OUT)?;
        layers.push(Box::new(ConvNorm::with(last, &norm, outputs, style.norm)?));
        Ok(Self { layers, depth: (stride == 1 && inputs == outputs).then_some(depth) })
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
struct SqueezeExcitation {
    fc1: Convolution,
    fc2: Convolution,
    gate: (Activation, Activation),
}

impl SqueezeExcitation {
    fn new(path: &Path, channels: usize, squeezed: usize, gate: (Activation, Activation)) -> Result<Self> {
        let build =
            |name, inputs, outputs| Convolution::new(&path.at(name), (inputs, outputs, 1), Conv::default(), HE_FAN_OUT);
        Ok(Self { fc1: build("fc1", channels, squeezed)?, fc2: build("fc2", squeezed, channels)?, gate })
    }
}

impl Layer for SqueezeExcitation {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        let mean = global_avg_pool(x)?.unsqueeze(1)?.unsqueeze(1)?;
        let squeezed = self.gate.0.apply(&self.fc1.forward(&mean, mode)?)?;
        x.broadcast_mul(&self.gate.1.apply(&self.fc2.forward(&squeezed, mode)?)?)
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let mean = graph.add(Operation::AdaptiveAverage(1, 1), &[x], &[])?;
        let layers: [&dyn Layer; 4] = [&self.fc1, &self.gate.0, &self.fc2, &self.gate.1];
        let gate = layers.into_iter().try_fold(mean, |y, layer| layer.graph(graph, y))?;
        graph.add(Operation::Multiply, &[x, gate], &[])
    }
}
