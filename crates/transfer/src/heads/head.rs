//! Which head to put on a backbone.

use serde::{Deserialize, Serialize};
use taper_nn::{Activation, Layer, ParamPath};

use crate::backbones::fully_connected::FullyConnected;
use crate::backbones::staged::Layers;
use crate::{
    ConcatPoolHead, ConcatPoolHeadConfig, ConvHead, ConvHeadConfig, DropoutConfig, LinearHead, MlpHead, MlpHeadConfig,
    NormHead, NormMlpHead, TransferError, VggHead, VggHeadConfig,
};

/// A head as plain data: from the last feature map (N,h,w,C) to logits (N,classes).
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_nn::{Mode, Params};
/// use taper_tensor::Rng;
/// use taper_transfer::{ConcatPoolHeadConfig, Head};
/// let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
/// let head = Head::ConcatPool(ConcatPoolHeadConfig::default()).build(&params.root(), 64, 5)?;
/// let map = Tensor::zeros((2, 3, 3, 64), DType::F32, &Device::Cpu)?;
/// assert_eq!(head.forward(&map, Mode::Eval)?.dims(), [2, 5]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Head {
    /// SqueezeNet's own: [`ConvHead`].
    Conv(ConvHeadConfig),
    /// fastai's, the default: [`ConcatPoolHead`].
    ConcatPool(ConcatPoolHeadConfig),
    /// ResNet's own, without settings: [`LinearHead`].
    Linear,
    /// DenseNet's own, the same by another name: [`LinearHead`].
    Classifier,
    /// MobileNetV2's and EfficientNet's own: [`LinearHead`] behind dropout.
    Dropout(DropoutConfig),
    /// A hidden layer with rectifiers: [`MlpHead`].
    Mlp(MlpHeadConfig),
    /// MobileNetV3's own: [`MlpHead`] with the hard swish.
    MobileNetV3(MlpHeadConfig),
    /// MobileNetV4's own: [`NormMlpHead`].
    MobileNetV4(MlpHeadConfig),
    /// VGG's own: [`VggHead`], behind the stages fc6 and fc7 that come with it.
    Vgg(VggHeadConfig),
    /// AlexNet's own: the same.
    AlexNet(VggHeadConfig),
    /// ConvNeXt's own: [`NormHead`].
    ConvNext,
    /// The vision transformers' own, [`LinearHead`] by another name.
    VisionTransformer,
}

impl Default for Head {
    fn default() -> Self {
        Head::ConcatPool(ConcatPoolHeadConfig::default())
    }
}

impl Head {
    /// Every prefix that a head's parameters may have, whichever head it is.
    pub const PREFIXES: [&'static str; 3] = ["classifier", "fc", "head"];

    /// What the names of this head's parameters begin with.
    pub fn prefix(&self) -> &'static str {
        match self {
            Head::ConcatPool(_) | Head::ConvNext | Head::VisionTransformer => "head",
            Head::Linear => "fc",
            _ => "classifier",
        }
    }

    /// This head with its last `layers` linear layers in it, where those before them are stages;
    /// all three where there are no more. Other heads are whole.
    pub fn with_layers(self, layers: usize) -> Self {
        let of = |config| VggHeadConfig { layers: layers.clamp(1, FullyConnected::LAYERS), ..config };
        match self {
            Head::Vgg(config) => Head::Vgg(of(config)),
            Head::AlexNet(config) => Head::AlexNet(of(config)),
            other => other,
        }
    }

    /// The fully connected layers before its last one: stages that stand between those of the
    /// backbone and the head, or parts of the head.
    pub(crate) fn fully_connected(&self) -> Option<(FullyConnected, VggHeadConfig)> {
        match self {
            Head::Vgg(config) => Some((FullyConnected::Vgg, *config)),
            Head::AlexNet(config) => Some((FullyConnected::AlexNet, *config)),
            _ => None,
        }
    }

    /// The head for a feature map of `channels` channels, its parameters below `path`, which is
    /// normally the root. First values come from the streams of the parameters' names. Of
    /// [`Vgg`](Self::Vgg) and [`AlexNet`](Self::AlexNet) it is the last layers, by default one, and
    /// the map that of the stage before them, by default fc7:
    /// [`Architecture::classifier`](crate::Architecture::classifier) makes the whole.
    ///
    /// # Errors
    /// When a setting is out of range, or a parameter exists with another shape.
    pub fn build(&self, path: &ParamPath, channels: usize, classes: usize) -> Result<Box<dyn Layer>, TransferError> {
        Ok(match self {
            Head::Conv(config) => Box::new(ConvHead::new(path, channels, classes, *config)?),
            Head::ConcatPool(config) => Box::new(ConcatPoolHead::new(path, channels, classes, *config)?),
            Head::Linear => Box::new(LinearHead::new(&path.at("fc"), channels, classes, 0.0)?),
            Head::Classifier => Box::new(LinearHead::new(&path.at("classifier"), channels, classes, 0.0)?),
            Head::Dropout(config) => {
                Box::new(LinearHead::new(&path.at("classifier").at(1), channels, classes, config.dropout)?)
            }
            Head::Mlp(config) => Box::new(MlpHead::new(path, channels, classes, *config, Activation::Relu)?),
            Head::MobileNetV3(config) => {
                Box::new(MlpHead::new(path, channels, classes, *config, Activation::HardSwish)?)
            }
            Head::MobileNetV4(config) => Box::new(NormMlpHead::new(path, channels, classes, *config)?),
            Head::ConvNext => Box::new(NormHead::new(&path.at("head"), channels, classes)?),
            Head::VisionTransformer => Box::new(LinearHead::new(&path.at("head"), channels, classes, 0.0)?),
            Head::Vgg(config) | Head::AlexNet(config) => {
                let kind = if let Head::Vgg(_) = self { FullyConnected::Vgg } else { FullyConnected::AlexNet };
                let before = kind.dropouts()[FullyConnected::LAYERS - 1];
                let hidden =
                    kind.build(path, channels, *config, kind.stages_below(*config)?..FullyConnected::LAYERS - 1)?;
                let mut layers: Layers = hidden.into_iter().flat_map(|(_, layers)| layers).collect();
                let features = if layers.is_empty() { channels } else { config.hidden };
                let last = Box::new(VggHead::new(path, features, classes, *config, before)?);
                if layers.is_empty() {
                    return Ok(last);
                }
                layers.push(last);
                Box::new(layers)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Tensor};
    use taper_nn::{Mode, Params};
    use taper_tensor::Rng;

    use super::*;
    use crate::MOST_FEATURES;

    fn heads() -> [Head; 12] {
        let vgg = VggHeadConfig { hidden: 8, ..Default::default() };
        let mlp = MlpHeadConfig { hidden: 8, ..Default::default() };
        [
            Head::Conv(ConvHeadConfig::default()),
            Head::default(),
            Head::Linear,
            Head::Classifier,
            Head::Dropout(DropoutConfig::default()),
            Head::Mlp(mlp),
            Head::MobileNetV3(mlp),
            Head::MobileNetV4(mlp),
            Head::Vgg(vgg),
            Head::AlexNet(vgg),
            Head::ConvNext,
            Head::VisionTransformer,
        ]
    }

    #[test]
    fn every_head_keeps_its_names_below_its_prefix_and_gives_every_parameter_a_gradient() {
        for head in heads() {
            let params = Params::new(Rng::new(3), DType::F32, Device::Cpu);
            let layer = head.build(&params.root(), 16, 5).unwrap();
            let pixels = (0..4 * 9 * 16).map(|i| (i as f32 * 0.37).sin() + 1.0).collect();
            let mut map = Tensor::from_vec(pixels, (4, 3, 3, 16), &Device::Cpu).unwrap();
            if head.fully_connected().is_some() {
                map = map.narrow(1, 1, 1).unwrap().narrow(2, 1, 1).unwrap().contiguous().unwrap();
            }
            let y = layer.forward(&map, Mode::Train(&Rng::new(0))).unwrap();
            assert_eq!(y.dims(), [4, 5]);
            let grads = y.sqr().unwrap().sum_all().unwrap().backward().unwrap();
            let (whole, mode) = (layer.forward(&map, Mode::Eval).unwrap(), Mode::Eval);
            let kept = layer.forward(&layer.prepared(&map).unwrap(), mode).unwrap();
            assert_eq!(whole.to_vec2::<f32>().unwrap(), kept.to_vec2::<f32>().unwrap(), "{head:?}");
            assert!(Head::PREFIXES.contains(&head.prefix()));
            for (name, var) in params.trainables() {
                assert!(name.starts_with(&format!("{}.", head.prefix())), "{name}");
                assert!(grads.get(&var).is_some(), "{name} has no gradient");
            }
        }
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
        for (head, classes) in heads().into_iter().flat_map(|head| [(head, 0), (head, usize::MAX)]) {
            assert!(matches!(
                head.build(&params.root(), 16, classes),
                Err(TransferError::BadConfig { field: "classes", .. })
            ));
        }
        for head in [
            Head::Conv(ConvHeadConfig { dropout: 1.0 }),
            Head::ConcatPool(ConcatPoolHeadConfig { dropout: f64::NAN, ..Default::default() }),
            Head::ConcatPool(ConcatPoolHeadConfig { drop_connect: 1.0, ..Default::default() }),
            Head::ConcatPool(ConcatPoolHeadConfig { hidden: 0, ..Default::default() }),
            Head::ConcatPool(ConcatPoolHeadConfig { hidden: usize::MAX, ..Default::default() }),
            Head::Mlp(MlpHeadConfig { hidden: MOST_FEATURES + 1, ..Default::default() }),
            Head::Vgg(VggHeadConfig { hidden: 1 << 62, ..Default::default() }),
            Head::Vgg(VggHeadConfig { dropout: -0.5, ..Default::default() }),
            Head::Vgg(VggHeadConfig { hidden: 0, ..Default::default() }),
            Head::Mlp(MlpHeadConfig { hidden: 0, ..Default::default() }),
            Head::Dropout(DropoutConfig { dropout: 1.0 }),
        ] {
            assert!(matches!(head.build(&params.root(), 16, 3), Err(TransferError::BadConfig { .. })), "{head:?}");
        }
        assert!(params.tensors().is_empty());
    }
}
