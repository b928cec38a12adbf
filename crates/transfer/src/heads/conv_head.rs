//! SqueezeNet's head.

use std::fmt;

use candle_core::{Result, Tensor};
use candle_nn::Init;
use serde::{Deserialize, Serialize};
use taper_nn::{Activation, Conv2d, Conv2dConfig, Graph, Layer, Mode, ParamPath, Value};
use taper_regularize::Dropout;
use taper_tensor::global_avg_pool;

use crate::TransferError;
use crate::check::{check_fraction, check_size};
use crate::heads::linear_head::mean_in;

/// Settings of [`ConvHead`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConvHeadConfig {
    /// The fraction of the feature map that is dropped in training, in [0, 1); torchvision's 0.5.
    pub dropout: f64,
}

impl Default for ConvHeadConfig {
    fn default() -> Self {
        Self { dropout: 0.5 }
    }
}

/// Classifies every place of the feature map, then averages:
///
/// ```text
/// logits = mean over places of relu(weight x dropout(x) + bias)
/// ```
///
/// The convolution is `classifier.1`, as in torchvision; weights begin normal with standard
/// deviation 0.01, the bias 0.
///
/// # Shapes
/// (N,h,w,channels) to (N,classes).
///
/// # Examples
/// ```
/// use candle_core::{DType, Device};
/// use taper_nn::Params;
/// use taper_tensor::Rng;
/// use taper_transfer::{ConvHead, ConvHeadConfig};
/// let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
/// ConvHead::new(&params.root(), 512, 10, ConvHeadConfig::default())?;
/// assert_eq!(params.tensors()["classifier.1.weight"].dims(), [10, 512, 1, 1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// F. Iandola et al., *SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB
/// model size*, 2016.
pub struct ConvHead {
    dropout: Dropout,
    convolution: Conv2d,
}

impl ConvHead {
    /// The head with its parameters below `path`.
    ///
    /// # Errors
    /// When a size or dropout is out of range, or a parameter exists with another shape.
    pub fn new(
        path: &ParamPath,
        channels: usize,
        classes: usize,
        config: ConvHeadConfig,
    ) -> std::result::Result<Self, TransferError> {
        check_size("channels", channels)?;
        check_size("classes", classes)?;
        check_fraction("dropout", config.dropout)?;
        let path = path.at("classifier");
        let conv = Conv2dConfig { init: Init::Randn { mean: 0.0, stdev: 0.01 }, ..Conv2dConfig::default() };
        Ok(Self {
            dropout: Dropout::new(config.dropout, path.at(0).name())?,
            convolution: Conv2d::new(&path.at(1), channels, classes, 1, conv)?,
        })
    }
}

impl fmt::Debug for ConvHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConvHead").field("dropout", &self.dropout).finish_non_exhaustive()
    }
}

impl Layer for ConvHead {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        let x = self.dropout.forward(x, mode)?;
        global_avg_pool(&self.convolution.forward_relu(&x, mode)?)
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let y = self.convolution.graph(graph, x)?;
        let y = Activation::Relu.graph(graph, y)?;
        mean_in(graph, y)
    }
}
