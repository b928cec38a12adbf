//! Three linear layers: the head of VGG and AlexNet.

use std::fmt;

use candle_core::{Result, Tensor};
use serde::{Deserialize, Serialize};
use taper_nn::{Activation, Graph, GraphOp, Layer, Linear, LinearConfig, Mode, ParamPath, Value};
use taper_regularize::Dropout;
use taper_tensor::{adaptive_avg_pool2d, relu};

use crate::TransferError;
use crate::check::{check_fraction, check_size};

/// Whose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grid {
    /// A grid of 7x7, dropout behind the two hidden layers.
    Vgg,
    /// A grid of 6x6, dropout before them.
    AlexNet,
}

impl Grid {
    /// Cells along a side of the grid that the map is averaged to; at 224 pixels the map has as
    /// many.
    fn side(self) -> usize {
        match self {
            Grid::Vgg => 7,
            Grid::AlexNet => 6,
        }
    }

    /// torchvision's numbers of the linear layers, and of the dropout before each.
    fn numbers(self) -> [(Option<usize>, usize); 3] {
        match self {
            Grid::Vgg => [(None, 0), (Some(2), 3), (Some(5), 6)],
            Grid::AlexNet => [(Some(0), 1), (Some(3), 4), (None, 6)],
        }
    }
}

/// Settings of [`VggHead`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VggHeadConfig {
    /// Features of both hidden layers, 1 to 65536; the paper's 4096.
    pub hidden: usize,
    /// The fraction dropped in training behind each hidden layer, or before it in AlexNet, in [0,
    /// 1); the papers' 0.5.
    pub dropout: f64,
}

impl Default for VggHeadConfig {
    fn default() -> Self {
        Self { hidden: 4096, dropout: 0.5 }
    }
}

/// Three linear layers that see every place of the map:
///
/// ```text
///          VGG                                     AlexNet
/// f      = x averaged to 7x7 cells                 to 6x6, flattened in the order channel, row, column
/// h      = dropout(relu(classifier.0 · f))         relu(classifier.1 · dropout(f))
/// h      = dropout(relu(classifier.3 · h))         relu(classifier.4 · dropout(h))
/// logits = classifier.6 · h                        classifier.6 · h
/// ```
///
/// Parameters have torchvision's names, and the order of `f` is torchvision's, so its weights fit
/// as they are. Weights begin normal with standard deviation 0.01, biases 0. With 512 channels and
/// the defaults `classifier.0` alone has 103 million weights, 411 MB.
///
/// # Shapes
/// (N,h,w,channels), or its f, to (N,classes).
///
/// # Examples
/// ```
/// use candle_core::{DType, Device};
/// use taper_nn::Params;
/// use taper_tensor::Rng;
/// use taper_transfer::{Grid, VggHead, VggHeadConfig};
/// let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
/// VggHead::new(&params.root(), 64, 10, VggHeadConfig { hidden: 32, ..Default::default() }, Grid::Vgg)?;
/// assert_eq!(params.tensors()["classifier.0.weight"].dims(), [32, 64 * 7 * 7]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// K. Simonyan, A. Zisserman, *Very Deep Convolutional Networks for Large-Scale Image Recognition*,
/// 2015. A. Krizhevsky, *One weird trick for parallelizing convolutional neural networks*, 2014.
pub struct VggHead {
    side: usize,
    /// Each with the dropout before it.
    layers: Vec<(Option<Dropout>, Linear)>,
}

impl VggHead {
    /// The head with its parameters below `path`.
    ///
    /// # Errors
    /// When a size or dropout is out of range, or a parameter exists with another shape.
    pub fn new(
        path: &ParamPath,
        channels: usize,
        classes: usize,
        config: VggHeadConfig,
        grid: Grid,
    ) -> std::result::Result<Self, TransferError> {
        let VggHeadConfig { hidden, dropout } = config;
        for (field, size) in [("channels", channels), ("classes", classes), ("hidden", hidden)] {
            check_size(field, size)?;
        }
        check_fraction("dropout", dropout)?;
        let path = path.at("classifier");
        let sizes = [(channels * grid.side() * grid.side(), hidden), (hidden, hidden), (hidden, classes)];
        let layers = grid.numbers().into_iter().zip(sizes).map(|((noise, n), (inputs, outputs))| {
            let noise = noise.map(|n| Dropout::new(dropout, path.at(n).name())).transpose()?;
            Ok((noise, Linear::new(&path.at(n), inputs, outputs, LinearConfig::default())?))
        });
        Ok(Self { side: grid.side(), layers: layers.collect::<std::result::Result<_, TransferError>>()? })
    }
}

impl fmt::Debug for VggHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VggHead").field("side", &self.side).finish_non_exhaustive()
    }
}

impl Layer for VggHead {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        let mut h = self.prepared(x)?;
        for (i, (dropout, linear)) in self.layers.iter().enumerate() {
            if i > 0 {
                h = relu(&h)?;
            }
            if let Some(dropout) = dropout {
                h = dropout.forward(&h, mode)?;
            }
            h = linear.forward(&h, mode)?;
        }
        Ok(h)
    }

    /// f of a map; f itself.
    fn prepared(&self, x: &Tensor) -> Result<Tensor> {
        if x.rank() == 2 {
            return Ok(x.clone());
        }
        let cells = adaptive_avg_pool2d(x, (self.side, self.side))?;
        cells.permute((0, 3, 1, 2))?.contiguous()?.flatten_from(1)
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let cells = graph.add(GraphOp::AdaptiveAverage(self.side, self.side), &[x], &[])?;
        let mut h = graph.add(GraphOp::Flatten, &[cells], &[])?;
        for (i, (_, linear)) in self.layers.iter().enumerate() {
            if i > 0 {
                h = Activation::Relu.graph(graph, h)?;
            }
            h = linear.graph(graph, h)?;
        }
        Ok(h)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use taper_nn::Params;
    use taper_tensor::Rng;

    use super::*;

    /// Each hidden feature reads one number of the map, named by torchvision's place for it.
    #[test]
    fn the_map_is_flattened_by_channel_then_row_then_column() -> Result<()> {
        let (channels, places) = (3, [(0, 0, 1), (2, 6, 3), (1, 4, 0)]);
        let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
        let head =
            VggHead::new(&params.root(), channels, 3, VggHeadConfig { hidden: 3, dropout: 0.5 }, Grid::Vgg).unwrap();
        let mut first = vec![0f32; 3 * channels * 49];
        for (i, (c, row, column)) in places.into_iter().enumerate() {
            first[i * channels * 49 + (c * 7 + row) * 7 + column] = 1.0;
        }
        for (name, var) in params.trainables() {
            match name.as_str() {
                "classifier.0.weight" => var.set(&Tensor::from_slice(&first, var.shape(), &Device::Cpu)?)?,
                name if name.ends_with("weight") => var.set(&Tensor::eye(3, DType::F32, &Device::Cpu)?)?,
                _ => {}
            }
        }
        let map = Tensor::arange(0f32, (49 * channels) as f32, &Device::Cpu)?.reshape((1, 7, 7, channels))?;
        let wanted = places.map(|(c, row, column)| ((row * 7 + column) * channels + c) as f32);
        assert_eq!(head.forward(&map, Mode::Eval)?.to_vec2::<f32>()?, [wanted]);
        Ok(())
    }
}
