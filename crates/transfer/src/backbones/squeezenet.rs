//! SqueezeNet.

use candle_core::{Result, Tensor};
use candle_nn::init::DEFAULT_KAIMING_UNIFORM;
use taper_nn::{Activation, Conv2d, Conv2dConfig, ConvRelu, Graph, GraphOp, Layer, MaxPool2d, Mode, ParamPath, Value};
use taper_tensor::Pool;

use crate::backbones::stage::stage;
use crate::backbones::staged::Layers;
use crate::{BackboneConfig, Stage, Staged};

/// Which SqueezeNet.
#[derive(Clone, Copy, Debug)]
pub struct SqueezeNetLayers {
    /// The side of the stem's filters.
    kernel: usize,
    /// The side of the smallest picture whose maps are no smaller than the windows of the pools,
    /// pixels.
    smallest: usize,
    stages: [(Stage, Fires); 4],
}

/// Squeezed and expanded channels of a stage's fires, in the order of its prefixes; each expands to
/// twice the second number.
type Fires = &'static [(usize, usize)];

impl SqueezeNetLayers {
    pub(crate) fn stages(&self) -> [Stage; 4] {
        self.stages.map(|(stage, _)| stage)
    }

    /// The paper's.
    pub const V1_0: Self = Self {
        kernel: 7,
        smallest: 29,
        stages: [
            (stage("stem", 96, 2, &["features.0"]), &[]),
            (stage("fire2-4", 256, 4, &["features.3", "features.4", "features.5"]), &[(16, 64), (16, 64), (32, 128)]),
            (
                stage("fire5-8", 512, 8, &["features.7", "features.8", "features.9", "features.10"]),
                &[(32, 128), (48, 192), (48, 192), (64, 256)],
            ),
            (stage("fire9", 512, 16, &["features.12"]), &[(64, 256)]),
        ],
    };
    /// The authors' second: a smaller stem and earlier pools, as accurate for 2.4 times less work.
    pub const V1_1: Self = Self {
        kernel: 3,
        smallest: 25,
        stages: [
            (stage("stem", 64, 2, &["features.0"]), &[]),
            (stage("fire2-3", 128, 4, &["features.3", "features.4"]), &[(16, 64), (16, 64)]),
            (stage("fire4-5", 256, 8, &["features.6", "features.7"]), &[(32, 128), (32, 128)]),
            (
                stage("fire6-9", 512, 16, &["features.9", "features.10", "features.11", "features.12"]),
                &[(48, 192), (48, 192), (64, 256), (64, 256)],
            ),
        ],
    };
}

/// torchvision's pool: the last window may hang over the edge.
const POOL: Pool = Pool { kernel: (3, 3), stride: 2, padding: 0, ceil_mode: true };

struct Fire {
    squeeze: Conv2d,
    expand1x1: Conv2d,
    expand3x3: Conv2d,
}

impl Fire {
    fn new(path: &ParamPath, inputs: usize, squeezed: usize, expanded: usize) -> Result<Self> {
        let build = |name, inputs, outputs, kernel| {
            let init = DEFAULT_KAIMING_UNIFORM;
            let config = Conv2dConfig { padding: kernel / 2, init, ..Conv2dConfig::default() };
            Conv2d::new(&path.at(name), inputs, outputs, kernel, config)
        };
        Ok(Self {
            squeeze: build("squeeze", inputs, squeezed, 1)?,
            expand1x1: build("expand1x1", squeezed, expanded, 1)?,
            expand3x3: build("expand3x3", squeezed, expanded, 3)?,
        })
    }
}

impl Layer for Fire {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        let s = self.squeeze.forward_relu(x, mode)?;
        Conv2d::forward_relu_concat(&[&self.expand1x1, &self.expand3x3], &s, mode)
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let mut relu = |layer: &Conv2d, x| {
            let y = layer.graph(graph, x)?;
            Activation::Relu.graph(graph, y)
        };
        let s = relu(&self.squeeze, x)?;
        let both = [relu(&self.expand1x1, s)?, relu(&self.expand3x3, s)?];
        graph.add(GraphOp::Concat, &both, &[])
    }
}

/// SqueezeNet without its classifier: AlexNet's accuracy on ImageNet with a fiftieth of the
/// weights.
///
/// ```text
///             1.1             1.0
/// features.0  3x3, 64         7x7, 96      convolution of stride 2, ReLU                        stem
/// max pool    before 3, 6, 9  3, 7, 12     3x3, stride 2, ceil mode; each begins a stage
/// features.N  3 to 12, in a row            fire: s = relu(squeeze x), concat(relu(expand1x1 s), relu(expand3x3 s))
/// ```
///
/// Parameters have torchvision's names, `features.N.{squeeze,expand1x1,expand3x3}.{weight,bias}`,
/// and begin as there: weights uniform (He et al.), biases 0. torchvision's classifier is
/// [`ConvHead`](crate::ConvHead).
///
/// # Shapes
/// Normalized pictures (N,H,W,3), H and W 25 pixels or more (29 for 1.0), to (N,h,w,512); 224
/// pixels give 13.
///
/// # Errors
/// When a parameter exists with another shape.
///
/// # Differs from PyTorch
/// There, smaller pictures pass (17 pixels): a pool may hang over a map that is smaller than its
/// window.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_nn::{Mode, Params};
/// use taper_tensor::Rng;
/// use taper_transfer::{Backbone, BackboneConfig, SqueezeNetLayers, squeezenet};
/// let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
/// let net = squeezenet(&params.root(), SqueezeNetLayers::V1_1, &BackboneConfig::default())?;
/// let picture = Tensor::zeros((1, 64, 64, 3), DType::F32, &Device::Cpu)?;
/// assert_eq!(net.stage(0, &picture, Mode::Eval)?.dims(), [1, 31, 31, 64]);
/// # Ok::<(), candle_core::Error>(())
/// ```
///
/// # References
/// F. Iandola, S. Han, M. Moskewicz, K. Ashraf, W. Dally, K. Keutzer, *SqueezeNet: AlexNet-level
/// accuracy with 50x fewer parameters and <0.5MB model size*, 2016. K. He, X. Zhang, S. Ren, J.
/// Sun, *Delving Deep into Rectifiers*, 2015.
pub fn squeezenet(path: &ParamPath, layers: SqueezeNetLayers, config: &BackboneConfig) -> Result<Staged> {
    let mut inputs = config.channels;
    let stages = layers.stages.into_iter().map(|(stage, fires)| {
        let mut built: Layers = Vec::new();
        if fires.is_empty() {
            let inputs = std::mem::replace(&mut inputs, stage.channels);
            let config = Conv2dConfig { stride: 2, init: DEFAULT_KAIMING_UNIFORM, ..Conv2dConfig::default() };
            let stem = Conv2d::new(&path.at(stage.prefixes[0]), inputs, stage.channels, layers.kernel, config)?;
            built.push(Box::new(ConvRelu(stem)));
        } else {
            built.push(Box::new(MaxPool2d(POOL)));
        }
        for (prefix, &(squeezed, expanded)) in stage.prefixes.iter().zip(fires) {
            let inputs = std::mem::replace(&mut inputs, 2 * expanded);
            built.push(Box::new(Fire::new(&path.at(prefix), inputs, squeezed, expanded)?));
        }
        Ok((stage, built))
    });
    Ok(Staged::new("SqueezeNet", (config.channels, layers.smallest), stages.collect::<Result<_>>()?))
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use taper_nn::Params;
    use taper_tensor::Rng;

    use super::*;
    use crate::{Backbone, Fit, MODELS, load_weights};

    /// Largest difference of the spatial mean, relative to the largest mean of that feature.
    #[test]
    fn every_feature_has_torchvisions_mean() -> Result<()> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/models.safetensors");
        let golden = candle_core::safetensors::load(path, &Device::Cpu)?;
        let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
        let net = squeezenet(&params.root(), SqueezeNetLayers::V1_1, &BackboneConfig::default())?;
        let weights = MODELS[0].weights().unwrap();
        load_weights(&params, &weights, Fit::NewHead(&["classifier"])).unwrap();
        let mut x = golden["pixels"].permute((0, 2, 3, 1))?.contiguous()?;
        // features.0, the convolution, is in one piece with features.1, its ReLU.
        let features = (0..4).flat_map(|i| net.layers(i));
        for (i, feature) in (1..).zip(features) {
            x = feature.forward(&x, Mode::Eval)?;
            let wanted = &golden[&format!("squeezenet1_1_features.{i}_mean")];
            let error = (x.mean((1, 2))? - wanted)?.abs()?.max_all()?.to_scalar::<f32>()?;
            let scale = wanted.abs()?.max_all()?.to_scalar::<f32>()?;
            assert!(error <= 1e-3 * scale, "features.{i}: error {error} of {scale}");
        }
        Ok(())
    }

    #[test]
    fn stages_are_as_their_list_says() -> Result<()> {
        let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
        let net = squeezenet(&params.root(), SqueezeNetLayers::V1_1, &BackboneConfig::default())?;
        let mut x = Tensor::ones((1, 64, 48, 3), DType::F32, &Device::Cpu)?;
        for (i, stage) in net.stages().iter().enumerate() {
            x = net.stage(i, &x, Mode::Eval)?;
            let (_, h, w, c) = x.dims4()?;
            assert_eq!(c, stage.channels);
            // no padding in the stem: up to one pixel is lost
            assert!(h.abs_diff(64 / stage.stride) <= 1 && w.abs_diff(48 / stage.stride) <= 1, "{h} {w}");
        }
        assert!(net.stage(4, &x, Mode::Eval).is_err());
        for (name, _) in params.trainables() {
            assert_eq!(net.stages().iter().filter(|stage| stage.owns(&name)).count(), 1, "{name}");
        }
        Ok(())
    }

    #[test]
    fn the_smallest_picture_passes_and_a_smaller_one_is_refused() -> Result<()> {
        let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
        let net = squeezenet(&params.root(), SqueezeNetLayers::V1_1, &BackboneConfig::default())?;
        let run = |h, w, c| -> Result<Tensor> {
            let x = Tensor::ones((1, h, w, c), DType::F32, &Device::Cpu)?;
            (0..4).try_fold(x, |x, i| net.stage(i, &x, Mode::Eval))
        };
        assert_eq!(run(25, 25, 3)?.dims(), [1, 1, 1, 512]);
        assert!(run(24, 25, 3).is_err() && run(64, 64, 1).is_err());
        Ok(())
    }
}
