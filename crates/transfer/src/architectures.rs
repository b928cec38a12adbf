//! The networks there are, by name.

use taper_nn::{ParamPath, Params};

use crate::backbones::fully_connected::FullyConnected;
use crate::backbones::{self, backbone_config::Takes};
use crate::names::nearest_first;
use crate::weights::rename::{timms_convnext, undotted};
use crate::weights::weight_set::weight_set;
use crate::{
    Backbone, BackboneConfig, Classifier, ConvHeadConfig, ConvNextLayers, DropoutConfig, EfficientNetLayers, Head,
    MlpHeadConfig, MobileLayers, MobileNetLayers, RegNetLayers, ResNetLayers, SqueezeNetLayers, Stage, Staged, Stem,
    TransferError, VggHeadConfig, VggLayers, VitLayers, alexnet, convnext, densenet121, efficientnet, mobile,
    mobilenet, regnet, resnet, small_cnn, squeezenet, vgg, vision_transformer,
};

/// A network: how to make it, and the head that belongs to it.
#[derive(Clone, Copy, Debug)]
pub struct Architecture {
    /// torchvision's name, where it is there, else timm's.
    pub name: &'static str,
    family: Family,
}

/// What a network is made of.
#[derive(Clone, Copy, Debug)]
enum Family {
    AlexNet,
    ConvNext(ConvNextLayers),
    DenseNet,
    EfficientNet(EfficientNetLayers),
    Mobile(MobileLayers),
    MobileNet(MobileNetLayers),
    RegNet(RegNetLayers),
    ResNet(ResNetLayers, Stem),
    SmallCnn,
    SqueezeNet(SqueezeNetLayers),
    Vgg(VggLayers),
    Vit(VitLayers),
}

const fn new(name: &'static str, family: Family) -> Architecture {
    Architecture { name, family }
}

const fn large(name: &'static str, layers: ResNetLayers) -> Architecture {
    new(name, Family::ResNet(layers, Stem::Large))
}

/// Every network. The first three are for pictures of a few dozen pixels.
pub const ARCHITECTURES: &[Architecture] = &[
    new("small_cnn", Family::SmallCnn),
    new("resnet18_small", Family::ResNet(ResNetLayers::RESNET18, Stem::Small)),
    new("resnet18_narrow", Family::ResNet(ResNetLayers::RESNET18_NARROW, Stem::Small)),
    new("squeezenet1_1", Family::SqueezeNet(SqueezeNetLayers::V1_1)),
    new("squeezenet1_0", Family::SqueezeNet(SqueezeNetLayers::V1_0)),
    new("alexnet", Family::AlexNet),
    new("vgg11", Family::Vgg(VggLayers::VGG11)),
    new("vgg13", Family::Vgg(VggLayers::VGG13)),
    new("vgg16", Family::Vgg(VggLayers::VGG16)),
    new("vgg19", Family::Vgg(VggLayers::VGG19)),
    new("vgg11_bn", Family::Vgg(VggLayers::VGG11_BN)),
    new("vgg13_bn", Family::Vgg(VggLayers::VGG13_BN)),
    new("vgg16_bn", Family::Vgg(VggLayers::VGG16_BN)),
    new("vgg19_bn", Family::Vgg(VggLayers::VGG19_BN)),
    large("resnet18", ResNetLayers::RESNET18),
    large("resnet34", ResNetLayers::RESNET34),
    large("resnet50", ResNetLayers::RESNET50),
    large("resnet101", ResNetLayers::RESNET101),
    large("resnet152", ResNetLayers::RESNET152),
    large("resnext50_32x4d", ResNetLayers::RESNEXT50_32X4D),
    large("wide_resnet50_2", ResNetLayers::WIDE_RESNET50_2),
    new("mobilenet_v2", Family::MobileNet(MobileNetLayers::V2)),
    new("mobilenet_v3_small", Family::MobileNet(MobileNetLayers::V3_SMALL)),
    new("mobilenet_v3_large", Family::MobileNet(MobileNetLayers::V3_LARGE)),
    new("mobilenetv3_small_100", Family::MobileNet(MobileNetLayers::V3_SMALL_100)),
    new("mobilenetv3_large_100", Family::MobileNet(MobileNetLayers::V3_LARGE_100)),
    new("efficientnet_b0", Family::EfficientNet(EfficientNetLayers::B0)),
    new("efficientnet_v2_s", Family::EfficientNet(EfficientNetLayers::V2_S)),
    new("tf_efficientnet_lite0", Family::Mobile(MobileLayers::TF_EFFICIENTNET_LITE0)),
    new("efficientnet_lite0", Family::Mobile(MobileLayers::EFFICIENTNET_LITE0)),
    new("mobilenetv4_conv_small", Family::Mobile(MobileLayers::MOBILENETV4_CONV_SMALL)),
    new("mobilenetv4_conv_medium", Family::Mobile(MobileLayers::MOBILENETV4_CONV_MEDIUM)),
    new("regnet_y_400mf", Family::RegNet(RegNetLayers::Y_400MF)),
    new("regnet_y_800mf", Family::RegNet(RegNetLayers::Y_800MF)),
    new("regnet_y_1_6gf", Family::RegNet(RegNetLayers::Y_1_6GF)),
    new("regnet_y_3_2gf", Family::RegNet(RegNetLayers::Y_3_2GF)),
    new("densenet121", Family::DenseNet),
    new("convnext_atto", Family::ConvNext(ConvNextLayers::ATTO)),
    new("convnext_femto", Family::ConvNext(ConvNextLayers::FEMTO)),
    new("convnext_pico", Family::ConvNext(ConvNextLayers::PICO)),
    new("convnext_nano", Family::ConvNext(ConvNextLayers::NANO)),
    new("convnext_tiny", Family::ConvNext(ConvNextLayers::TINY)),
    new("convnext_small", Family::ConvNext(ConvNextLayers::SMALL)),
    new("convnext_base", Family::ConvNext(ConvNextLayers::BASE)),
    new("vit_tiny_patch16_224", Family::Vit(VitLayers::TINY)),
    new("vit_small_patch16_224", Family::Vit(VitLayers::SMALL)),
    new("vit_base_patch16_224", Family::Vit(VitLayers::BASE)),
    new("deit_tiny_patch16_224", Family::Vit(VitLayers::TINY)),
    new("deit_small_patch16_224", Family::Vit(VitLayers::SMALL)),
    new("deit_base_patch16_224", Family::Vit(VitLayers::BASE)),
    new("vit_small_patch14_dinov2", Family::Vit(VitLayers::DINOV2_SMALL)),
    new("vit_base_patch14_dinov2", Family::Vit(VitLayers::DINOV2_BASE)),
    new("vit_small_patch14_reg4_dinov2", Family::Vit(VitLayers::DINOV2_SMALL_REGISTERS)),
    new("vit_base_patch14_reg4_dinov2", Family::Vit(VitLayers::DINOV2_BASE_REGISTERS)),
    new("vit_base_patch16_clip_224", Family::Vit(VitLayers::CLIP_BASE)),
    new("vit_base_patch16_siglip_224", Family::Vit(VitLayers::SIGLIP_BASE)),
    new("vit_base_patch16_siglip_256", Family::Vit(VitLayers::SIGLIP_BASE_256)),
    new("vit_base_patch32_siglip_256", Family::Vit(VitLayers::SIGLIP_BASE_PATCH32)),
];

impl Architecture {
    /// The backbone with first values for its weights, below `path`: the convolutions, and where
    /// `config` asks for so many stages the fully connected layers that VGG and AlexNet have behind
    /// them, with the papers' 4096 features.
    ///
    /// # Errors
    /// When it has no layers for a setting or the setting is out of range; when a parameter exists
    /// with another shape.
    pub fn backbone(&self, path: &ParamPath, config: &BackboneConfig) -> Result<Box<dyn Backbone>, TransferError> {
        Ok(Box::new(self.reaching(path, (path, config))?))
    }

    /// The network with first values for its weights. A head that has fully connected layers before
    /// its last one, VGG's and AlexNet's own, brings them as stages, fc6 and fc7, which may be
    /// frozen as any.
    ///
    /// What `params` may hold at [most](Params::at_most) bounds what the head asks for, and not the
    /// backbone, of which more is built than is kept where it ends early.
    ///
    /// # Errors
    /// As [`backbone`](Self::backbone) and [`Head::build`].
    ///
    /// # Examples
    /// ```
    /// # use candle_core::{DType, Device};
    /// # use taper_nn::Params;
    /// # use taper_tensor::Rng;
    /// use taper_transfer::{BackboneConfig, Head, VggHeadConfig, architecture};
    /// let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
    /// let head = Head::AlexNet(VggHeadConfig { hidden: 8, ..VggHeadConfig::default() });
    /// let net = architecture("alexnet")?.classifier(&params, &BackboneConfig::default(), &head, 10)?;
    /// let names: Vec<_> = net.backbone().stages().iter().map(|stage| stage.name).collect();
    /// assert_eq!(names, ["conv1", "conv2", "conv3-5", "fc6", "fc7"]);
    /// # Ok::<(), taper_transfer::TransferError>(())
    /// ```
    pub fn classifier(
        &self,
        params: &Params,
        config: &BackboneConfig,
        head: &Head,
        classes: usize,
    ) -> Result<Classifier, TransferError> {
        let (free, bounded) = (params.clone().at_most(Params::MOST), params.root());
        let backbone = match head.fully_connected() {
            None => self.reaching(&free.root(), (&bounded, config))?,
            Some((kind, settings)) => {
                let mut staged = self.convolutions(&free.root(), config)?;
                let channels = staged.channels();
                staged.extend(kind.build(&bounded, channels, settings, 0..kind.stages_below(settings)?)?);
                staged
            }
        };
        let head = head.build(&bounded, backbone.channels(), classes)?;
        Ok(Classifier::new(Box::new(backbone), head))
    }

    /// All stages, from the picture: those of the backbone, and behind them the fully connected
    /// layers that its own head brings.
    pub fn stages(&self) -> Vec<Stage> {
        let mut stages = match self.family {
            Family::AlexNet => backbones::alexnet::STAGES.to_vec(),
            Family::ConvNext(layers) => layers.stages().to_vec(),
            Family::DenseNet => backbones::densenet::STAGES.to_vec(),
            Family::EfficientNet(layers) => layers.stages().to_vec(),
            Family::Mobile(layers) => layers.stages().to_vec(),
            Family::MobileNet(layers) => layers.stages().to_vec(),
            Family::RegNet(layers) => layers.stages().to_vec(),
            Family::ResNet(layers, stem) => layers.stages(stem).to_vec(),
            Family::SmallCnn => backbones::small_cnn::STAGES.to_vec(),
            Family::SqueezeNet(layers) => layers.stages().to_vec(),
            Family::Vgg(layers) => layers.stages().to_vec(),
            Family::Vit(layers) => layers.stages().to_vec(),
        };
        stages.extend(self.fully_connected().into_iter().flat_map(FullyConnected::stages));
        stages
    }

    /// What [`stages`](Self::stages) calls a stage that has another name too: VGG's were called
    /// block1 to block5 before, and the last convolution of AlexNet's last stage is conv5.
    pub fn stage_name<'a>(&self, name: &'a str) -> &'a str {
        match (self.family, name) {
            (Family::Vgg(_), "block1") => "conv1",
            (Family::Vgg(_), "block2") => "conv2",
            (Family::Vgg(_), "block3") => "conv3",
            (Family::Vgg(_), "block4") => "conv4",
            (Family::Vgg(_), "block5") => "conv5",
            (Family::AlexNet, "conv5") => "conv3-5",
            _ => name,
        }
    }

    /// The fully connected layers that torchvision has behind its convolutions.
    fn fully_connected(&self) -> Option<FullyConnected> {
        match self.family {
            Family::AlexNet => Some(FullyConnected::AlexNet),
            Family::Vgg(_) => Some(FullyConnected::Vgg),
            _ => None,
        }
    }

    /// As many stages as `config` says, 0 for the convolutions; these below `path`, what is behind
    /// them below `further`.
    fn reaching(
        &self,
        path: &ParamPath,
        (further, config): (&ParamPath, &BackboneConfig),
    ) -> Result<Staged, TransferError> {
        let mut staged = self.convolutions(path, config)?;
        let (channels, behind) = (staged.channels(), config.stages.saturating_sub(staged.stages().len()));
        if let Some(kind) = self.fully_connected().filter(|_| behind > 0) {
            staged.extend(kind.build(further, channels, VggHeadConfig::default(), 0..behind)?);
        }
        Ok(staged)
    }

    /// The stages without those that a head brings, no more than `config` says.
    fn convolutions(&self, path: &ParamPath, config: &BackboneConfig) -> Result<Staged, TransferError> {
        config.check(match self.family {
            Family::ResNet(..) | Family::RegNet(_) | Family::EfficientNet(_) | Family::Mobile(_) => Takes::Depth,
            Family::ConvNext(_) | Family::Vit(_) => Takes::Depth,
            Family::SmallCnn => Takes::Pooling,
            _ => Takes::Nothing,
        })?;
        let staged: Staged = match self.family {
            Family::AlexNet => alexnet(path, config),
            Family::ConvNext(layers) => convnext(path, layers, config),
            Family::DenseNet => densenet121(path, config),
            Family::EfficientNet(layers) => efficientnet(path, layers, config),
            Family::Mobile(layers) => mobile(path, layers, config),
            Family::MobileNet(layers) => mobilenet(path, layers, config),
            Family::RegNet(layers) => regnet(path, layers, config),
            Family::ResNet(layers, stem) => resnet(path, layers, stem, config),
            Family::SmallCnn => small_cnn(path, config),
            Family::SqueezeNet(layers) => squeezenet(path, layers, config),
            Family::Vgg(layers) => vgg(path, layers, config),
            Family::Vit(layers) => vision_transformer(path, layers, config),
        }?;
        Ok(if config.stages > 0 { staged.first(config.stages, path) } else { staged })
    }

    /// What the names of the parameters of its backbone begin with.
    pub(crate) fn beginnings(&self) -> &'static [&'static str] {
        match self.family {
            Family::ResNet(..) => &["conv1", "bn1", "layer1", "layer2", "layer3", "layer4"],
            Family::Mobile(layers) => layers.beginnings(),
            Family::RegNet(_) => &["stem", "trunk_output"],
            Family::SmallCnn => &["stage1", "stage2", "stage3"],
            Family::ConvNext(_) => &["stem", "stages"],
            Family::Vit(layers) => layers.beginnings(),
            _ => &["features"],
        }
    }

    /// The name of a parameter of a file's, where it may be torchvision's of a network that has
    /// timm's names here, or one that torchvision has changed.
    pub(crate) fn own_name(&self, name: String) -> String {
        match self.family {
            Family::ConvNext(_) => timms_convnext(name),
            _ => undotted(name),
        }
    }

    /// The head that torchvision or timm puts on it, as data.
    pub fn head(&self) -> Head {
        match self.family {
            Family::AlexNet => Head::AlexNet(VggHeadConfig::default()),
            Family::ConvNext(_) => Head::ConvNext,
            Family::DenseNet => Head::Classifier,
            Family::EfficientNet(_) => Head::Dropout(DropoutConfig::default()),
            Family::Mobile(layers) => match layers.hidden() {
                0 => Head::Classifier,
                hidden => Head::MobileNetV4(MlpHeadConfig { hidden, ..MlpHeadConfig::default() }),
            },
            Family::MobileNet(layers) => match layers.hidden() {
                0 => Head::Dropout(DropoutConfig::default()),
                hidden => Head::MobileNetV3(MlpHeadConfig { hidden, ..MlpHeadConfig::default() }),
            },
            Family::RegNet(_) | Family::ResNet(..) | Family::SmallCnn => Head::Linear,
            Family::SqueezeNet(_) => Head::Conv(ConvHeadConfig::default()),
            Family::Vgg(_) => Head::Vgg(VggHeadConfig::default()),
            Family::Vit(_) => Head::VisionTransformer,
        }
    }
}

/// The network of this name, or of a set of its weights.
///
/// # Errors
/// When there is none; the error lists the names there are, the most similar first.
///
/// # Examples
/// ```
/// let error = taper_transfer::architecture("resnet5").unwrap_err();
/// assert!(error.to_string().contains("resnet50"));
/// ```
pub fn architecture(name: &str) -> Result<&'static Architecture, TransferError> {
    let network = weight_set(name).map_or(name, |set| set.network());
    ARCHITECTURES.iter().find(|known| known.name == network).ok_or_else(|| TransferError::UnknownModel {
        got: name.to_owned(),
        known: nearest_first(name, ARCHITECTURES.iter().map(|known| known.name).collect()),
    })
}

/// The backbone of this name with first values for its weights, below `path`.
///
/// # Errors
/// Those of [`architecture`] and [`Architecture::backbone`].
///
/// # Examples
/// ```
/// # use candle_core::{DType, Device};
/// # use taper_nn::Params;
/// # use taper_tensor::Rng;
/// use taper_transfer::BackboneConfig;
/// let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
/// assert_eq!(taper_transfer::backbone("small_cnn", &params.root(), &BackboneConfig::default())?.channels(), 64);
/// # Ok::<(), taper_transfer::TransferError>(())
/// ```
pub fn backbone(name: &str, path: &ParamPath, config: &BackboneConfig) -> Result<Box<dyn Backbone>, TransferError> {
    architecture(name)?.backbone(path, config)
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use taper_tensor::Rng;

    use super::*;
    use crate::names::is_below;

    #[test]
    fn every_parameter_has_one_of_the_beginnings() {
        for name in [
            "small_cnn",
            "resnet18",
            "squeezenet1_1",
            "mobilenet_v3_small",
            "tf_efficientnet_lite0",
            "mobilenetv4_conv_small",
            "regnet_y_400mf",
            "densenet121",
            "alexnet",
            "convnext_atto",
            "vit_tiny_patch16_224",
        ] {
            let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
            let built = backbone(name, &params.root(), &BackboneConfig::default()).unwrap();
            assert!(architecture(name).unwrap().stages().starts_with(built.stages()), "{name}");
            let (names, beginnings) = (params.tensors(), architecture(name).unwrap().beginnings());
            assert!(names.keys().all(|name| beginnings.iter().any(|b| is_below(name, b))), "{name}");
            assert!(beginnings.iter().all(|b| names.keys().any(|name| is_below(name, b))), "{name}");
        }
    }

    #[test]
    fn fully_connected_layers_are_stages_of_an_own_head_and_where_a_network_is_to_reach_them() {
        let names = |stages: &[Stage]| stages.iter().map(|stage| stage.name).collect::<Vec<_>>();
        let (alexnet, all) = (architecture("alexnet").unwrap(), ["conv1", "conv2", "conv3-5", "fc6", "fc7"]);
        assert_eq!(names(&alexnet.stages()), all);
        let vgg = architecture("vgg11").unwrap().stages();
        assert_eq!(names(&vgg), ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7"]);
        assert_eq!(architecture("resnet18").unwrap().stages().len(), 5);
        let built = |stages, head| {
            let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
            let config = BackboneConfig { stages, ..BackboneConfig::default() };
            let net = alexnet.classifier(&params, &config, &head, 3).unwrap();
            for name in params.tensors().keys() {
                let owners = net.backbone().stages().iter().filter(|stage| stage.owns(name)).count();
                assert_eq!(owners + usize::from(net.part(name) == crate::Part::Head), 1, "{name}");
            }
            (names(net.backbone().stages()), net.backbone().channels())
        };
        let small = VggHeadConfig { hidden: 8, ..VggHeadConfig::default() };
        assert_eq!(built(0, Head::AlexNet(small)), (all.to_vec(), 8));
        // Layers that begin anew are the head's.
        assert_eq!(built(0, Head::AlexNet(small).with_layers(2)), (all[..4].to_vec(), 8));
        assert_eq!(built(0, Head::AlexNet(small).with_layers(9)), (all[..3].to_vec(), 256));
        assert_eq!(built(0, Head::Linear), (all[..3].to_vec(), 256));
        assert_eq!(built(2, Head::Linear), (all[..2].to_vec(), 192));
        assert_eq!(built(4, Head::Linear), (all[..4].to_vec(), 4096));
        assert_eq!((alexnet.stage_name("conv5"), alexnet.stage_name("conv2")), ("conv3-5", "conv2"));
        assert_eq!(architecture("vgg16").unwrap().stage_name("block4"), "conv4");
    }

    #[test]
    fn networks_have_names() {
        assert!(architecture("nothing").is_err() && architecture("squeezenet1_1").is_ok());
    }
}
