//! A convolution and the batch norm behind it.

use candle_core::{Result, Tensor};
use taper_tensor::Epilogue;

use super::batch_norm::BatchNorm;
use super::conv2d::Conv2d;
use crate::activation::Activation;
use crate::graph::{Graph, Value};
use crate::layer::Layer;
use crate::mode::Mode;

/// A convolution and the batch norm behind it, `norm(conv(x))`. Where the convolution has no bias
/// both are one operation in training: the convolution sums up its output for the norm while it
/// computes it.
///
/// # Shapes
/// As [`Conv2d`].
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_nn::{BatchNorm, BatchNormConfig, Conv2d, Conv2dConfig, ConvNorm, Mode, Params};
/// use taper_tensor::Rng;
/// let params = Params::new(Rng::new(0).fork("init"), DType::F32, Device::Cpu);
/// let path = params.root().at("layer1.0");
/// let config = Conv2dConfig { padding: 1, bias: false, ..Conv2dConfig::default() };
/// let conv = Conv2d::new(&path.at("conv2"), 8, 8, 3, config)?;
/// let block = ConvNorm { conv, norm: BatchNorm::new(&path.at("bn2"), 8, BatchNormConfig::default())? };
/// let x = Tensor::ones((2, 6, 6, 8), DType::F32, &Device::Cpu)?;
/// let y = block.forward_add_relu(&x, &x, Mode::Train(&Rng::new(0)))?; // a residual block ends so
/// assert_eq!(y.dims(), x.dims());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ConvNorm {
    /// The convolution, better without a bias: the norm has one.
    pub conv: Conv2d,
    /// The norm of its outputs.
    pub norm: BatchNorm,
}

impl ConvNorm {
    /// `max(norm(conv(x)), 0)`.
    ///
    /// # Errors
    /// As [`forward`](Layer::forward).
    pub fn forward_relu(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        self.forward_then(x, mode, Epilogue::Relu)
    }

    /// `max(norm(conv(x)) + residual, 0)`.
    ///
    /// # Errors
    /// As [`forward`](Layer::forward), and when the residual has another shape than the output.
    pub fn forward_add_relu(&self, x: &Tensor, residual: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        self.forward_then(x, mode, Epilogue::AddRelu(residual))
    }

    fn forward_then(&self, x: &Tensor, mode: Mode<'_>, epilogue: Epilogue<'_>) -> Result<Tensor> {
        match self.conv.has_bias() {
            false => self.norm.forward_convolved(&self.conv, x, mode, epilogue),
            true => self.norm.forward_then(&self.conv.forward(x, mode)?, mode, epilogue),
        }
    }
}

impl Layer for ConvNorm {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        self.forward_then(x, mode, Epilogue::None)
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let y = self.conv.graph(graph, x)?;
        self.norm.graph(graph, y)
    }
}

/// A convolution, the batch norm behind it, and an activation: torchvision's
/// `Conv2dNormActivation`. A rectifier, and whatever else has a kernel, is computed in the same
/// pass.
#[derive(Clone, Debug)]
pub struct ConvNormAct(pub ConvNorm, pub Activation);

impl Layer for ConvNormAct {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        match self.1 {
            Activation::Relu => self.0.forward_relu(x, mode),
            other => match other.pointwise() {
                Some(function) => self.0.forward_then(x, mode, Epilogue::Activate(function)),
                None => other.apply(&self.0.forward(x, mode)?),
            },
        }
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let y = self.0.graph(graph, x)?;
        self.1.graph(graph, y)
    }
}
