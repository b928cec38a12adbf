//! Two linear layers: the head of MobileNetV3.

use std::fmt;

use candle_core::{Result, Tensor};
use serde::{Deserialize, Serialize};
use taper_nn::{Activation, Graph, Layer, Linear, LinearConfig, Mode, ParamPath, Value};
use taper_regularize::Dropout;

use crate::TransferError;
use crate::check::{check_fraction, check_size};
use crate::heads::linear_head::{mean, mean_in};

/// Settings of [`MlpHead`] and [`NormMlpHead`](crate::NormMlpHead).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MlpHeadConfig {
    /// Features between the two layers, 1 to 65536; MobileNetV3-Large and MobileNetV4 have 1280,
    /// MobileNetV3-Small 1024. Default 1024.
    pub hidden: usize,
    /// The fraction of them that is dropped in training, in [0, 1); torchvision's 0.2.
    pub dropout: f64,
}

impl Default for MlpHeadConfig {
    fn default() -> Self {
        Self { hidden: 1024, dropout: 0.2 }
    }
}

impl MlpHeadConfig {
    /// Refuses sizes and a fraction that are out of range.
    pub(super) fn check(&self, channels: usize, classes: usize) -> std::result::Result<(), TransferError> {
        for (field, size) in [("channels", channels), ("classes", classes), ("hidden", self.hidden)] {
            check_size(field, size)?;
        }
        check_fraction("dropout", self.dropout)
    }
}

/// A hidden layer on the mean of each channel:
///
/// ```text
/// h      = activation(classifier.0 · (mean over places of x))
/// logits = classifier.3 · dropout(h)
/// ```
///
/// With the hard swish it is MobileNetV3's classifier, by torchvision's names. Weights begin normal
/// with standard deviation 0.01, biases 0.
///
/// # Shapes
/// (N,h,w,channels), or its means (N,channels), to (N,classes).
///
/// # Examples
/// ```
/// use candle_core::{DType, Device};
/// use taper_nn::{Activation, Params};
/// use taper_tensor::Rng;
/// use taper_transfer::{MlpHead, MlpHeadConfig};
/// let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
/// MlpHead::new(&params.root(), 576, 10, MlpHeadConfig::default(), Activation::HardSwish)?;
/// assert_eq!(params.tensors()["classifier.3.weight"].dims(), [10, 1024]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MlpHead {
    hidden: Linear,
    activation: Activation,
    dropout: Dropout,
    last: Linear,
}

impl MlpHead {
    /// The head with its parameters below `path`.
    ///
    /// # Errors
    /// When a size or dropout is out of range, or a parameter exists with another shape.
    pub fn new(
        path: &ParamPath,
        channels: usize,
        classes: usize,
        config: MlpHeadConfig,
        activation: Activation,
    ) -> std::result::Result<Self, TransferError> {
        config.check(channels, classes)?;
        let MlpHeadConfig { hidden, dropout } = config;
        let path = path.at("classifier");
        Ok(Self {
            hidden: Linear::new(&path.at(0), channels, hidden, LinearConfig::default())?,
            activation,
            dropout: Dropout::new(dropout, path.at(2).name())?,
            last: Linear::new(&path.at(3), hidden, classes, LinearConfig::default())?,
        })
    }
}

impl fmt::Debug for MlpHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MlpHead")
            .field("activation", &self.activation)
            .field("dropout", &self.dropout)
            .finish_non_exhaustive()
    }
}

impl Layer for MlpHead {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        let h = self.activation.apply(&self.hidden.forward(&mean(x)?, mode)?)?;
        self.last.forward(&self.dropout.forward(&h, mode)?, mode)
    }

    fn prepared(&self, x: &Tensor) -> Result<Tensor> {
        mean(x)
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let f = mean_in(graph, x)?;
        let layers: [&dyn Layer; 3] = [&self.hidden, &self.activation, &self.last];
        layers.into_iter().try_fold(f, |h, layer| layer.graph(graph, h))
    }
}
