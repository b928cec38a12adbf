//! Two linear layers with a norm between them: the head of MobileNetV4.

use std::fmt;

use candle_core::{Result, Tensor};
use taper_nn::{
    Activation, BatchNormConfig, Conv2dConfig, ConvNormAct, Graph, GraphOp, Layer, Linear, LinearConfig, Mode,
    ParamPath, Value,
};
use taper_regularize::Dropout;

use super::mlp_head::MlpHeadConfig;
use crate::TransferError;
use crate::backbones::conv_norm::centered;
use crate::heads::linear_head::mean;

/// A hidden layer with a batch norm on the mean of each channel:
///
/// ```text
/// h      = relu(norm(classifier.0 · (mean over places of x)))
/// logits = classifier.4 · dropout(h)
/// ```
///
/// The norm is `classifier.1`; timm calls the three `conv_head`, `norm_head` and `classifier`. The
/// first is a pointwise convolution without a bias, as there. Its weights begin normal (He et al.),
/// those of the last with standard deviation 0.01.
///
/// # Shapes
/// (N,h,w,channels), or its means (N,channels), to (N,classes); in training N is 2 or more for the
/// norm.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device};
/// use taper_nn::Params;
/// use taper_tensor::Rng;
/// use taper_transfer::{MlpHeadConfig, NormMlpHead};
/// let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
/// NormMlpHead::new(&params.root(), 960, 10, MlpHeadConfig { hidden: 1280, dropout: 0.2 })?;
/// assert_eq!(params.tensors()["classifier.0.weight"].dims(), [1280, 960, 1, 1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct NormMlpHead {
    hidden: ConvNormAct,
    dropout: Dropout,
    last: Linear,
}

impl NormMlpHead {
    /// The head with its parameters below `path`.
    ///
    /// # Errors
    /// When a size or dropout is out of range, or a parameter exists with another shape.
    pub fn new(
        path: &ParamPath,
        channels: usize,
        classes: usize,
        config: MlpHeadConfig,
    ) -> std::result::Result<Self, TransferError> {
        config.check(channels, classes)?;
        let MlpHeadConfig { hidden, dropout } = config;
        let path = path.at("classifier");
        let (at, sizes) = ([&path.at(0), &path.at(1)], (channels, hidden, 1));
        let first = centered(at, sizes, Conv2dConfig::default(), BatchNormConfig::default())?;
        Ok(Self {
            hidden: ConvNormAct(first, Activation::Relu),
            dropout: Dropout::new(dropout, path.at(3).name())?,
            last: Linear::new(&path.at(4), hidden, classes, LinearConfig::default())?,
        })
    }
}

impl fmt::Debug for NormMlpHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NormMlpHead").field("dropout", &self.dropout).finish_non_exhaustive()
    }
}

impl Layer for NormMlpHead {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        let pixel = mean(x)?.unsqueeze(1)?.unsqueeze(1)?;
        let h = self.hidden.forward(&pixel, mode)?.flatten_from(1)?;
        self.last.forward(&self.dropout.forward(&h, mode)?, mode)
    }

    fn prepared(&self, x: &Tensor) -> Result<Tensor> {
        mean(x)
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let pixel = graph.add(GraphOp::AdaptiveAverage(1, 1), &[x], &[])?;
        let h = self.hidden.graph(graph, pixel)?;
        let h = graph.add(GraphOp::Flatten, &[h], &[])?;
        self.last.graph(graph, h)
    }
}
