//! A small network for small pictures.

use candle_core::{Error, Result};
use taper_nn::{
    Activation, BatchNorm, BatchNormConfig, Conv2d, Conv2dConfig, ConvNorm, ConvNormAct, Layer, MaxPool2d, ParamPath,
};
use taper_regularize::{FractionalMaxPool, FractionalMaxPoolConfig};

use crate::backbones::stage::stage;
use crate::backbones::staged::Layers;
use crate::{BackboneConfig, Stage, Staged};

/// Channels of each stage.
const CHANNELS: [usize; 3] = [32, 64, 64];

pub(crate) const STAGES: [Stage; 3] = [
    stage("stage1", CHANNELS[0], 1, &["stage1"]),
    stage("stage2", CHANNELS[1], 2, &["stage2"]),
    stage("stage3", CHANNELS[2], 4, &["stage3"]),
];

/// Six convolutions of 3x3 with norms, in three stages with a max pool between them: 140 thousand
/// parameters, for pictures of a few dozen pixels, trained from scratch.
///
/// ```text
/// stageS.{convK,bnK}, S = 1..3, K = 1..2    convolution 3x3, norm, ReLU, twice: 32, 64 and 64 channels
///                                           max pool 2x2 before stages 2 and 3
/// ```
///
/// # Shapes
/// Normalized pictures (N,H,W,3), sides of 4 pixels or more, to (N,⌊H/4⌋,⌊W/4⌋,64). With a
/// fractional pooling of ratio α the sides are ⌈⌈H/α⌉/α⌉.
///
/// With [`BackboneConfig::fractional_pooling`] fractional pools stand in the place of the max
/// pools. A ratio below 2 leaves larger maps to stages 2 and 3, which cost as much more.
///
/// # Errors
/// When the ratio is neither 0 nor in (1, 2], or a parameter exists with another shape.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_nn::{Mode, Params};
/// use taper_tensor::Rng;
/// use taper_transfer::{Backbone, BackboneConfig, small_cnn};
/// let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
/// let net = small_cnn(&params.root(), &BackboneConfig::default())?;
/// let picture = Tensor::zeros((1, 28, 28, 3), DType::F32, &Device::Cpu)?;
/// let map = (0..3).try_fold(picture, |x, i| net.stage(i, &x, Mode::Eval))?;
/// assert_eq!(map.dims(), [1, 7, 7, 64]);
/// # Ok::<(), candle_core::Error>(())
/// ```
///
/// # References
/// K. Simonyan, A. Zisserman, *Very Deep Convolutional Networks for Large-Scale Image Recognition*,
/// 2015, of which it is a small form with batch norm.
pub fn small_cnn(path: &ParamPath, config: &BackboneConfig) -> Result<Staged> {
    let pool = |i: usize| -> Result<Box<dyn Layer>> {
        Ok(match config.fractional_pooling {
            0.0 => Box::new(MaxPool2d::default()),
            ratio => {
                // One fixed draw in testing: the mean over several has another spread than what the
                // norms behind it know. For a mean over draws, take it of the whole network's
                // answers.
                let config = FractionalMaxPoolConfig { ratio, draws: 1, ..FractionalMaxPoolConfig::default() };
                let path = path.at(format_args!("pool{i}"));
                Box::new(FractionalMaxPool::new(config, path.name()).map_err(Error::wrap)?)
            }
        })
    };
    let conv = Conv2dConfig { padding: 1, bias: false, ..Conv2dConfig::default() };
    let mut inputs = config.channels;
    let stages = STAGES.into_iter().enumerate().map(|(i, stage)| {
        let path = path.at(stage.name);
        let mut layers: Layers = Vec::new();
        if i > 0 {
            layers.push(pool(i)?);
        }
        for number in 1..=2 {
            let inputs = std::mem::replace(&mut inputs, stage.channels);
            let at = [format!("conv{number}"), format!("bn{number}")].map(|name| path.at(name));
            let conv = Conv2d::new(&at[0], inputs, stage.channels, 3, conv)?;
            let norm = BatchNorm::new(&at[1], stage.channels, BatchNormConfig::default())?;
            layers.push(Box::new(ConvNormAct(ConvNorm { conv, norm }, Activation::Relu)));
        }
        Ok((stage, layers))
    });
    Ok(Staged::new("the small CNN", (config.channels, 4), stages.collect::<Result<_>>()?))
}
