//! fastai's head.

use candle_core::{Result, Tensor, Var};
use candle_nn::init::DEFAULT_KAIMING_NORMAL;
use serde::{Deserialize, Serialize};
use taper_nn::{Activation, Graph, GraphOp, Layer, Mode, ParamPath, Value};
use taper_regularize::{BatchNorm, BatchNormConfig, DropConnect, Dropout, Inference, Product};
use taper_tensor::{global_avg_pool, global_max_pool, linear};

use crate::TransferError;
use crate::check::{check_fraction, check_size};

/// Settings of [`ConcatPoolHead`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConcatPoolHeadConfig {
    /// Features between the two linear layers, 1 to 65536; fastai's 512.
    pub hidden: usize,
    /// The fraction dropped before the last layer, in [0, 1), and half of it before the first;
    /// fastai's 0.5.
    pub dropout: f64,
    /// The fraction of the weights before the hidden layer that each step forgets
    /// ([`DropConnect`](taper_regularize::DropConnect)), in [0, 1). Default 0.
    pub drop_connect: f64,
}

impl Default for ConcatPoolHeadConfig {
    fn default() -> Self {
        Self { hidden: 512, dropout: 0.5, drop_connect: 0.0 }
    }
}

/// Two layers on what the feature map has at most and on average:
///
/// ```text
/// f      = concat(max over places of x, mean over places of x)
/// h      = relu(drop_connect(fc1) · dropout(norm1(f), dropout / 2))
/// logits = fc2 · dropout(norm2(h), dropout)
/// ```
///
/// Parameters are `head.{norm1,norm2}.{weight,bias}` with their running statistics and
/// `head.{fc1,fc2}.weight`. No linear layer has a bias: as in fastai, the norm before it shifts for
/// it. Linear weights begin normal (He et al.).
///
/// # Shapes
/// (N,h,w,channels), or its f (N,2·channels), to (N,classes). In training N must be 2 or more, for
/// the norms.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device};
/// use taper_nn::Params;
/// use taper_tensor::Rng;
/// use taper_transfer::{ConcatPoolHead, ConcatPoolHeadConfig};
/// let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
/// ConcatPoolHead::new(&params.root(), 512, 10, ConcatPoolHeadConfig::default())?;
/// assert_eq!(params.tensors()["head.fc1.weight"].dims(), [512, 1024]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// J. Howard, S. Gugger, *fastai: A Layered API for Deep Learning*, 2020.
#[derive(Debug)]
pub struct ConcatPoolHead {
    norm1: BatchNorm,
    dropout1: Dropout,
    fc1: DropConnect,
    norm2: BatchNorm,
    dropout2: Dropout,
    fc2: Var,
}

impl ConcatPoolHead {
    /// The head with its parameters below `path`.
    ///
    /// # Errors
    /// When a size or dropout is out of range, or a parameter exists with another shape.
    pub fn new(
        path: &ParamPath,
        channels: usize,
        classes: usize,
        config: ConcatPoolHeadConfig,
    ) -> std::result::Result<Self, TransferError> {
        let ConcatPoolHeadConfig { hidden, dropout, drop_connect } = config;
        for (field, size) in [("channels", channels), ("classes", classes), ("hidden", hidden)] {
            check_size(field, size)?;
        }
        check_fraction("dropout", dropout)?;
        check_fraction("drop_connect", drop_connect)?;
        let path = path.at("head");
        let norm = BatchNormConfig::default();
        let pooled = 2 * channels;
        let (fc1, mean) = (path.at("fc1"), Inference::MeanWeights);
        let weight = fc1.trainable("weight", (hidden, pooled), DEFAULT_KAIMING_NORMAL)?;
        Ok(Self {
            norm1: BatchNorm::new(&path.at("norm1"), pooled, norm)?,
            dropout1: Dropout::new(dropout / 2.0, path.at("dropout1").name())?,
            fc1: DropConnect::new(Product::Linear, (weight, None), drop_connect, Activation::Relu, mean, fc1.name())?,
            norm2: BatchNorm::new(&path.at("norm2"), hidden, norm)?,
            dropout2: Dropout::new(dropout, path.at("dropout2").name())?,
            fc2: path.at("fc2").trainable("weight", (classes, hidden), DEFAULT_KAIMING_NORMAL)?,
        })
    }
}

impl Layer for ConcatPoolHead {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        let f = self.prepared(x)?;
        let f = self.dropout1.forward(&self.norm1.forward(&f, mode)?, mode)?;
        let h = self.fc1.forward(&f, mode)?;
        let h = self.dropout2.forward(&self.norm2.forward(&h, mode)?, mode)?;
        linear(&h, &mode.param(&self.fc2), None)
    }

    /// f of a map; f itself.
    fn prepared(&self, x: &Tensor) -> Result<Tensor> {
        if x.rank() == 2 { Ok(x.clone()) } else { Tensor::cat(&[global_max_pool(x)?, global_avg_pool(x)?], 1) }
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let pools = [GraphOp::GlobalMax, GraphOp::AdaptiveAverage(1, 1)];
        // What a fully connected layer gives has no places: its maximum and its mean are itself.
        let f = if graph.shape(x).len() == 1 {
            graph.add(GraphOp::Concat, &[x, x], &[])?
        } else {
            let [most, mean] = pools.map(|pool| graph.add(pool, &[x], &[]));
            let both = graph.add(GraphOp::Concat, &[most?, mean?], &[])?;
            graph.add(GraphOp::Flatten, &[both], &[])?
        };
        let layers: [&dyn Layer; 3] = [&self.norm1, &self.fc1, &self.norm2];
        let h = layers.into_iter().try_fold(f, |h, layer| layer.graph(graph, h))?;
        graph.add(GraphOp::Linear, &[h], &[&self.fc2])
    }
}
