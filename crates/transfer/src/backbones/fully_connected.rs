//! The fully connected layers of VGG and AlexNet, as stages.

use std::ops::Range;

use candle_core::{Result, Tensor};
use taper_nn::{Activation, Graph, GraphOp, Layer, Linear, LinearConfig, Mode, ParamPath, Value};
use taper_regularize::Dropout;
use taper_tensor::{adaptive_avg_pool2d, relu};

use crate::backbones::stage::stage;
use crate::backbones::staged::Layers;
use crate::check::{check_fraction, check_size};
use crate::{Stage, TransferError, VggHeadConfig};

/// The two hidden layers of a classifier that sees every place of the map:
///
/// ```text
///         VGG                                          AlexNet
/// f     = x averaged to 7x7 cells                      to 6x6, flattened in the order channel, row, column
/// fc6   = relu(classifier.0 · f)                       relu(classifier.1 · dropout(f))
/// fc7   = relu(classifier.3 · dropout(fc6))            relu(classifier.4 · dropout(fc6))
/// ```
///
/// The last layer is [`VggHead`](crate::VggHead). Parameters have torchvision's names, and the
/// order of f is torchvision's, so its weights fit as they are. Weights begin normal with standard
/// deviation 0.01, biases 0. With 512 channels and 4096 features `classifier.0` alone has 103
/// million weights, 411 MB.
///
/// # Shapes
/// (N,h,w,channels) to (N,1,1,hidden): a map of one place, so that whatever follows a stage may
/// follow these.
///
/// # References
/// K. Simonyan, A. Zisserman, *Very Deep Convolutional Networks for Large-Scale Image Recognition*,
/// 2015. A. Krizhevsky, *One weird trick for parallelizing convolutional neural networks*, 2014.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FullyConnected {
    /// A grid of 7x7, dropout behind both layers.
    Vgg,
    /// A grid of 6x6, dropout before both layers.
    AlexNet,
}

impl FullyConnected {
    /// Its stages, with the papers' 4096 features.
    pub(crate) fn stages(self) -> [Stage; 2] {
        match self {
            Self::Vgg => [stage("fc6", 4096, 0, &["classifier.0"]), stage("fc7", 4096, 0, &["classifier.3"])],
            Self::AlexNet => [stage("fc6", 4096, 0, &["classifier.1"]), stage("fc7", 4096, 0, &["classifier.4"])],
        }
    }

    /// Cells along a side of the grid that the map is averaged to; at 224 pixels the map has as
    /// many.
    fn side(self) -> usize {
        match self {
            Self::Vgg => 7,
            Self::AlexNet => 6,
        }
    }

    /// torchvision's numbers of the dropout before each of the three layers.
    pub(crate) fn dropouts(self) -> [Option<usize>; 3] {
        match self {
            Self::Vgg => [None, Some(2), Some(5)],
            Self::AlexNet => [Some(0), Some(3), None],
        }
    }

    /// How many linear layers there are, the last of which gives the logits.
    pub(crate) const LAYERS: usize = 3;

    /// How many of them are stages, with as many in the head as `config` says.
    ///
    /// # Errors
    /// When that is none, or more than there are.
    pub(crate) fn stages_below(self, config: VggHeadConfig) -> std::result::Result<usize, TransferError> {
        match config.layers {
            layers @ 1..=Self::LAYERS => Ok(Self::LAYERS - layers),
            other => Err(TransferError::BadConfig { field: "layers", wanted: "from 1 to 3", got: other as f64 }),
        }
    }

    /// Those of both in `range`, over a map of so many channels; parameters below `path`.
    ///
    /// # Errors
    /// When a setting is out of range, or a parameter exists with another shape.
    pub(crate) fn build(
        self,
        path: &ParamPath,
        channels: usize,
        config: VggHeadConfig,
        range: Range<usize>,
    ) -> std::result::Result<Vec<(Stage, Layers)>, TransferError> {
        let VggHeadConfig { hidden, dropout, .. } = config;
        check_size("channels", channels)?;
        check_size("hidden", hidden)?;
        check_fraction("dropout", dropout)?;
        let inputs = [channels * self.side() * self.side(), if range.start == 0 { hidden } else { channels }];
        let cells = [Some(self.side()), None];
        let built = self
            .stages()
            .into_iter()
            .zip(self.dropouts())
            .zip(inputs.into_iter().zip(cells))
            .take(range.end)
            .skip(range.start);
        let layer = |((stage, noise), (inputs, cells)): ((Stage, Option<usize>), (usize, Option<usize>))| {
            let noise = noise.map(|n| Dropout::new(dropout, path.at("classifier").at(n).name())).transpose()?;
            let linear = Linear::new(&path.at(stage.prefixes[0]), inputs, hidden, LinearConfig::default())?;
            let layers: Layers = vec![Box::new(Dense { cells, dropout: noise, linear })];
            Ok((Stage { channels: hidden, ..stage }, layers))
        };
        built.map(layer).collect()
    }
}

/// A linear layer over all numbers of a map, with a rectifier behind it.
struct Dense {
    /// Cells along a side of the grid that the map is averaged to first.
    cells: Option<usize>,
    /// What is done to the features first.
    dropout: Option<Dropout>,
    linear: Linear,
}

impl Layer for Dense {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        let mut f = match self.cells {
            Some(side) => adaptive_avg_pool2d(x, (side, side))?.permute((0, 3, 1, 2))?.contiguous()?.flatten_from(1)?,
            None => x.flatten_from(1)?,
        };
        if let Some(dropout) = &self.dropout {
            f = dropout.forward(&f, mode)?;
        }
        let y = relu(&self.linear.forward(&f, mode)?)?;
        let (pictures, features) = y.dims2()?;
        y.reshape((pictures, 1, 1, features))
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let f = match self.cells {
            Some(side) => {
                let cells = graph.add(GraphOp::AdaptiveAverage(side, side), &[x], &[])?;
                graph.add(GraphOp::Flatten, &[cells], &[])?
            }
            None => x,
        };
        let y = self.linear.graph(graph, f)?;
        Activation::Relu.graph(graph, y)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use taper_nn::Params;
    use taper_tensor::Rng;

    use super::*;
    use crate::{Backbone, Staged};

    /// The two stages alone, as a network of their own.
    fn both(kind: FullyConnected, params: &Params, hidden: usize) -> Staged {
        let config = VggHeadConfig { hidden, ..Default::default() };
        Staged::new("fully connected", (3, 1), kind.build(&params.root(), 3, config, 0..2).unwrap())
    }

    fn features(net: &Staged, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        (0..2).try_fold(x.clone(), |x, i| net.stage(i, &x, mode))
    }

    /// Each hidden feature reads one number of the map, named by torchvision's place for it.
    #[test]
    fn the_map_is_flattened_by_channel_then_row_then_column() -> Result<()> {
        let (channels, places) = (3, [(0, 0, 1), (2, 6, 3), (1, 4, 0)]);
        let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
        let net = both(FullyConnected::Vgg, &params, 3);
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
        assert_eq!(features(&net, &map, Mode::Eval)?.flatten_from(1)?.to_vec2::<f32>()?, [wanted]);
        Ok(())
    }

    #[test]
    fn layers_have_torchvisions_names_and_numbers_are_checked() {
        for (kind, names) in [
            (FullyConnected::Vgg, ["classifier.0.weight", "classifier.3.weight"]),
            (FullyConnected::AlexNet, ["classifier.1.weight", "classifier.4.weight"]),
        ] {
            let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
            both(kind, &params, 5);
            let own: Vec<String> = params.tensors().into_keys().filter(|name| name.ends_with("weight")).collect();
            assert_eq!(own, names);
        }
        let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
        for config in [
            VggHeadConfig { hidden: 1 << 62, ..Default::default() },
            VggHeadConfig { hidden: 0, ..Default::default() },
            VggHeadConfig { hidden: 3, dropout: -0.5, ..Default::default() },
        ] {
            let refused = FullyConnected::Vgg.build(&params.root(), 3, config, 0..2).err().unwrap();
            assert!(matches!(refused, TransferError::BadConfig { .. }));
        }
        assert!(params.tensors().is_empty());
    }

    /// Dropout stands before a layer, so that a frozen stage before it changes nothing of it.
    #[test]
    fn a_stage_drops_what_it_reads() -> Result<()> {
        let map = Tensor::ones((1, 7, 7, 3), DType::F32, &Device::Cpu)?;
        for (kind, first) in [(FullyConnected::Vgg, false), (FullyConnected::AlexNet, true)] {
            let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
            let net = both(kind, &params, 64);
            let noise = Rng::new(5);
            let run = |i, x: &Tensor, mode| net.stage(i, x, mode)?.flatten_all()?.to_vec1::<f32>();
            let fc6 = net.stage(0, &map, Mode::Eval)?;
            assert_eq!(run(0, &map, Mode::Eval)? != run(0, &map, Mode::Train(&noise))?, first, "{kind:?}");
            assert_ne!(run(1, &fc6, Mode::Eval)?, run(1, &fc6, Mode::Train(&noise))?, "{kind:?}");
        }
        Ok(())
    }
}
