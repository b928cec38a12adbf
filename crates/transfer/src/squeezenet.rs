//! SqueezeNet 1.1.

use candle_core::{Result, Tensor, bail};
use candle_nn::init::DEFAULT_KAIMING_UNIFORM;
use taper_tensor::{Conv, Mode, Path, Pool, concat, max_pool2d};

use crate::convolution::Convolution;
use crate::{Backbone, Stage};

const STAGES: [Stage; 4] = [
    Stage { name: "stem", channels: 64, stride: 2, prefixes: &["features.0"] },
    Stage { name: "fire2-3", channels: 128, stride: 4, prefixes: &["features.3", "features.4"] },
    Stage { name: "fire4-5", channels: 256, stride: 8, prefixes: &["features.6", "features.7"] },
    Stage {
        name: "fire6-9",
        channels: 512,
        stride: 16,
        prefixes: &["features.9", "features.10", "features.11", "features.12"],
    },
];

/// The first of the features of each stage, and the end.
const CUTS: [usize; 5] = [0, 1, 4, 7, 12];

/// The side of the smallest picture whose maps are no smaller than the windows of the pools, pixels.
const SMALLEST: usize = 25;

/// torchvision's pool: the last window may hang over the edge.
const POOL: Pool = Pool { kernel: (3, 3), stride: 2, padding: 0, ceil_mode: true };

/// SqueezeNet 1.1 without its classifier: AlexNet's accuracy on ImageNet with a fiftieth of the weights.
///
/// ```text
/// features.0  convolution 3x3, 3 -> 64, stride 2     stem
/// features.1  ReLU                                   stem
/// features.2  max pool 3x3, stride 2, ceil mode      fire2-3, and 5 for fire4-5, 8 for fire6-9
/// features.N  fire: s = relu(squeeze x), concat(relu(expand1x1 s), relu(expand3x3 s))
/// ```
///
/// Parameters have torchvision's names, `features.N.{squeeze,expand1x1,expand3x3}.{weight,bias}`, and
/// begin as there: weights uniform (He et al.), biases 0.
///
/// # Shapes
/// Normalised pictures (N,H,W,3), H and W 25 pixels or more, to (N,h,w,512); 224 pixels give 13.
///
/// # Differs from PyTorch
/// There, pictures from 17 pixels pass: a pool may hang over a map that is smaller than its window.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_tensor::{Mode, Params, Rng};
/// use taper_transfer::{Backbone, SqueezeNet};
/// let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
/// let net = SqueezeNet::new(&params.root())?;
/// let picture = Tensor::zeros((1, 64, 64, 3), DType::F32, &Device::Cpu)?;
/// assert_eq!(net.stage(0, &picture, Mode::Eval)?.dims(), [1, 31, 31, 64]);
/// # Ok::<(), candle_core::Error>(())
/// ```
///
/// # References
/// F. Iandola, S. Han, M. Moskewicz, K. Ashraf, W. Dally, K. Keutzer, *SqueezeNet: AlexNet-level
/// accuracy with 50x fewer parameters and <0.5MB model size*, 2016. K. He, X. Zhang, S. Ren, J. Sun,
/// *Delving Deep into Rectifiers*, 2015.
pub struct SqueezeNet {
    features: Vec<Feature>,
}

/// One entry of torchvision's `features`; its first two, convolution and ReLU, are one here.
enum Feature {
    Stem(Convolution),
    Pool,
    Fire(Fire),
}

impl Feature {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        match self {
            Feature::Stem(convolution) => convolution.forward_relu(x, mode),
            Feature::Pool => max_pool2d(x, POOL),
            Feature::Fire(fire) => fire.forward(x, mode),
        }
    }
}

struct Fire {
    squeeze: Convolution,
    expand1x1: Convolution,
    expand3x3: Convolution,
}

impl Fire {
    fn new(path: &Path, inputs: usize, squeezed: usize, expanded: usize) -> Result<Self> {
        let build = |name, inputs, outputs, kernel| {
            let geometry = Conv { padding: kernel / 2, ..Conv::default() };
            Convolution::new(&path.at(name), (inputs, outputs, kernel), geometry, DEFAULT_KAIMING_UNIFORM)
        };
        Ok(Self {
            squeeze: build("squeeze", inputs, squeezed, 1)?,
            expand1x1: build("expand1x1", squeezed, expanded, 1)?,
            expand3x3: build("expand3x3", squeezed, expanded, 3)?,
        })
    }

    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        let s = self.squeeze.forward_relu(x, mode)?;
        concat(&[&self.expand1x1.forward_relu(&s, mode)?, &self.expand3x3.forward_relu(&s, mode)?])
    }
}

impl SqueezeNet {
    /// The network with its parameters below `path`.
    ///
    /// # Errors
    /// When a parameter exists with another shape.
    pub fn new(path: &Path) -> Result<Self> {
        let path = path.at("features");
        let stem = Conv { stride: 2, ..Conv::default() };
        let fire = |n: usize, inputs, squeezed, expanded| {
            Fire::new(&path.at(n), inputs, squeezed, expanded).map(Feature::Fire)
        };
        let features = vec![
            Feature::Stem(Convolution::new(&path.at(0), (3, 64, 3), stem, DEFAULT_KAIMING_UNIFORM)?),
            Feature::Pool,
            fire(3, 64, 16, 64)?,
            fire(4, 128, 16, 64)?,
            Feature::Pool,
            fire(6, 128, 32, 128)?,
            fire(7, 256, 32, 128)?,
            Feature::Pool,
            fire(9, 256, 48, 192)?,
            fire(10, 384, 48, 192)?,
            fire(11, 384, 64, 256)?,
            fire(12, 512, 64, 256)?,
        ];
        Ok(Self { features })
    }
}

impl Backbone for SqueezeNet {
    fn stages(&self) -> &[Stage] {
        &STAGES
    }

    fn stage(&self, i: usize, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        let Some(cuts) = CUTS.get(i..i + 2) else {
            bail!("SqueezeNet has {} stages; there is no stage {i}", STAGES.len());
        };
        if i == 0 {
            let (_, h, w, channels) = x.dims4()?;
            if h < SMALLEST || w < SMALLEST || channels != 3 {
                bail!("SqueezeNet takes (N,H,W,3), H and W {SMALLEST} pixels or more, got {:?}", x.shape());
            }
        }
        self.features[cuts[0]..cuts[1]].iter().try_fold(x.clone(), |x, feature| feature.forward(&x, mode))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use taper_tensor::{Params, Rng};

    use super::*;
    use crate::{Fit, MODELS, load_weights};

    /// Largest difference of the spatial mean, relative to the largest mean of that feature.
    #[test]
    fn every_feature_has_torchvisions_mean() -> Result<()> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/models.safetensors");
        let golden = candle_core::safetensors::load(path, &Device::Cpu)?;
        let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
        let net = SqueezeNet::new(&params.root())?;
        let weights = MODELS[0].weights().unwrap();
        load_weights(&params, &weights, Fit::NewHead(&["classifier"])).unwrap();
        let mut x = golden["pixels"].permute((0, 2, 3, 1))?.contiguous()?;
        // features.0, the convolution, is in one piece with features.1, its ReLU.
        for (i, feature) in (1..).zip(&net.features) {
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
        let net = SqueezeNet::new(&params.root())?;
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
            assert_eq!(STAGES.iter().filter(|stage| stage.owns(&name)).count(), 1, "{name}");
        }
        Ok(())
    }

    #[test]
    fn the_smallest_picture_passes_and_a_smaller_one_is_refused() -> Result<()> {
        let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
        let net = SqueezeNet::new(&params.root())?;
        let run = |h, w, c| -> Result<Tensor> {
            let x = Tensor::ones((1, h, w, c), DType::F32, &Device::Cpu)?;
            (0..4).try_fold(x, |x, i| net.stage(i, &x, Mode::Eval))
        };
        assert_eq!(run(25, 25, 3)?.dims(), [1, 1, 1, 512]);
        assert!(run(24, 25, 3).is_err() && run(64, 64, 1).is_err());
        Ok(())
    }
}
