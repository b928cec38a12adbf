//! The fully connected layer.

use candle_core::{Result, Tensor, Var};
use candle_nn::Init;
use taper_tensor::linear;

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
}

impl Default for LinearConfig {
    fn default() -> Self {
        Self { bias: true, init: Init::Randn { mean: 0.0, stdev: 0.01 } }
    }
}

/// `y = x Wᵀ + b`. `weight` W (outputs, inputs) and, where there is one, `bias` b (outputs) are
/// trainables below the given path, in PyTorch's shapes.
///
/// # Shapes
/// (N,inputs) to (N,outputs).
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
/// Inputs have two axes. Weights begin normal, there uniform in `±1/√inputs`, and biases 0, there
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
        let weight = path.trainable("weight", (outputs, inputs), config.init)?;
        let bias = config.bias.then(|| path.trainable("bias", outputs, Init::Const(0.0))).transpose()?;
        Ok(Self { weight, bias })
    }
}

impl Layer for Linear {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        let bias = self.bias.as_ref().map(|bias| mode.param(bias));
        linear(x, &mode.param(&self.weight), bias.as_ref())
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let parameters: Vec<&Var> = [&self.weight].into_iter().chain(&self.bias).collect();
        graph.add(GraphOp::Linear, &[x], &parameters)
    }
}
