//! Vision transformers.

use candle_core::{Result, Tensor, Var, bail};
use candle_nn::Init;
use taper_nn::{
    AttentionPool, AttentionPoolConfig, Conv2d, Conv2dConfig, Graph, GraphOp, Layer, LayerNorm, Mode, ParamPath, Value,
};

use crate::backbones::positions::resampled;
use crate::backbones::staged::Layers;
use crate::backbones::transformer::{Block, BlockConfig, Blocks, as_map, small};
use crate::backbones::vit_layers::{Summary, VitLayers};
use crate::{BackboneConfig, Staged};

/// How many there are, in four stages.
const BLOCKS: usize = 12;

/// From pictures to tokens (N,1,tokens,C): the class token, the registers, then the patches.
struct Embedding {
    patches: Conv2d,
    class: Option<Var>,
    registers: Option<Var>,
    positions: Var,
    side: usize,
    class_position: bool,
    norm: Option<LayerNorm>,
}

impl Embedding {
    fn new(path: &ParamPath, layers: VitLayers, channels: usize) -> Result<Self> {
        let VitLayers { width, patch, side, registers, summary, pre_norm, eps, .. } = layers;
        let normal = |stdev| Init::Randn { mean: 0.0, stdev };
        let config = Conv2dConfig { stride: patch, bias: !pre_norm, init: normal(0.02), ..Conv2dConfig::default() };
        let registers = (registers > 0).then(|| path.trainable("reg_token", (1, registers, width), normal(1e-6)));
        let class = (summary != Summary::Attention).then(|| path.trainable("cls_token", (1, 1, width), normal(1e-6)));
        let class_position = summary == Summary::ClassWithPosition;
        let places = side * side + usize::from(class_position);
        Ok(Self {
            patches: Conv2d::new(&path.at("patch_embed.proj"), channels, width, patch, config)?,
            class: class.transpose()?,
            registers: registers.transpose()?,
            positions: path.trainable("pos_embed", (1, places, width), normal(0.02))?,
            side,
            class_position,
            norm: pre_norm.then(|| LayerNorm::with_eps(&path.at("norm_pre"), width, eps)).transpose()?,
        })
    }

    /// The tokens before the patches, (1,tokens,C), where there are some, and what is added to a
    /// grid of patches.
    fn prefix_and_grid(&self, size: (usize, usize), mode: Mode<'_>) -> Result<(Option<Tensor>, Tensor)> {
        let mut grid = mode.param(&self.positions);
        let mut prefix: Vec<Tensor> = self.class.iter().chain(&self.registers).map(|token| mode.param(token)).collect();
        if let Some(class) = prefix.first_mut().filter(|_| self.class_position) {
            *class = (&*class + grid.narrow(1, 0, 1)?)?;
            grid = grid.narrow(1, 1, self.side * self.side)?.contiguous()?;
        }
        let prefix = if prefix.is_empty() { None } else { Some(Tensor::cat(&prefix, 1)?) };
        Ok((prefix, resampled(&grid, self.side, size)?))
    }
}

impl Layer for Embedding {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        let map = self.patches.forward(x, mode)?;
        let (n, h, w, c) = map.dims4()?;
        let (prefix, grid) = self.prefix_and_grid((h, w), mode)?;
        // Tokens lie as their parameters do, whatever convolutions compute in.
        let patches = map.to_dtype(grid.dtype())?.reshape((n, h * w, c))?.broadcast_add(&grid)?;
        let tokens = match prefix {
            Some(prefix) => {
                let prefix = prefix.broadcast_as((n, prefix.dim(1)?, c))?.contiguous()?;
                Tensor::cat(&[&prefix, &patches], 1)?
            }
            None => patches,
        };
        let tokens = tokens.unsqueeze(1)?;
        self.norm.as_ref().map_or(Ok(tokens.clone()), |norm| norm.forward(&tokens, mode))
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let map = self.patches.graph(graph, x)?;
        let &[_, h, w] = graph.shape(map) else { bail!("a map of patches was expected") };
        let (prefix, grid) = self.prefix_and_grid((h, w), Mode::Eval)?;
        let mut rows = graph.add(GraphOp::Rows, &[map], &[])?;
        let mut added = grid;
        if let Some(prefix) = prefix {
            rows = graph.add(GraphOp::PadRows(prefix.dim(1)?), &[rows], &[])?;
            added = Tensor::cat(&[&prefix, &added], 1)?;
        }
        let added = graph.rows(&added.squeeze(0)?)?;
        let mut rows = graph.add(GraphOp::Add, &[rows, added], &[])?;
        if let Some(norm) = &self.norm {
            rows = norm.graph(graph, rows)?;
        }
        as_map(graph, rows)
    }
}

/// The class token of all tokens, normalized: what the network says of a picture, as a map of one
/// pixel.
struct ClassToken(LayerNorm);

impl Layer for ClassToken {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        self.0.forward(&x.narrow(2, 0, 1)?.contiguous()?, mode)
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let rows = graph.add(GraphOp::Rows, &[x], &[])?;
        let row = graph.add(GraphOp::Row(0), &[rows], &[])?;
        let row = self.0.graph(graph, row)?;
        as_map(graph, row)
    }
}

/// What attention makes of all normalized tokens, as a map of one pixel.
struct Pooled {
    norm: LayerNorm,
    pool: AttentionPool,
}

impl Layer for Pooled {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        self.pool.forward(&self.norm.forward(x, mode)?.squeeze(1)?, mode)?.unsqueeze(1)
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let rows = graph.add(GraphOp::Rows, &[x], &[])?;
        let rows = self.norm.graph(graph, rows)?;
        let row = self.pool.graph(graph, rows)?;
        as_map(graph, row)
    }
}

/// A vision transformer without its classifier: a picture as a sequence of patches, each of which
/// looks at all others.
///
/// ```text
/// patch_embed.proj    convolution of a patch's size and stride                                stem
/// cls_token, reg_token, pos_embed    the first tokens, and where each patch lies
/// blocks.B.{norm1,attn.qkv,attn.proj}   x + attention(norm1(x)), by ls1.gamma where there is one
/// blocks.B.{norm2,mlp.fc1,mlp.fc2}      x + fc2(GELU(fc1(norm2(x)))), by ls2.gamma
/// norm                the class token alone goes through it, where there is one
/// attn_pool           else a learned query looks at all normalized tokens (SigLIP)
/// ```
///
/// Between stages tokens lie as a map of one row, (N,1,tokens,C), the class token first; a pool
/// over it is the mean of all tokens. The last stage gives the normalized class token, or what
/// attention pools, as a map of one pixel, so that every head, `probe` and `features` take it.
/// Pictures may have any size: the positions are resampled by antialiased bicubic interpolation,
/// and pixels after the last whole patch are left out.
///
/// Parameters have timm's names. Weights begin normal with standard deviation 0.02, biases 0.
/// timm's classifier is [`LinearHead`](crate::LinearHead) at `head`.
///
/// # Shapes
/// Normalized pictures (N,H,W,3), H and W a patch or more, to (N,1,1,C).
///
/// # Errors
/// When `stochastic_depth` is outside [0, 1), or a parameter exists with another shape.
///
/// # References
/// A. Dosovitskiy et al., *An Image is Worth 16x16 Words*, 2021. H. Touvron et al., *Training
/// data-efficient image transformers & distillation through attention*, 2021. M. Oquab et al.,
/// *DINOv2: Learning Robust Visual Features without Supervision*, 2023. T. Darcet, M. Oquab, J.
/// Mairal, P. Bojanowski, *Vision Transformers Need Registers*, 2023. X. Zhai, B. Mustafa, A.
/// Kolesnikov, L. Beyer, *Sigmoid Loss for Language Image Pre-Training*, 2023.
pub fn vision_transformer(path: &ParamPath, layers: VitLayers, config: &BackboneConfig) -> Result<Staged> {
    let VitLayers { width, heads, eps, scaled, activation, summary, .. } = layers;
    let block = BlockConfig { width, heads, eps, activation, scale: scaled.then_some(1e-5) };
    let mut built: Vec<Layers> = vec![vec![Box::new(Embedding::new(path, layers, config.channels)?)]];
    for group in 0..4 {
        let blocks =
            (3 * group..3 * group + 3).map(|b| Block::new(&path.at("blocks").at(b), block, ((b + 1, BLOCKS), config)));
        built.push(vec![Box::new(Blocks(blocks.collect::<Result<_>>()?))]);
    }
    if let Some(last) = built.last_mut() {
        let norm = LayerNorm::with_eps(&path.at("norm"), width, eps)?;
        let pool = AttentionPoolConfig { channels: width, heads, eps, activation, linear: small() };
        last.push(match summary {
            Summary::Attention => Box::new(Pooled { norm, pool: AttentionPool::new(&path.at("attn_pool"), pool)? }),
            _ => Box::new(ClassToken(norm)),
        });
    }
    let stages = layers.stages().into_iter().zip(built).collect();
    Ok(Staged::new("a vision transformer", (config.channels, layers.patch), stages))
}
