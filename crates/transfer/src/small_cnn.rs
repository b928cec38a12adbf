//! A small network for small pictures.

use candle_core::{Error, Result, Tensor, bail};
use taper_regularize::{FractionalMaxPool, FractionalMaxPoolConfig};
use taper_tensor::{Conv, Layer, Mode, Path, Pool, max_pool2d};

use crate::convolution::{ConvNorm, Convolution, HE_FAN_OUT};
use crate::{Backbone, BackboneConfig, Stage};

const POOL: Pool = Pool { kernel: (2, 2), stride: 2, padding: 0, ceil_mode: false };

/// Channels of each stage.
const CHANNELS: [usize; 3] = [32, 64, 64];

const STAGES: [Stage; 3] = [
    Stage { name: "stage1", channels: CHANNELS[0], stride: 1, prefixes: &["stage1"] },
    Stage { name: "stage2", channels: CHANNELS[1], stride: 2, prefixes: &["stage2"] },
    Stage { name: "stage3", channels: CHANNELS[2], stride: 4, prefixes: &["stage3"] },
];

/// Six convolutions of 3x3 with norms, in three stages with a max pool between them: 140 thousand parameters, for pictures
/// of a few dozen pixels, trained from scratch.
///
/// ```text
/// stageS.{convK,bnK}, S = 1..3, K = 1..2    convolution 3x3, norm, ReLU, twice: 32, 64 and 64 channels
///                                           max pool 2x2 before stages 2 and 3
/// ```
///
/// # Shapes
/// Normalised pictures (N,H,W,3), sides of 4 pixels or more, to (N,⌊H/4⌋,⌊W/4⌋,64). With a fractional pooling of ratio α
/// the sides are ⌈⌈H/α⌉/α⌉.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_tensor::{Mode, Params, Rng};
/// use taper_transfer::{Backbone, SmallCnn};
/// let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
/// let net = SmallCnn::new(&params.root())?;
/// let picture = Tensor::zeros((1, 28, 28, 3), DType::F32, &Device::Cpu)?;
/// let map = (0..3).try_fold(picture, |x, i| net.stage(i, &x, Mode::Eval))?;
/// assert_eq!(map.dims(), [1, 7, 7, 64]);
/// # Ok::<(), candle_core::Error>(())
/// ```
///
/// # References
/// K. Simonyan, A. Zisserman, *Very Deep Convolutional Networks for Large-Scale Image Recognition*, 2015, of which it is a
/// small form with batch norm.
pub struct SmallCnn {
    stages: Vec<[ConvNorm; 2]>,
    pool: Pooling,
}

/// What is between two stages.
enum Pooling {
    Max,
    /// The first, and the second.
    Fractional([FractionalMaxPool; 2]),
}

impl SmallCnn {
    /// The network with its parameters below `path`.
    ///
    /// # Errors
    /// When a parameter exists with another shape.
    pub fn new(path: &Path) -> Result<Self> {
        Self::with(path, &BackboneConfig::default())
    }

    /// The network with [`BackboneConfig::fractional_pooling`] in the place of its max pools. A ratio below 2 leaves larger
    /// maps to stages 2 and 3, which cost as much more.
    ///
    /// # Errors
    /// When the ratio is neither 0 nor in (1, 2], or a parameter exists with another shape.
    pub fn with(path: &Path, config: &BackboneConfig) -> Result<Self> {
        let pool = match config.fractional_pooling {
            0.0 => Pooling::Max,
            ratio => {
                // One fixed draw in testing: the mean over several has another spread than what the norms behind it know.
                // For a mean over draws, take it of the whole network's answers.
                let config = FractionalMaxPoolConfig { ratio, draws: 1, ..FractionalMaxPoolConfig::default() };
                let pool = |name| FractionalMaxPool::new(config, path.at(name).name()).map_err(Error::wrap);
                Pooling::Fractional([pool("pool1")?, pool("pool2")?])
            }
        };
        let geometry = Conv { padding: 1, ..Conv::default() };
        let mut inputs = 3;
        let mut convolution = |path: &Path, number: usize, outputs: usize| {
            let shape = (std::mem::replace(&mut inputs, outputs), outputs, 3);
            let at = path.at(format_args!("conv{number}"));
            let convolution = Convolution::without_bias(&at, shape, geometry, HE_FAN_OUT)?;
            ConvNorm::new(convolution, &path.at(format_args!("bn{number}")), outputs)
        };
        let stages = STAGES.iter().map(|stage| {
            let path = path.at(stage.name);
            Ok([convolution(&path, 1, stage.channels)?, convolution(&path, 2, stage.channels)?])
        });
        Ok(Self { stages: stages.collect::<Result<_>>()?, pool })
    }
}

impl Backbone for SmallCnn {
    fn stages(&self) -> &[Stage] {
        &STAGES
    }

    fn stage(&self, i: usize, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        let (_, h, w, channels) = x.dims4()?;
        if i == 0 && (h.min(w) < 4 || channels != 3) {
            bail!("the small CNN takes (N,H,W,3) with sides of 4 pixels or more, got {:?}", x.shape());
        }
        let Some(stage) = self.stages.get(i) else {
            bail!("the small CNN has {} stages; there is no stage {i}", self.stages.len());
        };
        let x = match &self.pool {
            _ if i == 0 => x.clone(),
            Pooling::Max => max_pool2d(x, POOL)?,
            Pooling::Fractional(pools) => pools[i - 1].forward(x, mode)?,
        };
        stage.iter().try_fold(x, |x, convolution| convolution.forward_relu(&x, mode))
    }
}
