//! The models there are, by name.

use std::collections::BTreeMap;

use candle_core::Tensor;
use taper_tensor::{Params, Path};

use crate::architectures::{Architecture, architecture, nearest_first};
use crate::{Backbone, BackboneConfig, Classifier, Fit, Head, Manifest, TransferError, WeightsError, load_weights, weights_from_bytes};

/// A pretrained network that is part of this library.
#[derive(Clone, Copy, Debug)]
pub struct Model {
    /// The name.
    pub name: &'static str,
    manifest: &'static str,
    weights: &'static [u8],
    class_names: &'static str,
}

/// Every model, the default first. A new one is one more entry.
pub const MODELS: &[Model] = &[Model {
    name: "squeezenet1_1",
    manifest: include_str!("../../../models/squeezenet1_1.toml"),
    weights: include_bytes!("../../../models/squeezenet1_1.safetensors"),
    class_names: include_str!("../../../models/imagenet_classes.txt"),
}];

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
    ///
    /// # Errors
    /// Never, as long as the tests of this library pass.
    pub fn own_head(&self) -> Result<Head, TransferError> {
        Ok(self.architecture()?.head())
    }

    /// Its backbone with first values, not yet the pretrained ones, below `path`.
    ///
    /// # Errors
    /// When a parameter exists with another shape.
    pub fn backbone(&self, path: &Path) -> Result<Box<dyn Backbone>, TransferError> {
        self.architecture()?.backbone(path, &BackboneConfig::default())
    }

    fn architecture(&self) -> Result<&'static Architecture, TransferError> {
        architecture(self.name)
    }

    /// The network as it was trained, its own head included: for predictions among its own classes.
    ///
    /// # Errors
    /// When `params` holds parameters already that do not belong to it.
    pub fn pretrained(&self, params: &Params) -> Result<Classifier, TransferError> {
        let net = self.build(params, self.own_head()?, self.class_names().len())?;
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
}
