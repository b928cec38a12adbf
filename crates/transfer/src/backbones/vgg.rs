//! VGG, with and without batch norm.

use candle_core::Result;
use taper_nn::{
    Activation, BatchNorm, BatchNormConfig, Conv2d, Conv2dConfig, ConvNorm, ConvNormAct, ConvRelu, MaxPool2d, ParamPath,
};

use crate::backbones::stage::stage;
use crate::backbones::staged::Layers;
use crate::{BackboneConfig, Stage, Staged};

/// Which VGG: its blocks as the stages they are, and whether batch norm stands behind the
/// convolutions.
///
/// A block is 3x3 convolutions with ReLU and a 2x2 max pool. Its prefixes name the convolutions in
/// order; with batch norm each is followed by that of its norm. So this is the whole network, and
/// another VGG is another table.
#[derive(Clone, Copy, Debug)]
pub struct VggLayers {
    stages: [Stage; 5],
    batch_norm: bool,
}

const fn layers(prefixes: [&'static [&'static str]; 5], batch_norm: bool) -> VggLayers {
    VggLayers {
        stages: [
            stage("conv1", 64, 2, prefixes[0]),
            stage("conv2", 128, 4, prefixes[1]),
            stage("conv3", 256, 8, prefixes[2]),
            stage("conv4", 512, 16, prefixes[3]),
            stage("conv5", 512, 32, prefixes[4]),
        ],
        batch_norm,
    }
}

impl VggLayers {
    pub(crate) const fn stages(&self) -> [Stage; 5] {
        self.stages
    }

    /// Configuration A of the paper: 8 convolutions.
    pub const VGG11: Self = layers(
        [
            &["features.0"],
            &["features.3"],
            &["features.6", "features.8"],
            &["features.11", "features.13"],
            &["features.16", "features.18"],
        ],
        false,
    );
    /// Configuration B of the paper: 10 convolutions.
    pub const VGG13: Self = layers(
        [
            &["features.0", "features.2"],
            &["features.5", "features.7"],
            &["features.10", "features.12"],
            &["features.15", "features.17"],
            &["features.20", "features.22"],
        ],
        false,
    );
    /// Configuration D of the paper: 13 convolutions.
    pub const VGG16: Self = layers(
        [
            &["features.0", "features.2"],
            &["features.5", "features.7"],
            &["features.10", "features.12", "features.14"],
            &["features.17", "features.19", "features.21"],
            &["features.24", "features.26", "features.28"],
        ],
        false,
    );
    /// Configuration E of the paper: 16 convolutions.
    pub const VGG19: Self = layers(
        [
            &["features.0", "features.2"],
            &["features.5", "features.7"],
            &["features.10", "features.12", "features.14", "features.16"],
            &["features.19", "features.21", "features.23", "features.25"],
            &["features.28", "features.30", "features.32", "features.34"],
        ],
        false,
    );
    /// [`VGG11`](Self::VGG11) with batch norm.
    pub const VGG11_BN: Self = layers(
        [
            &["features.0", "features.1"],
            &["features.4", "features.5"],
            &["features.8", "features.9", "features.11", "features.12"],
            &["features.15", "features.16", "features.18", "features.19"],
            &["features.22", "features.23", "features.25", "features.26"],
        ],
        true,
    );
    /// [`VGG13`](Self::VGG13) with batch norm.
    pub const VGG13_BN: Self = layers(
        [
            &["features.0", "features.1", "features.3", "features.4"],
            &["features.7", "features.8", "features.10", "features.11"],
            &["features.14", "features.15", "features.17", "features.18"],
            &["features.21", "features.22", "features.24", "features.25"],
            &["features.28", "features.29", "features.31", "features.32"],
        ],
        true,
    );
    /// [`VGG16`](Self::VGG16) with batch norm.
    pub const VGG16_BN: Self = layers(
        [
            &["features.0", "features.1", "features.3", "features.4"],
            &["features.7", "features.8", "features.10", "features.11"],
            &["features.14", "features.15", "features.17", "features.18", "features.20", "features.21"],
            &["features.24", "features.25", "features.27", "features.28", "features.30", "features.31"],
            &["features.34", "features.35", "features.37", "features.38", "features.40", "features.41"],
        ],
        true,
    );
    /// [`VGG19`](Self::VGG19) with batch norm.
    pub const VGG19_BN: Self = layers(
        [
            &["features.0", "features.1", "features.3", "features.4"],
            &["features.7", "features.8", "features.10", "features.11"],
            &[
                "features.14",
                "features.15",
                "features.17",
                "features.18",
                "features.20",
                "features.21",
                "features.23",
                "features.24",
            ],
            &[
                "features.27",
                "features.28",
                "features.30",
                "features.31",
                "features.33",
                "features.34",
                "features.36",
                "features.37",
            ],
            &[
                "features.40",
                "features.41",
                "features.43",
                "features.44",
                "features.46",
                "features.47",
                "features.49",
                "features.50",
            ],
        ],
        true,
    );
}

/// VGG without its classifier: 3x3 convolutions, nothing else.
///
/// ```text
/// features.N  convolution 3x3, padding 1, then ReLU (with batch norm between them, at N + 1, in the forms called BN)
///             each of the five blocks ends in a max pool 2x2, stride 2
/// ```
///
/// Parameters have torchvision's names, `features.N.{weight,bias}`, and begin as there: weights
/// normal (He et al., fan out), biases 0. torchvision's classifier comes with
/// [`Head::Vgg`](crate::Head::Vgg).
///
/// # Shapes
/// Normalized pictures (N,H,W,3), H and W 32 pixels or more, to (N,⌊H/32⌋,⌊W/32⌋,512).
///
/// # Errors
/// When a parameter exists with another shape.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_nn::{Mode, Params};
/// use taper_tensor::Rng;
/// use taper_transfer::{Backbone, BackboneConfig, VggLayers, vgg};
/// let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
/// let net = vgg(&params.root(), VggLayers::VGG16, &BackboneConfig::default())?;
/// let picture = Tensor::zeros((1, 32, 48, 3), DType::F32, &Device::Cpu)?;
/// assert_eq!(net.stage(0, &picture, Mode::Eval)?.dims(), [1, 16, 24, 64]);
/// # Ok::<(), candle_core::Error>(())
/// ```
///
/// # References
/// K. Simonyan, A. Zisserman, *Very Deep Convolutional Networks for Large-Scale Image Recognition*,
/// 2015.
pub fn vgg(path: &ParamPath, layers: VggLayers, config: &BackboneConfig) -> Result<Staged> {
    let VggLayers { stages, batch_norm } = layers;
    let conv = Conv2dConfig { padding: 1, ..Conv2dConfig::default() };
    let mut inputs = config.channels;
    let stages = stages.into_iter().map(|stage| {
        let mut built: Layers = Vec::new();
        for names in stage.prefixes.chunks(if batch_norm { 2 } else { 1 }) {
            let inputs = std::mem::replace(&mut inputs, stage.channels);
            let conv = Conv2d::new(&path.at(names[0]), inputs, stage.channels, 3, conv)?;
            built.push(match names.get(1) {
                None => Box::new(ConvRelu(conv)),
                Some(norm) => {
                    let norm = BatchNorm::new(&path.at(norm), stage.channels, BatchNormConfig::default())?;
                    Box::new(ConvNormAct(ConvNorm { conv, norm }, Activation::Relu))
                }
            });
        }
        built.push(Box::new(MaxPool2d::default()));
        Ok((stage, built))
    });
    // The smallest picture that five pools leave a pixel of.
    Ok(Staged::new("VGG", (config.channels, 32), stages.collect::<Result<_>>()?))
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Tensor};
    use taper_nn::{Mode, Params};
    use taper_tensor::Rng;

    use super::*;
    use crate::Backbone;

    /// torchvision's counts less the 123,642,856 of its classifier.
    #[test]
    fn every_vgg_has_as_many_parameters_as_torchvisions() -> Result<()> {
        for (layers, wanted) in [
            (VggLayers::VGG11, 9_220_480),
            (VggLayers::VGG13, 9_404_992),
            (VggLayers::VGG16, 14_714_688),
            (VggLayers::VGG19, 20_024_384),
            (VggLayers::VGG11_BN, 132_868_840 - 123_642_856),
            (VggLayers::VGG13_BN, 133_053_736 - 123_642_856),
            (VggLayers::VGG16_BN, 138_365_992 - 123_642_856),
            (VggLayers::VGG19_BN, 143_678_248 - 123_642_856),
        ] {
            let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
            let net = vgg(&params.root(), layers, &BackboneConfig::default())?;
            let count: usize = params.trainables().iter().map(|(_, var)| var.elem_count()).sum();
            assert_eq!(count, wanted, "{layers:?}");
            for name in params.tensors().keys() {
                assert_eq!(net.stages().iter().filter(|stage| stage.owns(name)).count(), 1, "{name}");
            }
        }
        Ok(())
    }

    #[test]
    fn pictures_of_other_shapes_are_refused() -> Result<()> {
        let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
        let net = vgg(&params.root(), VggLayers::VGG11, &BackboneConfig::default())?;
        let run = |i, h, w, c| net.stage(i, &Tensor::ones((1, h, w, c), DType::F32, &Device::Cpu)?, Mode::Eval);
        assert!(run(0, 31, 32, 3).is_err() && run(0, 32, 32, 1).is_err() && run(5, 32, 32, 3).is_err());
        assert_eq!(run(0, 32, 33, 3)?.dims(), [1, 16, 16, 64]);
        Ok(())
    }
}
