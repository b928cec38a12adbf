//! Convolutions with their weights, alone or with a norm behind them.

use candle_core::{Error, Result, Tensor, Var};
use candle_nn::Init;
use candle_nn::init::{FanInOut, NonLinearity, NormalOrUniform};
use taper_regularize::{BatchNorm, BatchNormConfig};
use taper_tensor::{Activation, Conv, Epilogue, Graph, Layer, Mode, Operation, Path, Value, conv2d, conv2d_relu};

/// Normal with variance `2 / (outputs · K²)`: what torchvision's VGG and ResNet begin with (He et al.).
pub(crate) const HE_FAN_OUT: Init =
    Init::Kaiming { dist: NormalOrUniform::Normal, fan: FanInOut::FanOut, non_linearity: NonLinearity::ReLU };

/// Weight (O,I,K,K) and, where there is one, bias (O), first 0, below a path.
pub(crate) struct Convolution {
    weight: Var,
    bias: Option<Var>,
    geometry: Conv,
}

impl Convolution {
    /// With a bias.
    pub(crate) fn new(
        path: &Path,
        shape @ (_, outputs, _): (usize, usize, usize),
        geometry: Conv,
        first: Init,
    ) -> Result<Self> {
        let bias = path.trainable("bias", outputs, Init::Const(0.0))?;
        Ok(Self { bias: Some(bias), ..Self::without_bias(path, shape, geometry, first)? })
    }

    /// Without: a norm behind it shifts.
    pub(crate) fn without_bias(
        path: &Path,
        (inputs, outputs, kernel): (usize, usize, usize),
        geometry: Conv,
        first: Init,
    ) -> Result<Self> {
        let weight = path.trainable("weight", (outputs, inputs / geometry.groups.max(1), kernel, kernel), first)?;
        Ok(Self { weight, bias: None, geometry })
    }

    /// `relu(weight * x + bias)`.
    pub(crate) fn forward_relu(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        let bias = self.bias.as_ref().map(|bias| mode.param(bias));
        conv2d_relu(x, &mode.param(&self.weight), bias.as_ref(), self.geometry)
    }
}

impl Layer for Convolution {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        let bias = self.bias.as_ref().map(|bias| mode.param(bias));
        conv2d(x, &mode.param(&self.weight), bias.as_ref(), self.geometry)
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let parameters: Vec<&Var> = [&self.weight].into_iter().chain(&self.bias).collect();
        graph.add(Operation::Conv(self.geometry), &[x], &parameters)
    }
}

/// A convolution and the rectifier behind it, in one pass.
pub(crate) struct ConvRelu(pub(crate) Convolution);

impl Layer for ConvRelu {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        self.0.forward_relu(x, mode)
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let y = self.0.graph(graph, x)?;
        Activation::Relu.graph(graph, y)
    }
}

/// A convolution and the batch norm behind it, which have places of their own in the names.
pub(crate) struct ConvNorm {
    convolution: Convolution,
    norm: BatchNorm,
}

impl ConvNorm {
    pub(crate) fn new(convolution: Convolution, norm: &Path, channels: usize) -> Result<Self> {
        Self::with(convolution, norm, channels, BatchNormConfig::default())
    }

    pub(crate) fn with(
        convolution: Convolution,
        norm: &Path,
        channels: usize,
        config: BatchNormConfig,
    ) -> Result<Self> {
        Ok(Self { convolution, norm: BatchNorm::new(norm, channels, config).map_err(Error::wrap)? })
    }

    /// `relu(norm(weight * x))`.
    pub(crate) fn forward_relu(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        self.forward_then(x, mode, Epilogue::Relu)
    }

    /// `relu(norm(weight * x) + residual)`.
    pub(crate) fn forward_add_relu(&self, x: &Tensor, residual: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        self.forward_then(x, mode, Epilogue::AddRelu(residual))
    }

    fn forward_then(&self, x: &Tensor, mode: Mode<'_>, epilogue: Epilogue<'_>) -> Result<Tensor> {
        let Convolution { weight, bias, geometry } = &self.convolution;
        match bias {
            None => self.norm.forward_convolved((x, &mode.param(weight), *geometry), mode, epilogue),
            Some(_) => self.norm.forward_then(&self.convolution.forward(x, mode)?, mode, epilogue),
        }
    }
}

impl Layer for ConvNorm {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        self.forward_then(x, mode, Epilogue::None)
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let y = self.convolution.graph(graph, x)?;
        self.norm.graph(graph, y)
    }
}

/// A convolution, the batch norm behind it, and what follows both.
pub(crate) struct ConvNormAct(pub(crate) ConvNorm, pub(crate) Activation);

impl Layer for ConvNormAct {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        match self.1 {
            Activation::Relu => self.0.forward_relu(x, mode),
            other => other.apply(&self.0.forward(x, mode)?),
        }
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let y = self.0.graph(graph, x)?;
        self.1.graph(graph, y)
    }
}
