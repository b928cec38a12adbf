//! Vision transformers.

use candle_core::{Result, Tensor, Var, bail};
use candle_nn::Init;
use taper_nn::{Conv2d, Conv2dConfig, Graph, GraphOp, Layer, LayerNorm, Mode, ParamPath, Value};

use crate::backbones::positions::resampled;
use crate::backbones::stage::stage;
use crate::backbones::staged::Layers;
use crate::backbones::transformer::{Block, BlockConfig, Blocks, as_map};
use crate::{BackboneConfig, Stage, Staged};

/// Which vision transformer: twelve blocks each.
///
/// | name | [`vision_transformer`] | parameters, classifier included |
/// |---|---|---|
/// | `TINY` | timm's `vit_tiny_patch16_224`, DeiT's too | 5.7 million |
/// | `SMALL` | `vit_small_patch16_224` | 22.1 million |
/// | `BASE` | `vit_base_patch16_224` | 86.6 million |
/// | `DINOV2_SMALL` | `vit_small_patch14_dinov2` | 22.4 million |
/// | `DINOV2_BASE` | `vit_base_patch14_dinov2` | 87.3 million |
/// | `DINOV2_SMALL_REGISTERS` | `vit_small_patch14_reg4_dinov2` | 22.4 million |
/// | `DINOV2_BASE_REGISTERS` | `vit_base_patch14_reg4_dinov2` | 87.4 million |
/// | `CLIP_BASE` | `vit_base_patch16_clip_224` | 86.6 million |
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VitLayers {
    width: usize,
    heads: usize,
    /// Pixels of a patch's side.
    patch: usize,
    /// Patches along a side of the pictures that the positions are learned for.
    side: usize,
    registers: usize,
    /// Whether the class token has a position, too.
    class_position: bool,
    /// Whether the branches have factors.
    scaled: bool,
    /// Whether there is a norm before the first block; the patches then have no bias.
    pre_norm: bool,
    eps: f64,
}

impl VitLayers {
    /// 192 channels.
    pub const TINY: Self = Self {
        width: 192,
        heads: 3,
        patch: 16,
        side: 14,
        registers: 0,
        class_position: true,
        scaled: false,
        pre_norm: false,
        eps: 1e-6,
    };
    /// 384 channels.
    pub const SMALL: Self = Self { width: 384, heads: 6, ..Self::TINY };
    /// The paper's smallest, 768 channels.
    pub const BASE: Self = Self { width: 768, heads: 12, ..Self::TINY };
    /// DINOv2, with smaller patches and factors on the branches.
    pub const DINOV2_SMALL: Self = Self { patch: 14, side: 37, scaled: true, ..Self::SMALL };
    /// The same with 768 channels.
    pub const DINOV2_BASE: Self = Self { width: 768, heads: 12, ..Self::DINOV2_SMALL };
    /// DINOv2 with four tokens more, which belong to no patch.
    pub const DINOV2_SMALL_REGISTERS: Self = Self { registers: 4, class_position: false, ..Self::DINOV2_SMALL };
    /// The same with 768 channels.
    pub const DINOV2_BASE_REGISTERS: Self = Self { registers: 4, class_position: false, ..Self::DINOV2_BASE };
    /// The image tower of CLIP.
    pub const CLIP_BASE: Self = Self { pre_norm: true, eps: 1e-5, ..Self::BASE };

    /// Pixels of a side of the pictures that its positions are learned for.
    pub fn input_size(&self) -> usize {
        self.patch * self.side
    }

    pub(crate) fn stages(self) -> [Stage; 5] {
        const STEM: &[&str] = &["patch_embed", "cls_token", "reg_token", "pos_embed", "norm_pre"];
        let (c, stride) = (self.width, self.patch);
        [
            stage("stem", c, stride, STEM),
            stage("blocks0-2", c, stride, &["blocks.0", "blocks.1", "blocks.2"]),
            stage("blocks3-5", c, stride, &["blocks.3", "blocks.4", "blocks.5"]),
            stage("blocks6-8", c, stride, &["blocks.6", "blocks.7", "blocks.8"]),
            stage("blocks9-11", c, stride, &["blocks.9", "blocks.10", "blocks.11", "norm"]),
        ]
    }
}

/// How many there are, in four stages.
const BLOCKS: usize = 12;

/// From pictures to tokens (N,1,tokens,C): the class token, the registers, then the patches.
struct Embedding {
    patches: Conv2d,
    class: Var,
    registers: Option<Var>,
    positions: Var,
    side: usize,
    class_position: bool,
    norm: Option<LayerNorm>,
}

impl Embedding {
    fn new(path: &ParamPath, layers: VitLayers, channels: usize) -> Result<Self> {
        let VitLayers { width, patch, side, registers, class_position, pre_norm, eps, .. } = layers;
        let normal = |stdev| Init::Randn { mean: 0.0, stdev };
        let config = Conv2dConfig { stride: patch, bias: !pre_norm, init: normal(0.02), ..Conv2dConfig::default() };
        let registers = (registers > 0).then(|| path.trainable("reg_token", (1, registers, width), normal(1e-6)));
        let places = side * side + usize::from(class_position);
        Ok(Self {
            patches: Conv2d::new(&path.at("patch_embed.proj"), channels, width, patch, config)?,
            class: path.trainable("cls_token", (1, 1, width), normal(1e-6))?,
            registers: registers.transpose()?,
            positions: path.trainable("pos_embed", (1, places, width), normal(0.02))?,
            side,
            class_position,
            norm: pre_norm.then(|| LayerNorm::with_eps(&path.at("norm_pre"), width, eps)).transpose()?,
        })
    }

    /// The tokens before the patches, (1,tokens,C), and what is added to a grid of patches.
    fn prefix_and_grid(&self, size: (usize, usize), mode: Mode<'_>) -> Result<(Tensor, Tensor)> {
        let (mut class, mut grid) = (mode.param(&self.class), mode.param(&self.positions));
        if self.class_position {
            class = (class + grid.narrow(1, 0, 1)?)?;
            grid = grid.narrow(1, 1, self.side * self.side)?.contiguous()?;
        }
        let prefix = match &self.registers {
            Some(registers) => Tensor::cat(&[&class, &mode.param(registers)], 1)?,
            None => class,
        };
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
        let before = prefix.dim(1)?;
        let tokens = Tensor::cat(&[&prefix.broadcast_as((n, before, c))?.contiguous()?, &patches], 1)?;
        let tokens = tokens.reshape((n, 1, before + h * w, c))?;
        self.norm.as_ref().map_or(Ok(tokens.clone()), |norm| norm.forward(&tokens, mode))
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let map = self.patches.graph(graph, x)?;
        let &[_, h, w] = graph.shape(map) else { bail!("a map of patches was expected") };
        let (prefix, grid) = self.prefix_and_grid((h, w), Mode::Eval)?;
        let rows = graph.add(GraphOp::Rows, &[map], &[])?;
        let rows = graph.add(GraphOp::PadRows(prefix.dim(1)?), &[rows], &[])?;
        let added = graph.rows(&Tensor::cat(&[&prefix, &grid], 1)?.squeeze(0)?)?;
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

/// A vision transformer without its classifier: a picture as a sequence of patches, each of which
/// looks at all others.
///
/// ```text
/// patch_embed.proj    convolution of a patch's size and stride                                stem
/// cls_token, reg_token, pos_embed    the first tokens, and where each patch lies
/// blocks.B.{norm1,attn.qkv,attn.proj}   x + attention(norm1(x)), by ls1.gamma where there is one
/// blocks.B.{norm2,mlp.fc1,mlp.fc2}      x + fc2(GELU(fc1(norm2(x)))), by ls2.gamma
/// norm                the class token alone goes through it
/// ```
///
/// Between stages tokens lie as a map of one row, (N,1,tokens,C), the class token first; a pool
/// over it is the mean of all tokens. The last stage gives the normalized class token as a map of
/// one pixel, so that every head, `probe` and `features` take it. Pictures may have any size: the
/// positions are resampled by antialiased bicubic interpolation, and pixels after the last whole
/// patch are left out.
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
/// Mairal, P. Bojanowski, *Vision Transformers Need Registers*, 2023.
pub fn vision_transformer(path: &ParamPath, layers: VitLayers, config: &BackboneConfig) -> Result<Staged> {
    let VitLayers { width, heads, eps, scaled, .. } = layers;
    let block = BlockConfig { width, heads, eps, scale: scaled.then_some(1e-5) };
    let mut built: Vec<Layers> = vec![vec![Box::new(Embedding::new(path, layers, config.channels)?)]];
    for group in 0..4 {
        let blocks =
            (3 * group..3 * group + 3).map(|b| Block::new(&path.at("blocks").at(b), block, ((b + 1, BLOCKS), config)));
        built.push(vec![Box::new(Blocks(blocks.collect::<Result<_>>()?))]);
    }
    if let Some(last) = built.last_mut() {
        last.push(Box::new(ClassToken(LayerNorm::with_eps(&path.at("norm"), width, eps)?)));
    }
    let stages = layers.stages().into_iter().zip(built).collect();
    Ok(Staged::new("a vision transformer", (config.channels, layers.patch), stages))
}
