//! AlexNet.

use candle_core::Result;
use candle_nn::init::DEFAULT_KAIMING_UNIFORM;
use taper_nn::{Conv2d, Conv2dConfig, ConvRelu, MaxPool2d, ParamPath};
use taper_tensor::Pool;

use crate::backbones::stage::stage;
use crate::backbones::staged::Layers;
use crate::{BackboneConfig, Stage, Staged};

/// The side of the smallest picture whose maps are no smaller than the windows of the pools,
/// pixels.
const SMALLEST: usize = 63;

pub(crate) const STAGES: [Stage; 3] = [
    stage("conv1", 64, 8, &["features.0"]),
    stage("conv2", 192, 16, &["features.3"]),
    stage("conv3-5", 256, 32, &["features.6", "features.8", "features.10"]),
];

const POOL: Pool = Pool { kernel: (3, 3), stride: 2, padding: 0, ceil_mode: false };

/// AlexNet without its classifier, torchvision's form of it ("one weird trick"): five convolutions.
///
/// ```text
/// features.0                convolution 11x11, 3 -> 64, stride 4, padding 2, ReLU; max pool 3x3, stride 2     conv1
/// features.3                convolution 5x5 to 192, padding 2, ReLU; max pool                                 conv2
/// features.6, .8, .10       convolutions 3x3 to 384, 256, 256, padding 1, ReLU; max pool                      conv3-5
/// ```
///
/// Parameters have torchvision's names; weights begin uniform (He et al.), biases 0. torchvision's
/// classifier comes with [`Head::AlexNet`](crate::Head::AlexNet).
///
/// # Shapes
/// Normalized pictures (N,H,W,3), H and W 63 pixels or more, to (N,h,w,256); 224 pixels give 6.
///
/// # Errors
/// When a parameter exists with another shape.
///
/// # References
/// A. Krizhevsky, *One weird trick for parallelizing convolutional neural networks*, 2014; A.
/// Krizhevsky, I. Sutskever, G. Hinton, *ImageNet Classification with Deep Convolutional Neural
/// Networks*, 2012.
pub fn alexnet(path: &ParamPath, config: &BackboneConfig) -> Result<Staged> {
    let path = path.at("features");
    let conv = |n: usize, (inputs, outputs, kernel), stride, padding| {
        let init = DEFAULT_KAIMING_UNIFORM;
        let config = Conv2dConfig { stride, padding, init, ..Conv2dConfig::default() };
        let conv = Conv2d::new(&path.at(n), inputs, outputs, kernel, config)?;
        Ok::<_, candle_core::Error>(Box::new(ConvRelu(conv)))
    };
    let built: [Layers; 3] = [
        vec![conv(0, (config.channels, 64, 11), 4, 2)?, Box::new(MaxPool2d(POOL))],
        vec![conv(3, (64, 192, 5), 1, 2)?, Box::new(MaxPool2d(POOL))],
        vec![
            conv(6, (192, 384, 3), 1, 1)?,
            conv(8, (384, 256, 3), 1, 1)?,
            conv(10, (256, 256, 3), 1, 1)?,
            Box::new(MaxPool2d(POOL)),
        ],
    ];
    Ok(Staged::new("AlexNet", (config.channels, SMALLEST), STAGES.into_iter().zip(built).collect()))
}
