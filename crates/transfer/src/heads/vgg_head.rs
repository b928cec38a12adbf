//! The last linear layer: the head of VGG and AlexNet.

use std::fmt;

use candle_core::{Result, Tensor};
use serde::{Deserialize, Serialize};
use taper_nn::{Graph, Layer, Linear, LinearConfig, Mode, ParamPath, Value};
use taper_regularize::Dropout;

use crate::TransferError;
use crate::check::{check_fraction, check_size};

/// Settings of VGG's and AlexNet's classifier: of the stages fc6 and fc7, and of [`VggHead`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VggHeadConfig {
    /// Features of both hidden layers, fc6 and fc7, 1 to 65536; the paper's 4096.
    pub hidden: usize,
    /// The fraction dropped in training behind each hidden layer, or before it in AlexNet, in [0,
    /// 1); the papers' 0.5.
    pub dropout: f64,
    /// How many of the three linear layers are the head, from the last; those before are the stages
    /// fc6 and fc7. A layer that begins anew belongs to the head, which is trained first. 1 to 3;
    /// default 1.
    #[serde(skip_serializing_if = "is_one")]
    pub layers: usize,
}

// serde hands over a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_one(layers: &usize) -> bool {
    *layers == 1
}

impl Default for VggHeadConfig {
    fn default() -> Self {
        Self { hidden: 4096, dropout: 0.5, layers: 1 }
    }
}

/// The last of three linear layers; the two before it are by default the stages fc6 and fc7 of a
/// network with this head ([`Architecture::classifier`](crate::Architecture::classifier)):
///
/// ```text
///          VGG                               AlexNet
/// logits = classifier.6 · dropout(fc7)       classifier.6 · fc7
/// ```
///
/// Parameters have torchvision's names. Weights begin normal with standard deviation 0.01, biases
/// 0.
///
/// # Shapes
/// (N,1,1,hidden), or (N,hidden), to (N,classes).
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_nn::{Layer, Mode, Params};
/// use taper_tensor::Rng;
/// use taper_transfer::{VggHead, VggHeadConfig};
/// let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
/// let head = VggHead::new(&params.root(), 32, 10, VggHeadConfig { hidden: 32, ..Default::default() }, Some(5))?;
/// assert_eq!(params.tensors()["classifier.6.weight"].dims(), [10, 32]);
/// let fc7 = Tensor::zeros((2, 1, 1, 32), DType::F32, &Device::Cpu)?;
/// assert_eq!(head.forward(&fc7, Mode::Eval)?.dims(), [2, 10]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// K. Simonyan, A. Zisserman, *Very Deep Convolutional Networks for Large-Scale Image Recognition*,
/// 2015. A. Krizhevsky, *One weird trick for parallelizing convolutional neural networks*, 2014.
pub struct VggHead {
    dropout: Option<Dropout>,
    linear: Linear,
}

impl VggHead {
    /// The head over so many features, its parameters below `path`; with `dropout` torchvision's
    /// number of the dropout before it.
    ///
    /// # Errors
    /// When a size or the dropout is out of range, or a parameter exists with another shape.
    pub fn new(
        path: &ParamPath,
        features: usize,
        classes: usize,
        config: VggHeadConfig,
        dropout: Option<usize>,
    ) -> std::result::Result<Self, TransferError> {
        for (field, size) in [("channels", features), ("classes", classes), ("hidden", config.hidden)] {
            check_size(field, size)?;
        }
        check_fraction("dropout", config.dropout)?;
        let path = path.at("classifier");
        let dropout = dropout.map(|n| Dropout::new(config.dropout, path.at(n).name())).transpose()?;
        Ok(Self { dropout, linear: Linear::new(&path.at(6), features, classes, LinearConfig::default())? })
    }
}

impl fmt::Debug for VggHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VggHead").field("dropout", &self.dropout).finish_non_exhaustive()
    }
}

impl Layer for VggHead {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        let f = self.prepared(x)?;
        match &self.dropout {
            Some(dropout) => self.linear.forward(&dropout.forward(&f, mode)?, mode),
            None => self.linear.forward(&f, mode),
        }
    }

    /// The features of a map of one place; features themselves.
    fn prepared(&self, x: &Tensor) -> Result<Tensor> {
        x.flatten_from(1)
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        self.linear.graph(graph, x)
    }
}
