//! The models there are, by name.

use std::collections::BTreeMap;

use candle_core::Tensor;
use taper_tensor::{Params, Path};

use crate::backbone_config::Takes;
use crate::{
    Backbone, BackboneConfig, Classifier, ConvHeadConfig, Fit, Head, Manifest, ResNet, ResNetLayers, SmallCnn,
    SqueezeNet, Stem, TransferError, Vgg, VggLayers, WeightsError, load_weights, weights_from_bytes,
};

/// A pretrained network that is part of this library.
#[derive(Clone, Copy, Debug)]
pub struct Model {
    /// The name.
    pub name: &'static str,
    manifest: &'static str,
    weights: &'static [u8],
    class_names: &'static str,
    backbone: fn(&Path) -> candle_core::Result<Box<dyn Backbone>>,
    head: fn() -> Head,
}

/// Every model, the default first. A new one is one more entry.
pub const MODELS: &[Model] = &[Model {
    name: "squeezenet1_1",
    manifest: include_str!("../../../models/squeezenet1_1.toml"),
    weights: include_bytes!("../../../models/squeezenet1_1.safetensors"),
    class_names: include_str!("../../../models/imagenet_classes.txt"),
    backbone: |path| Ok(Box::new(SqueezeNet::new(path)?)),
    head: || Head::Conv(ConvHeadConfig::default()),
}];

/// Makes a network with first values below a path.
type Build = fn(&Path, &BackboneConfig) -> Result<Box<dyn Backbone>, TransferError>;

/// What can be trained from scratch, beside the [`MODELS`]: names, what they can do at random, and what they are.
const FROM_SCRATCH: &[(&str, Takes, Build)] = &[
    ("small_cnn", Takes::Pooling, |path, config| Ok(Box::new(SmallCnn::with(path, config)?))),
    ("resnet18_small", Takes::Depth, |path, config| resnet(path, ResNetLayers::RESNET18, Stem::Small, config)),
    ("resnet18_narrow", Takes::Depth, |path, config| resnet(path, ResNetLayers::RESNET18_NARROW, Stem::Small, config)),
    ("resnet18", Takes::Depth, |path, config| resnet(path, ResNetLayers::RESNET18, Stem::Large, config)),
    ("resnet34", Takes::Depth, |path, config| resnet(path, ResNetLayers::RESNET34, Stem::Large, config)),
    ("resnet50", Takes::Depth, |path, config| resnet(path, ResNetLayers::RESNET50, Stem::Large, config)),
    ("vgg16", Takes::Nothing, |path, _| Ok(Box::new(Vgg::new(path, VggLayers::VGG16)?))),
];

fn resnet(
    path: &Path,
    layers: ResNetLayers,
    stem: Stem,
    config: &BackboneConfig,
) -> Result<Box<dyn Backbone>, TransferError> {
    Ok(Box::new(ResNet::with(path, layers, stem, config)?))
}

/// The backbone of this name with first values for its weights, below `path`: of a pretrained model, or one of
/// `small_cnn`, `resnet18_small` and `resnet18_narrow` (for pictures of a few dozen pixels), `resnet18`, `resnet34`, `resnet50`, `vgg16`.
///
/// # Errors
/// When there is none, listing the names there are; when it has no layers for a setting or the setting is out of range;
/// when a parameter exists with another shape.
///
/// # Examples
/// ```
/// # use candle_core::{DType, Device};
/// # use taper_tensor::{Params, Rng};
/// use taper_transfer::BackboneConfig;
/// let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
/// assert_eq!(taper_transfer::backbone("small_cnn", &params.root(), &BackboneConfig::default())?.channels(), 64);
/// # Ok::<(), taper_transfer::TransferError>(())
/// ```
pub fn backbone(name: &str, path: &Path, config: &BackboneConfig) -> Result<Box<dyn Backbone>, TransferError> {
    if let Some((_, takes, build)) = FROM_SCRATCH.iter().find(|(known, ..)| *known == name) {
        config.check(*takes)?;
        return build(path, config);
    }
    match model(name) {
        Ok(model) => {
            config.check(Takes::Nothing)?;
            Ok(model.backbone(path)?)
        }
        Err(_) => {
            let known = FROM_SCRATCH.iter().map(|(name, ..)| *name).chain(MODELS.iter().map(|model| model.name));
            Err(TransferError::UnknownModel { got: name.to_owned(), known: nearest_first(name, known.collect()) })
        }
    }
}

/// The model of this name.
///
/// # Errors
/// When there is none; the error lists the names there are, the most similar first.
///
/// # Examples
/// ```
/// let error = taper_transfer::model("squeezenet").unwrap_err();
/// assert!(error.to_string().contains("squeezenet1_1"));
/// ```
pub fn model(name: &str) -> Result<&'static Model, TransferError> {
    MODELS.iter().find(|model| model.name == name).ok_or_else(|| TransferError::UnknownModel {
        got: name.to_owned(),
        known: nearest_first(name, MODELS.iter().map(|model| model.name).collect()),
    })
}

impl Model {
    /// What its weights expect.
    ///
    /// # Errors
    /// Never, as long as the tests of this library pass.
    pub fn manifest(&self) -> Result<Manifest, TransferError> {
        Manifest::parse(self.manifest)
    }

    /// The bytes of its safetensors file.
    pub fn bytes(&self) -> &'static [u8] {
        self.weights
    }

    /// Its weights by name, its own head included, float32.
    ///
    /// # Errors
    /// Never, as long as the tests of this library pass.
    pub fn weights(&self) -> Result<BTreeMap<String, Tensor>, WeightsError> {
        weights_from_bytes(self.weights, self.name)
    }

    /// The names of the classes of its own head, in the order of the logits.
    pub fn class_names(&self) -> Vec<&'static str> {
        self.class_names.lines().collect()
    }

    /// The head that its weights come with, as data.
    pub fn own_head(&self) -> Head {
        (self.head)()
    }

    /// Its backbone with first values, not yet the pretrained ones, below `path`.
    ///
    /// # Errors
    /// When a parameter exists with another shape.
    pub fn backbone(&self, path: &Path) -> candle_core::Result<Box<dyn Backbone>> {
        (self.backbone)(path)
    }

    /// The network as it was trained, its own head included: for predictions among its own classes.
    ///
    /// # Errors
    /// When `params` holds parameters already that do not belong to it.
    pub fn pretrained(&self, params: &Params) -> Result<Classifier, TransferError> {
        let net = self.build(params, self.own_head(), self.class_names().len())?;
        load_weights(params, &self.weights()?, Fit::Exact)?;
        Ok(net)
    }

    /// The pretrained backbone under a new head for `classes` classes, nothing frozen. The head keeps
    /// its first values, drawn from `params`, whatever its size.
    ///
    /// # Errors
    /// When a setting of the head is out of range, or `params` holds parameters already that do not fit.
    pub fn classifier(&self, params: &Params, head: Head, classes: usize) -> Result<Classifier, TransferError> {
        let net = self.build(params, head, classes)?;
        let mut weights = self.weights()?;
        weights.retain(|name, _| net.part(name) != crate::Part::Head);
        load_weights(params, &weights, Fit::NewHead(&Head::PREFIXES))?;
        Ok(net)
    }

    fn build(&self, params: &Params, head: Head, classes: usize) -> Result<Classifier, TransferError> {
        let backbone = self.backbone(&params.root())?;
        let head = head.build(&params.root(), backbone.channels(), classes)?;
        Ok(Classifier::new(backbone, head))
    }
}

fn nearest_first<'a>(name: &str, mut known: Vec<&'a str>) -> Vec<&'a str> {
    known.sort_by_key(|other| edits(name, other));
    known
}

/// How many letters to insert, delete or replace to make `a` into `b` (Levenshtein).
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_is_what_its_manifest_says() {
        for model in MODELS {
            let manifest = model.manifest().unwrap();
            assert_eq!((&*manifest.name, &manifest.file), (model.name, &format!("{}.safetensors", model.name)));
            manifest.verify(model.bytes(), model.name).unwrap();
            let weights = model.weights().unwrap();
            assert_eq!(weights.values().map(Tensor::elem_count).sum::<usize>(), manifest.parameters);
            assert_eq!(manifest.classes, "imagenet");
            let names = model.class_names();
            assert_eq!((names.len(), names[0], names[999]), (1000, "tench", "toilet tissue"));
            assert!(names.iter().all(|name| !name.trim().is_empty()));
        }
    }

    #[test]
    fn names_are_ordered_by_edits() {
        assert_eq!((edits("kitten", "sitting"), edits("", "abc"), edits("same", "same")), (3, 3, 0));
        let known = vec!["vgg16", "resnet50", "resnet18"];
        assert_eq!(nearest_first("resnet19", known), ["resnet18", "resnet50", "vgg16"]);
        assert!(model("nothing").is_err() && model("squeezenet1_1").is_ok());
    }
}
