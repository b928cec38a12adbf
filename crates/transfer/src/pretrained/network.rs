//! A model's weights in its network.

use std::collections::BTreeMap;
use std::path::PathBuf;

use candle_core::Tensor;
use taper_nn::Params;

use super::model::PretrainedModel;
#[cfg(feature = "hub")]
use crate::Sources;
use crate::{
    BackboneConfig, Classifier, Fit, Head, NotFinite, Part, TransferError, WeightsError, load_weights,
    weights_from_bytes,
};

impl PretrainedModel {
    /// Its weights by name, its own head included, float32: the embedded ones, or with the feature
    /// `hub` those that `pull` finds by `Sources::from_env`.
    ///
    /// # Errors
    /// As there, and when the file is broken or holds NaN or infinities; without the feature `hub`
    /// when they are not embedded.
    pub fn weights(&self) -> Result<BTreeMap<String, Tensor>, TransferError> {
        let file = match self.embedded {
            Some(bytes) => weights_from_bytes(bytes, self.name)?,
            None => self.weights_in(&self.file()?)?,
        };
        match file.report.not_finite {
            None => Ok(file.tensors),
            Some(NotFinite { count, first }) => {
                let origin = format!("the weights of {}", self.name);
                Err(WeightsError::NotFinite { origin, count, first }.into())
            }
        }
    }

    /// A file of its weights, fetched if need be.
    #[cfg(feature = "hub")]
    fn file(&self) -> Result<PathBuf, TransferError> {
        let path = self.pull(&Sources::from_env()?, None, &mut |_| {})?;
        path.ok_or(TransferError::NoSource { name: self.name, known: Vec::new() })
    }

    /// Nothing is fetched without the feature `hub`.
    #[cfg(not(feature = "hub"))]
    fn file(&self) -> Result<PathBuf, TransferError> {
        Err(TransferError::NotEmbedded { name: self.name })
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

    /// The pretrained backbone under a new head for `classes` classes, nothing frozen. The head
    /// keeps its first values, drawn from `params`, whatever its size; stages that it brings, fc6
    /// and fc7 of VGG and AlexNet, are pretrained as the others.
    ///
    /// # Errors
    /// When a setting of the head is out of range, or `params` holds parameters already that do not
    /// fit.
    pub fn classifier(&self, params: &Params, head: Head, classes: usize) -> Result<Classifier, TransferError> {
        let net = self.build(params, head, classes)?;
        let mut weights = self.weights()?;
        weights.retain(|name, _| net.part(name) != Part::Head);
        load_weights(params, &weights, Fit::NewHead(&Head::PREFIXES))?;
        Ok(net)
    }

    fn build(&self, params: &Params, head: Head, classes: usize) -> Result<Classifier, TransferError> {
        self.architecture()?.classifier(params, &BackboneConfig::default(), &head, classes)
    }
}

#[cfg(all(test, not(feature = "hub")))]
mod tests {
    use super::*;
    use crate::model;

    #[test]
    fn without_the_hub_only_embedded_weights_are_there() {
        assert!(model("squeezenet1_1").unwrap().weights().is_ok());
        let error = model("resnet18").unwrap().weights().unwrap_err();
        assert!(matches!(error, TransferError::NotEmbedded { name: "resnet18" }), "{error}");
    }
}
