//! A model: its manifest, and the weights in a file by the network's names.

use taper_nn::ParamPath;

use crate::architectures::{Architecture, architecture};
use crate::weights::rename::{rename_all, renamed};
use crate::weights::weight_set::{WeightSet, default_set};
use crate::{Backbone, BackboneConfig, Head, Manifest, TransferError, WeightsFile, read_weights};

/// The names of ImageNet's classes, in the order of the logits.
const IMAGENET: &str = include_str!("../../models/imagenet_classes.txt");

/// A network for which there are pretrained weights.
#[derive(Clone, Copy, Debug)]
pub struct PretrainedModel {
    /// The name, that of its [`Architecture`], and of its [set](WeightSet) where one is named.
    pub name: &'static str,
    pub(super) manifest: &'static str,
    /// The set that is named.
    pub(super) set: Option<&'static WeightSet>,
    /// The weights, where they are part of this library.
    pub(super) embedded: Option<&'static [u8]>,
}

impl PretrainedModel {
    /// What its weights expect. Of a network that several sets are published of, where none is
    /// named, it is of the one with the best published top 1 among those that anybody may use and
    /// that are for pictures of its size.
    ///
    /// # Errors
    /// Never, as long as the tests of this library pass.
    ///
    /// # Examples
    /// ```
    /// let manifest = taper_transfer::model("resnet50.a1")?.manifest()?;
    /// assert_eq!((manifest.set, manifest.crop), (Some("a1_in1k"), 0.95));
    /// assert_eq!(taper_transfer::model("resnet50")?.manifest()?.set, Some("tv2_in1k"));
    /// # Ok::<(), taper_transfer::TransferError>(())
    /// ```
    pub fn manifest(&self) -> Result<Manifest, TransferError> {
        let network = Manifest::parse(self.manifest)?;
        let set = self.set.or_else(|| default_set(&network.name, network.input_size));
        Ok(match set {
            Some(set) => network.of(self.name, set),
            None => network,
        })
    }

    /// The bytes of its safetensors file, where it is embedded.
    pub fn embedded(&self) -> Option<&'static [u8]> {
        self.embedded
    }

    /// The weights in a file, by the network's own names whether the file has those, older ones or
    /// those of another library. Where the network lies behind a name of the file's, such as `net.`
    /// or `encoder_q.`, that is removed, and what lies beside it left out: the
    /// [report](crate::ReadReport) says so.
    ///
    /// # Errors
    /// When the file cannot be read, has two tensors for one parameter, or holds the network
    /// several times.
    pub fn weights_in(&self, path: &std::path::Path) -> Result<WeightsFile, TransferError> {
        let pairs = self.manifest()?.renames;
        let architecture = self.architecture()?;
        let own = |name: &str| architecture.own_name(renamed(name, &pairs));
        let mut file = read_weights(path)?;
        let origin = path.display().to_string();
        file.keep_network(&origin, architecture.beginnings(), own)?;
        Ok(WeightsFile { tensors: rename_all(&origin, file.tensors, own)?, report: file.report })
    }

    /// The names of the classes of its own head, in the order of the logits.
    pub fn class_names(&self) -> Vec<&'static str> {
        IMAGENET.lines().collect()
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
    pub fn backbone(&self, path: &ParamPath) -> Result<Box<dyn Backbone>, TransferError> {
        self.architecture()?.backbone(path, &BackboneConfig::default())
    }

    pub(super) fn architecture(&self) -> Result<&'static Architecture, TransferError> {
        architecture(self.name)
    }
}
