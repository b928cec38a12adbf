//! The blocks of a transformer.

use candle_core::{Result, Tensor};
use candle_nn::Init;
use taper_nn::{
    Activation, Attention, Graph, GraphOp, Layer, LayerNorm, LayerScale, LinearConfig, Mlp, Mode, ParamPath, Value,
};
use taper_regularize::StochasticDepth;

use crate::BackboneConfig;
use crate::backbones::branch::branch;

/// The sizes of one block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockConfig {
    pub(crate) width: usize,
    pub(crate) heads: usize,
    pub(crate) eps: f64,
    /// What stands between the two linear layers behind the second norm.
    pub(crate) activation: Activation,
    /// What the factors of layer scale are at first; none where there are none.
    pub(crate) scale: Option<f64>,
}

/// Linear layers that begin normal with standard deviation 0.02, biases at 0.
pub(crate) fn small() -> LinearConfig {
    LinearConfig { init: Init::Randn { mean: 0.0, stdev: 0.02 }, ..LinearConfig::default() }
}

/// `x + γ₁ · attention(norm1(x))`, and of that `x + γ₂ · mlp(norm2(x))`.
pub(crate) struct Block {
    norm1: LayerNorm,
    attention: Attention,
    scale1: Option<LayerScale>,
    norm2: LayerNorm,
    mlp: Mlp,
    scale2: Option<LayerScale>,
    depth: [StochasticDepth; 2],
}

impl Block {
    /// A block below `path`, with its place among all and what may differ in the network.
    pub(crate) fn new(
        path: &ParamPath,
        block: BlockConfig,
        (place, config): ((usize, usize), &BackboneConfig),
    ) -> Result<Self> {
        let BlockConfig { width, heads, eps, activation, scale } = block;
        let linear = small();
        let norm = |name| LayerNorm::with_eps(&path.at(name), width, eps);
        let scaled = |name| scale.map(|first| LayerScale::new(&path.at(name), width, first)).transpose();
        let depth = |name| config.depth(&path.at(name), place);
        Ok(Self {
            norm1: norm("norm1")?,
            attention: Attention::new(&path.at("attn"), width, heads, linear)?,
            scale1: scaled("ls1")?,
            norm2: norm("norm2")?,
            mlp: Mlp::new(&path.at("mlp"), (width, 4 * width), activation, linear)?,
            scale2: scaled("ls2")?,
            depth: [depth("drop_path1")?, depth("drop_path2")?],
        })
    }
}

/// The factors of layer scale, where there is one.
fn gamma(scale: &Option<LayerScale>, mode: Mode<'_>) -> Option<Tensor> {
    scale.as_ref().map(|scale| scale.gamma(mode))
}

fn times(f: Tensor, gamma: Option<&Tensor>) -> Result<Tensor> {
    gamma.map_or(Ok(f.clone()), |gamma| f.broadcast_mul(gamma))
}

impl Layer for Block {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        let factors = gamma(&self.scale1, mode);
        let factors = factors.as_ref();
        let inner = || self.norm1.forward(x, mode);
        let whole = || self.attention.forward_add(&inner()?, mode, factors, x);
        let x = &branch(&self.depth[0], x, mode, whole, || times(self.attention.forward(&inner()?, mode)?, factors))?;

        let factors = gamma(&self.scale2, mode);
        let factors = factors.as_ref();
        let inner = || self.norm2.forward(x, mode);
        let whole = || self.mlp.forward_add(&inner()?, mode, factors, x);
        branch(&self.depth[1], x, mode, whole, || times(self.mlp.forward(&inner()?, mode)?, factors))
    }

    /// Of rows to rows.
    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let mut branch = |x: Value, layers: [&dyn Layer; 2], scale: &Option<LayerScale>, depth: &StochasticDepth| {
            let mut f = layers.into_iter().try_fold(x, |y, layer| layer.graph(graph, y))?;
            if let Some(scale) = scale {
                f = scale.graph(graph, f)?;
            }
            depth.graph(graph, (x, f))
        };
        let x = branch(x, [&self.norm1, &self.attention], &self.scale1, &self.depth[0])?;
        branch(x, [&self.norm2, &self.mlp], &self.scale2, &self.depth[1])
    }
}

/// Blocks one after the other.
pub(crate) struct Blocks(pub(crate) Vec<Block>);

impl Layer for Blocks {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        self.0.iter().try_fold(x.clone(), |x, block| block.forward(&x, mode))
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let rows = graph.add(GraphOp::Rows, &[x], &[])?;
        let rows = self.0.iter().try_fold(rows, |x, block| block.graph(graph, x))?;
        as_map(graph, rows)
    }
}

/// Tokens as they lie between two stages: a map of one row.
pub(crate) fn as_map(graph: &mut Graph, rows: Value) -> Result<Value> {
    let tokens = graph.shape(rows)[0];
    graph.add(GraphOp::Map(1, tokens), &[rows], &[])
}
