//! A layer norm and a linear layer: the head of ConvNeXt.

use candle_core::{Result, Tensor};
use candle_nn::Init;
use taper_nn::{Graph, GraphOp, Layer, LayerNorm, Linear, LinearConfig, Mode, ParamPath, Value};

use super::linear_head::mean;
use crate::TransferError;
use crate::check::check_size;

/// One linear layer on the normalized mean of each channel:
///
/// ```text
/// logits = fc(norm(mean over places of x))
/// ```
///
/// Parameters have timm's names, `norm` and `fc` below the path. The weight begins normal with
/// standard deviation 0.02, the bias 0.
///
/// # Shapes
/// (N,h,w,channels), or its means (N,channels), to (N,classes).
///
/// # References
/// Z. Liu, H. Mao, C.-Y. Wu, C. Feichtenhofer, T. Darrell, S. Xie, *A ConvNet for the 2020s*, 2022.
#[derive(Debug)]
pub struct NormHead {
    norm: LayerNorm,
    fc: Linear,
}

impl NormHead {
    /// The head with its parameters below `path`: `head` in timm's ConvNeXt.
    ///
    /// # Errors
    /// When a size is out of range, or a parameter exists with another shape.
    pub fn new(path: &ParamPath, channels: usize, classes: usize) -> std::result::Result<Self, TransferError> {
        check_size("channels", channels)?;
        check_size("classes", classes)?;
        let config = LinearConfig { init: Init::Randn { mean: 0.0, stdev: 0.02 }, ..LinearConfig::default() };
        let norm = LayerNorm::with_eps(&path.at("norm"), channels, 1e-6)?;
        Ok(Self { norm, fc: Linear::new(&path.at("fc"), channels, classes, config)? })
    }
}

impl Layer for NormHead {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        self.fc.forward(&self.norm.forward(&self.prepared(x)?, mode)?, mode)
    }

    fn prepared(&self, x: &Tensor) -> Result<Tensor> {
        mean(x)
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let cell = graph.add(GraphOp::AdaptiveAverage(1, 1), &[x], &[])?;
        let row = graph.add(GraphOp::Rows, &[cell], &[])?;
        let row = self.norm.graph(graph, row)?;
        let cell = graph.add(GraphOp::Map(1, 1), &[row], &[])?;
        let features = graph.add(GraphOp::Flatten, &[cell], &[])?;
        self.fc.graph(graph, features)
    }
}
