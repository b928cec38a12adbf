//! One linear layer: the head of ResNet, DenseNet, MobileNetV2 and EfficientNet.

use candle_core::{Result, Tensor, Var};
use candle_nn::Init;
use serde::{Deserialize, Serialize};
use taper_nn::{Graph, GraphOp, Layer, Mode, ParamPath, Value};
use taper_regularize::Dropout;
use taper_tensor::{global_avg_pool, linear};

use crate::TransferError;
use crate::check::{check_fraction, check_size};

/// Settings of a [`LinearHead`] with dropout.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DropoutConfig {
    /// The fraction of the features that is dropped in training, in [0, 1); torchvision's 0.2.
    pub dropout: f64,
}

impl Default for DropoutConfig {
    fn default() -> Self {
        Self { dropout: 0.2 }
    }
}

/// One linear layer on the mean of each channel:
///
/// ```text
/// logits = weight · dropout(mean over places of x) + bias
/// ```
///
/// Weights and bias begin uniform in ±1/√channels.
///
/// # Shapes
/// (N,h,w,channels), or its means (N,channels), to (N,classes).
///
/// # Examples
/// ```
/// use candle_core::{DType, Device};
/// use taper_nn::Params;
/// use taper_tensor::Rng;
/// use taper_transfer::LinearHead;
/// let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
/// LinearHead::new(&params.root().at("fc"), 512, 10, 0.0)?;
/// assert_eq!(params.tensors()["fc.weight"].dims(), [10, 512]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// M. Lin, Q. Chen, S. Yan, *Network In Network*, 2014.
#[derive(Debug)]
pub struct LinearHead {
    dropout: Dropout,
    weight: Var,
    bias: Var,
}

impl LinearHead {
    /// The head, its weight and bias at `path`: `fc` in torchvision's ResNet, `classifier` in its
    /// DenseNet, `classifier.1` behind `dropout` in its MobileNetV2 and EfficientNet.
    ///
    /// # Errors
    /// When a size or dropout is out of range, or a parameter exists with another shape.
    pub fn new(
        path: &ParamPath,
        channels: usize,
        classes: usize,
        dropout: f64,
    ) -> std::result::Result<Self, TransferError> {
        check_size("channels", channels)?;
        check_size("classes", classes)?;
        check_fraction("dropout", dropout)?;
        let bound = 1.0 / (channels as f64).sqrt();
        let first = Init::Uniform { lo: -bound, up: bound };
        Ok(Self {
            dropout: Dropout::new(dropout, path.at("dropout").name())?,
            weight: path.trainable("weight", (classes, channels), first)?,
            bias: path.trainable("bias", classes, first)?,
        })
    }
}

impl Layer for LinearHead {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        linear(
            &self.dropout.forward(&self.prepared(x)?, mode)?,
            &mode.param(&self.weight),
            Some(&mode.param(&self.bias)),
        )
    }

    fn prepared(&self, x: &Tensor) -> Result<Tensor> {
        mean(x)
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let f = mean_in(graph, x)?;
        graph.add(GraphOp::Linear, &[f], &[&self.weight, &self.bias])
    }
}

/// The mean of each channel of a map (N,h,w,C); of means (N,C) they themselves.
pub(crate) fn mean(x: &Tensor) -> Result<Tensor> {
    if x.rank() == 2 { Ok(x.clone()) } else { global_avg_pool(x) }
}

/// The same in a graph.
pub(crate) fn mean_in(graph: &mut Graph, x: Value) -> Result<Value> {
    // What a fully connected layer gives has no places.
    if graph.shape(x).len() == 1 {
        return Ok(x);
    }
    let cell = graph.add(GraphOp::AdaptiveAverage(1, 1), &[x], &[])?;
    graph.add(GraphOp::Flatten, &[cell], &[])
}
