//! What is known about a file of weights.

use serde::Deserialize;

use super::digest::{Digest, sha256};
use super::error::WeightsError;
use super::hub_file::HubFile;
use super::source::Source;
use super::torchvision_file::TorchvisionFile;
use super::weight_set::{Interpolation, WeightSet};
use crate::TransferError;

/// Where weights come from and what they expect, from `models/<name>.toml`.
///
/// # Examples
/// ```
/// let manifest = taper_transfer::model("squeezenet1_1")?.manifest()?;
/// assert_eq!((manifest.input_size, manifest.parameters), (224, 1_235_496));
/// # Ok::<(), taper_transfer::TransferError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The name of the model.
    pub name: String,
    /// How many numbers are trained, head included.
    pub parameters: usize,
    /// Multiplications and additions for one picture, each pair counted once, 10⁹.
    pub gflops: f64,
    /// Accuracy on ImageNet's validation pictures, percent, where it is known.
    pub top1: Option<f64>,
    /// How often the right class is among the first five, percent.
    pub top5: Option<f64>,
    /// The side of the square pictures that the network was trained on, pixels.
    pub input_size: usize,
    /// What is subtracted from red, green and blue, which lie in 0..1.
    pub mean: [f32; 3],
    /// What they are then divided by.
    pub std: [f32; 3],
    /// What pictures are resized by. Default bilinear.
    #[serde(default)]
    pub interpolation: Interpolation,
    /// How much of the short side the square in the middle has, a fraction. Default 1.
    #[serde(default = "whole")]
    pub crop: f64,
    /// The set of classes that its own head tells apart.
    pub classes: String,
    /// The license of the weights, an SPDX identifier.
    pub license: String,
    /// Who made the weights, and what was done to them since.
    pub source: String,
    /// The safetensors file beside the manifest, where the weights are embedded.
    pub file: Option<String>,
    /// The SHA-256 of that file.
    pub sha256: Option<Digest>,
    /// The weights on the hub.
    pub hub: Option<HubFile>,
    /// The same weights in a file of torchvision's.
    pub torchvision: Option<TorchvisionFile>,
    /// The name of the network in timm, where torchvision does not have it.
    pub timm: Option<String>,
    /// What names in a file begin with, and what they begin with here ([`rename`](crate::rename)).
    #[serde(default)]
    pub renames: Vec<[String; 2]>,
    /// timm's name of the [set](WeightSet) that it is of, where there are several.
    #[serde(skip)]
    pub set: Option<&'static str>,
    /// The name of the network in timm, where timm has it.
    #[serde(skip)]
    pub timm_name: Option<String>,
}

/// All of the short side.
fn whole() -> f64 {
    1.0
}

impl Manifest {
    /// Reads and checks a manifest.
    ///
    /// # Errors
    /// When a key is missing or unknown, or a value makes no sense.
    pub fn parse(text: &str) -> Result<Self, TransferError> {
        let mut manifest: Self = toml::from_str(text)?;
        let (hub, torchvision) = (manifest.hub.as_ref(), manifest.torchvision.as_ref());
        let hubs = hub.and_then(|file| file.sha256.as_ref());
        let torchvisions = torchvision.and_then(|file| file.sha256.as_ref());
        let whole = [manifest.sha256.as_ref(), hubs, torchvisions].into_iter().flatten().all(Digest::is_whole);
        // What the name of torchvision's file says must agree.
        let named = torchvision.is_none_or(|file| file.digest().is_ok());
        for (ok, field, wanted) in [
            (!manifest.name.is_empty(), "name", "a name"),
            (whole, "sha256", "64 hexadecimal digits in lower case"),
            (hub.is_none_or(|file| file.check().is_ok()), "hub", "owner/name, a revision and a file, without .."),
            (named, "torchvision", "a file that is named by what its SHA-256 begins with, name-01234567.pth"),
            (manifest.parameters > 0, "parameters", "1 or more"),
            (manifest.input_size > 0, "input_size", "1 or more"),
            (manifest.crop > 0.0 && manifest.crop <= 1.0, "crop", "above 0, and no more than 1"),
            (manifest.mean.iter().all(|m| m.is_finite()), "mean", "three finite numbers"),
            (manifest.std.iter().all(|s| s.is_finite() && *s > 0.0), "std", "three positive numbers"),
        ] {
            if !ok {
                return Err(TransferError::BadManifest { name: manifest.name, field, wanted });
            }
        }
        let stem = |file: &HubFile| Some(file.repository.rsplit_once('/')?.1.split_once('.')?.0.to_owned());
        manifest.timm_name = manifest.timm.clone().or_else(|| manifest.hub.as_ref().and_then(stem));
        Ok(manifest)
    }

    /// The same of a set of weights: where they are, what they expect and how good they are. What
    /// is known of the sums of its files stays, where this is the set that the manifest is of.
    #[must_use]
    pub(crate) fn of(mut self, name: &str, set: &WeightSet) -> Self {
        let hub = self.hub.as_ref().map(|file| file.repository.as_str());
        let torchvision = self.torchvision.as_ref().map(|file| file.file.as_str());
        let own = |known: Option<&str>, of: Option<&str>| of.is_some() && known == of;
        let same = match set.repository {
            Some(_) => own(hub, set.repository),
            None => own(torchvision, set.torchvision),
        };
        if !same {
            self.hub = set.repository.map(HubFile::newest);
            self.torchvision = set.torchvision.map(|file| TorchvisionFile { file: file.to_owned(), sha256: None });
            self.source = match (set.repository, set.torchvision) {
                (Some(repository), _) => format!("As timm publishes it in {repository}. Accuracies are timm's."),
                (None, Some(file)) => format!("torchvision's {file}. Accuracies are torchvision's."),
                (None, None) => self.source,
            };
        }
        Self {
            name: name.to_owned(),
            top1: set.top1,
            top5: set.top5,
            input_size: set.size,
            mean: set.mean,
            std: set.std,
            interpolation: set.interpolation,
            crop: set.crop,
            license: set.license.to_owned(),
            set: Some(set.tag()),
            ..self
        }
    }

    /// Where files of the weights are, in the order in which they are looked for.
    pub fn sources(&self) -> Vec<Source> {
        let hub = self.hub.as_ref().map(|_| Source::Hub);
        let torchvision = self.torchvision.as_ref().map(|_| Source::Torchvision);
        hub.into_iter().chain(torchvision).collect()
    }

    /// Checks that `bytes`, read from `origin`, are the file that the manifest describes.
    ///
    /// # Errors
    /// When their SHA-256 is another.
    pub fn verify(&self, bytes: &[u8], origin: &str) -> Result<(), WeightsError> {
        let got = sha256(bytes);
        match &self.sha256 {
            Some(wanted) if !wanted.is_of(&got) => {
                Err(WeightsError::Checksum { origin: origin.to_owned(), got, wanted: wanted.to_string() })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    const TEXT: &str = include_str!("../../models/squeezenet1_1.toml");
    const FETCHED: &str = include_str!("../../models/vgg16.toml");

    #[test]
    fn unknown_missing_and_senseless_keys_are_refused() {
        assert!(Manifest::parse(TEXT).is_ok());
        let unknown = format!("color = \"red\"\n{TEXT}");
        let why = |text: &str| Error::source(&Manifest::parse(text).unwrap_err()).map(ToString::to_string).unwrap();
        assert!(why(&unknown).contains("color"));
        let upper = TEXT.replace("e3ca", "E3CA");
        assert!(why(&upper).contains("hexadecimal digits in lower case"));
        let missing = TEXT.replace("input_size = 224\n", "");
        assert!(why(&missing).contains("input_size"));
        for (from, to, field) in [
            ("std = [0.229", "std = [0.0", "std"),
            ("size = 224", "size = 0", "input_size"),
            ("timm/", "../timm/", "hub"),
            ("model.safetensors", "/model.safetensors", "hub"),
            ("57b026918159a6bf", "57b0", "sha256"),
            ("vgg16-397923af.pth", "../vgg16-397923af.pth", "torchvision"),
            ("vgg16-397923af.pth", "vgg16.pth", "torchvision"),
            ("vgg16-397923af.pth", "vgg16-397923ae.pth", "torchvision"),
        ] {
            assert!(FETCHED.contains(from), "{from}");
            let error = Manifest::parse(&FETCHED.replace(from, to)).unwrap_err();
            assert!(matches!(error, TransferError::BadManifest { field: f, .. } if f == field), "{from}: {error}");
        }
    }

    #[test]
    fn other_bytes_are_refused_with_both_sums() {
        let error = Manifest::parse(TEXT).unwrap().verify(b"abc", "here.safetensors").unwrap_err().to_string();
        assert!(error.contains("here.safetensors") && error.contains("e3ca6d4d"), "{error}");
        assert!(error.contains("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"), "{error}");
    }
}
