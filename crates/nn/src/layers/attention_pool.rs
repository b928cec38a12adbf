//! Attention as a pool: one query that is learned looks at all tokens.

use candle_core::{Result, Tensor, Var};
use candle_nn::Init;
use taper_tensor::attention;

use super::linear::{Linear, LinearConfig};
use super::mlp::Mlp;
use super::norm::LayerNorm;
use crate::activation::Activation;
use crate::error::{LayerError, check};
use crate::graph::{Graph, GraphOp, Value};
use crate::layer::Layer;
use crate::mode::Mode;
use crate::params::ParamPath;

/// Settings of [`AttentionPool`].
#[derive(Clone, Copy, Debug)]
pub struct AttentionPoolConfig {
    /// Channels of the tokens.
    pub channels: usize,
    /// Heads, a divisor of the channels.
    pub heads: usize,
    /// What is added to the variance in the norm.
    pub eps: f64,
    /// What stands between the two linear layers behind the norm, of four times the channels.
    pub activation: Activation,
    /// Of all linear layers.
    pub linear: LinearConfig,
}

/// Pools tokens by attention (`map` in timm, `AttentionPoolLatent` there):
///
/// ```text
/// q = q(latent), k, v = kv(x)
/// y = proj(softmax(q kᵀ / √(channels / heads)) v)       by head
/// z = y + mlp(norm(y))
/// ```
///
/// Parameters have timm's names: `latent` (1,1,channels), `q`, `kv` (2·channels, channels), `proj`,
/// `norm`, `mlp.fc1` and `mlp.fc2` below the given path.
///
/// # Shapes
/// (N,tokens,channels) to (N,1,channels).
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_nn::{Activation, AttentionPool, AttentionPoolConfig, Layer, LinearConfig, Mode, Params};
/// use taper_tensor::Rng;
/// let (params, linear) = (Params::new(Rng::new(0), DType::F32, Device::Cpu), LinearConfig::default());
/// let config = AttentionPoolConfig { channels: 8, heads: 2, eps: 1e-6, activation: Activation::Gelu, linear };
/// let pool = AttentionPool::new(&params.root().at("attn_pool"), config)?;
/// let x = Tensor::ones((2, 5, 8), DType::F32, &Device::Cpu)?;
/// assert_eq!(pool.forward(&x, Mode::Eval)?.dims(), [2, 1, 8]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// J. Lee et al., *Set Transformer*, 2019. X. Zhai, A. Kolesnikov, N. Houlsby, L. Beyer, *Scaling
/// Vision Transformers*, 2022.
#[derive(Clone, Debug)]
pub struct AttentionPool {
    latent: Var,
    q: Linear,
    kv: Linear,
    proj: Linear,
    norm: LayerNorm,
    mlp: Mlp,
    heads: usize,
    scale: f64,
}

impl AttentionPool {
    /// A layer with its parameters below `path`; the latent query begins normal with standard
    /// deviation `1/√channels`.
    ///
    /// # Errors
    /// When a size is 0, the heads do not divide the channels, or a parameter exists with another
    /// shape.
    pub fn new(path: &ParamPath, config: AttentionPoolConfig) -> std::result::Result<Self, LayerError> {
        let AttentionPoolConfig { channels, heads, eps, activation, linear } = config;
        let divides = heads > 0 && channels > 0 && channels.is_multiple_of(heads);
        check(divides, "heads", "1 or more, and a divisor of the channels", heads as f64)?;
        let first = Init::Randn { mean: 0.0, stdev: (channels as f64).sqrt().recip() };
        Ok(Self {
            latent: path.trainable("latent", (1, 1, channels), first)?,
            q: Linear::new(&path.at("q"), channels, channels, linear)?,
            kv: Linear::new(&path.at("kv"), channels, 2 * channels, linear)?,
            proj: Linear::new(&path.at("proj"), channels, channels, linear)?,
            norm: LayerNorm::with_eps(&path.at("norm"), channels, eps)?,
            mlp: Mlp::new(&path.at("mlp"), (channels, 4 * channels), activation, linear)?,
            heads,
            scale: ((channels / heads) as f64).sqrt().recip(),
        })
    }
}

impl Layer for AttentionPool {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        let (n, _, c) = x.dims3()?;
        let q = self.q.forward(&mode.param(&self.latent), mode)?.broadcast_as((n, 1, c))?.contiguous()?;
        let kv = self.kv.forward(x, mode)?;
        let y = attention(&q, &kv.narrow(2, 0, c)?, &kv.narrow(2, c, c)?, self.heads, self.scale)?;
        let y = self.proj.forward(&y, mode)?;
        self.mlp.forward_add(&self.norm.forward(&y, mode)?, mode, None, &y)
    }

    /// Of rows to one row.
    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let latent = graph.rows(&self.latent.as_detached_tensor().squeeze(0)?)?;
        let q = self.q.graph(graph, latent)?;
        let kv = self.kv.graph(graph, x)?;
        let y = graph.add(GraphOp::Attention { heads: self.heads, scale: self.scale }, &[q, kv], &[])?;
        let y = self.proj.graph(graph, y)?;
        let z = self.norm.graph(graph, y)?;
        let z = self.mlp.graph(graph, z)?;
        graph.add(GraphOp::Add, &[y, z], &[])
    }
}
