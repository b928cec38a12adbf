//! The fully connected layer.

use candle_core::{Result, Tensor, Var};
use candle_nn::Init;
use taper_tensor::{linear, linear_activate, linear_add};

use crate::activation::Activation;
use crate::error::{LayerError, check};
use crate::graph::{Graph, GraphOp, Value};
use crate::layer::Layer;
use crate::mode::Mode;
use crate::params::ParamPath;

/// Settings of [`Linear`].
#[derive(Clone, Copy, Debug)]
pub struct LinearConfig {
    /// Whether there is a bias, first 0; PyTorch's yes.
    pub bias: bool,
    /// What the weight is drawn from. Default normal with standard deviation 0.01, as in AlexNet
    /// and VGG.
    pub init: Init,
    /// Whether the weight has the shape (O,I,1,1) of a convolution of single pixels, as in timm's
    /// smallest ConvNeXts. Default no.
    pub as_convolution: bool,
}

impl Default for LinearConfig {
    fn default() -> Self {
        Self { bias: true, init: Init::Randn { mean: 0.0, stdev: 0.01 }, as_convolution: false }
    }
}

/// `y = x Wᵀ + b`. `weight` W (outputs, inputs) and, where there is one, `bias` b (outputs) are
/// trainables below the given path, in PyTorch's shapes.
///
/// # Shapes
/// (..,inputs) to (..,outputs).
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_nn::{Layer, Linear, LinearConfig, Mode, Params};
/// use taper_tensor::Rng;
/// let params = Params::new(Rng::new(0).fork("init"), DType::F32, Device::Cpu);
/// let fc = Linear::new(&params.root().at("fc"), 512, 10, LinearConfig::default())?;
/// let logits = fc.forward(&Tensor::zeros((4, 512), DType::F32, &Device::Cpu)?, Mode::Eval)?;
/// assert_eq!(logits.dims(), [4, 10]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Differs from PyTorch
/// Weights begin normal, there uniform in `±1/√inputs`, and biases 0, there
/// uniform too.
#[derive(Clone, Debug)]
pub struct Linear {
    weight: Var,
    bias: Option<Var>,
}

impl Linear {
    /// A layer with its parameters below `path`.
    ///
    /// # Errors
    /// When a size is 0, or a parameter exists with another shape or is larger than the parameters
    /// may be.
    pub fn new(
        path: &ParamPath,
        inputs: usize,
        outputs: usize,
        config: LinearConfig,
    ) -> std::result::Result<Self, LayerError> {
        for (field, size) in [("inputs", inputs), ("outputs", outputs)] {
            check(size > 0, field, "1 or more", size as f64)?;
        }
        let weight = match config.as_convolution {
            true => path.trainable("weight", (outputs, inputs, 1, 1), config.init)?,
            false => path.trainable("weight", (outputs, inputs), config.init)?,
        };
        let bias = config.bias.then(|| path.trainable("bias", outputs, Init::Const(0.0))).transpose()?;
        Ok(Self { weight, bias })
    }

    /// `f(x Wᵀ + b)`, in one pass where f has a kernel.
    ///
    /// # Errors
    /// As [`forward`](Layer::forward).
    pub fn forward_activate(&self, x: &Tensor, mode: Mode<'_>, activation: Activation) -> Result<Tensor> {
        match activation.pointwise() {
            Some(function) => linear_activate(x, &mode.param(&self.weight), self.bias(mode).as_ref(), function),
            None => activation.apply(&self.forward(x, mode)?),
        }
    }

    /// `residual + scale · (x Wᵀ + b)`, in one pass; `scale` has a number for each output, or there
    /// is none.
    ///
    /// # Errors
    /// As [`forward`](Layer::forward), and when the residual or the scale has another shape.
    pub fn forward_add(&self, x: &Tensor, mode: Mode<'_>, scale: Option<&Tensor>, residual: &Tensor) -> Result<Tensor> {
        linear_add(x, &mode.param(&self.weight), self.bias(mode).as_ref(), scale, residual)
    }

    fn bias(&self, mode: Mode<'_>) -> Option<Tensor> {
        self.bias.as_ref().map(|bias| mode.param(bias))
    }
}

impl Layer for Linear {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        linear(x, &mode.param(&self.weight), self.bias(mode).as_ref())
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let parameters: Vec<&Var> = [&self.weight].into_iter().chain(&self.bias).collect();
        graph.add(GraphOp::Linear, &[x], &parameters)
    }
}
