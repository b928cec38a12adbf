//! Two linear layers with an activation between them, and a factor for each channel.

use candle_core::{Result, Tensor, Var};
use candle_nn::Init;

use super::linear::{Linear, LinearConfig};
use crate::activation::Activation;
use crate::error::{LayerError, check};
use crate::graph::{Graph, GraphOp, Value};
use crate::layer::Layer;
use crate::mode::Mode;
use crate::params::ParamPath;

/// `fc2(f(fc1(x)))`, as in the blocks of a transformer. Parameters have timm's names, `fc1` and
/// `fc2` below the given path.
///
/// # Shapes
/// (..,channels) to the same.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_nn::{Activation, Layer, LinearConfig, Mlp, Mode, Params};
/// use taper_tensor::Rng;
/// let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
/// let mlp = Mlp::new(&params.root().at("mlp"), (8, 32), Activation::Gelu, LinearConfig::default())?;
/// let x = Tensor::ones((1, 5, 8), DType::F32, &Device::Cpu)?;
/// assert_eq!(mlp.forward(&x, Mode::Eval)?.dims(), [1, 5, 8]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Mlp {
    fc1: Linear,
    activation: Activation,
    fc2: Linear,
}

impl Mlp {
    /// Layers of so many channels outside and between them, with their parameters below `path`.
    ///
    /// # Errors
    /// When a size is 0, or a parameter exists with another shape.
    pub fn new(
        path: &ParamPath,
        (channels, hidden): (usize, usize),
        activation: Activation,
        config: LinearConfig,
    ) -> std::result::Result<Self, LayerError> {
        let fc1 = Linear::new(&path.at("fc1"), channels, hidden, config)?;
        Ok(Self { fc1, activation, fc2: Linear::new(&path.at("fc2"), hidden, channels, config)? })
    }

    /// `residual + scale · mlp(x)`, the sum in the pass of the last product; `scale` has a number
    /// for each channel, or there is none.
    ///
    /// # Errors
    /// As [`forward`](Layer::forward), and when the residual or the scale has another shape.
    pub fn forward_add(&self, x: &Tensor, mode: Mode<'_>, scale: Option<&Tensor>, residual: &Tensor) -> Result<Tensor> {
        self.fc2.forward_add(&self.fc1.forward_activate(x, mode, self.activation)?, mode, scale, residual)
    }
}

impl Layer for Mlp {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        self.fc2.forward(&self.fc1.forward_activate(x, mode, self.activation)?, mode)
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let hidden = self.fc1.graph(graph, x)?;
        let hidden = self.activation.graph(graph, hidden)?;
        self.fc2.graph(graph, hidden)
    }
}

/// A trainable factor for each channel, `gamma` below the given path: what a residual branch is
/// multiplied by, at first with a small number, so that a deep network begins near the identity.
///
/// # Shapes
/// (..,channels) to the same.
///
/// # References
/// H. Touvron, M. Cord, A. Sablayrolles, G. Synnaeve, H. Jégou, *Going deeper with Image
/// Transformers*, 2021.
#[derive(Clone, Debug)]
pub struct LayerScale {
    gamma: Var,
}

impl LayerScale {
    /// Factors that are `first` at first.
    ///
    /// # Errors
    /// When there are no channels, `first` is not finite, or the parameter exists with another
    /// shape.
    pub fn new(path: &ParamPath, channels: usize, first: f64) -> std::result::Result<Self, LayerError> {
        check(channels > 0, "channels", "1 or more", channels as f64)?;
        check(first.is_finite(), "first", "a finite number", first)?;
        Ok(Self { gamma: path.trainable("gamma", channels, Init::Const(first))? })
    }

    /// The factors, for an operation that multiplies on its way.
    pub fn gamma(&self, mode: Mode<'_>) -> Tensor {
        mode.param(&self.gamma)
    }
}

impl Layer for LayerScale {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        x.broadcast_mul(&self.gamma(mode))
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        graph.add(GraphOp::Factors, &[x], &[&self.gamma])
    }
}
