//! Self-attention.

use candle_core::{Result, Tensor};
use taper_tensor::self_attention;

use super::linear::{Linear, LinearConfig};
use crate::error::{LayerError, check};
use crate::graph::{Graph, GraphOp, Value};
use crate::layer::Layer;
use crate::mode::Mode;
use crate::params::ParamPath;

/// Attention of tokens to each other in several heads, a projection behind it:
///
/// ```text
/// q, k, v = x Wᵀ + b       of `qkv`, side by side
/// y = proj(softmax(q kᵀ / √(channels / heads)) v)       by head
/// ```
///
/// Parameters have timm's names: `qkv` (3·channels, channels) and `proj` below the given path.
///
/// # Shapes
/// (..,tokens,channels) to the same.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_nn::{Attention, Layer, LinearConfig, Mode, Params};
/// use taper_tensor::Rng;
/// let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
/// let attention = Attention::new(&params.root().at("attn"), 8, 2, LinearConfig::default())?;
/// let x = Tensor::ones((1, 5, 8), DType::F32, &Device::Cpu)?;
/// assert_eq!(attention.forward(&x, Mode::Eval)?.dims(), [1, 5, 8]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// A. Vaswani et al., *Attention Is All You Need*, 2017.
#[derive(Clone, Debug)]
pub struct Attention {
    qkv: Linear,
    proj: Linear,
    heads: usize,
    scale: f64,
}

impl Attention {
    /// A layer with its parameters below `path`.
    ///
    /// # Errors
    /// When a size is 0, the heads do not divide the channels, or a parameter exists with another
    /// shape.
    pub fn new(
        path: &ParamPath,
        channels: usize,
        heads: usize,
        config: LinearConfig,
    ) -> std::result::Result<Self, LayerError> {
        let divides = heads > 0 && channels.is_multiple_of(heads);
        check(divides, "heads", "1 or more, and a divisor of the channels", heads as f64)?;
        Ok(Self {
            qkv: Linear::new(&path.at("qkv"), channels, 3 * channels, config)?,
            proj: Linear::new(&path.at("proj"), channels, channels, config)?,
            heads,
            scale: ((channels / heads) as f64).sqrt().recip(),
        })
    }

    /// `residual + scale · attention(x)`, the sum in the pass of the projection; `scale` has a
    /// number for each channel, or there is none.
    ///
    /// # Errors
    /// As [`forward`](Layer::forward), and when the residual or the scale has another shape.
    pub fn forward_add(&self, x: &Tensor, mode: Mode<'_>, scale: Option<&Tensor>, residual: &Tensor) -> Result<Tensor> {
        self.proj.forward_add(&self.attend(x, mode)?, mode, scale, residual)
    }

    fn attend(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        self_attention(&self.qkv.forward(x, mode)?, self.heads, self.scale)
    }
}

impl Layer for Attention {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        self.proj.forward(&self.attend(x, mode)?, mode)
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let qkv = self.qkv.graph(graph, x)?;
        let y = graph.add(GraphOp::SelfAttention { heads: self.heads, scale: self.scale }, &[qkv], &[])?;
        self.proj.graph(graph, y)
    }
}
