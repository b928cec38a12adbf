//! What is known about a file of weights.

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::{HubFile, TransferError, WeightsError};

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
    /// The set of classes that its own head tells apart.
    pub classes: String,
    /// The licence of the weights, an SPDX identifier.
    pub licence: String,
    /// Who made the weights, and what was done to them since.
    pub source: String,
    /// The safetensors file beside the manifest, where the weights are embedded.
    pub file: Option<String>,
    /// The SHA-256 of the weights' file, 64 hexadecimal digits in lower case, where it is known.
    pub sha256: Option<String>,
    /// The weights on the hub.
    pub hub: Option<HubFile>,
    /// What names in that file begin with, and what they begin with here ([`rename`](crate::rename)).
    #[serde(default)]
    pub renames: Vec<[String; 2]>,
}

impl Manifest {
    /// Reads and checks a manifest.
    ///
    /// # Errors
    /// When a key is missing or unknown, or a value makes no sense.
    pub fn parse(text: &str) -> Result<Self, TransferError> {
        let manifest: Self = toml::from_str(text)?;
        let sum = manifest.sha256.as_deref().is_none_or(is_sha256);
        for (ok, field, wanted) in [
            (!manifest.name.is_empty(), "name", "a name"),
            (sum, "sha256", "64 hexadecimal digits in lower case"),
            (manifest.parameters > 0, "parameters", "1 or more"),
            (manifest.input_size > 0, "input_size", "1 or more"),
            (manifest.mean.iter().all(|m| m.is_finite()), "mean", "three finite numbers"),
            (manifest.std.iter().all(|s| s.is_finite() && *s > 0.0), "std", "three positive numbers"),
        ] {
            if !ok {
                return Err(TransferError::BadManifest { name: manifest.name, field, wanted });
            }
        }
        Ok(manifest)
    }

    /// Checks that `bytes`, read from `origin`, are the file that the manifest describes.
    ///
    /// # Errors
    /// When their SHA-256 is another.
    pub fn verify(&self, bytes: &[u8], origin: &str) -> Result<(), WeightsError> {
        let got = sha256(bytes);
        match &self.sha256 {
            Some(wanted) if got != *wanted => {
                Err(WeightsError::Checksum { origin: origin.to_owned(), got, wanted: wanted.clone() })
            }
            _ => Ok(()),
        }
    }
}

/// Whether a text is a SHA-256 as it is written here: 64 hexadecimal digits in lower case.
pub(crate) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c))
}

/// The SHA-256 of bytes, 64 hexadecimal digits in lower case.
pub fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = include_str!("../../../models/squeezenet1_1.toml");

    #[test]
    fn unknown_missing_and_senseless_keys_are_refused() {
        assert!(Manifest::parse(TEXT).is_ok());
        let unknown = format!("colour = \"red\"\n{TEXT}");
        assert!(Manifest::parse(&unknown).unwrap_err().to_string().contains("colour"));
        let missing = TEXT.replace("input_size = 224\n", "");
        assert!(Manifest::parse(&missing).unwrap_err().to_string().contains("input_size"));
        for (field, from, to) in
            [("sha256", "e3ca", "E3CA"), ("std", "0.229", "0.0"), ("input_size", "size = 224", "size = 0")]
        {
            let error = Manifest::parse(&TEXT.replace(from, to)).unwrap_err();
            assert!(matches!(error, TransferError::BadManifest { field: f, .. } if f == field), "{error}");
        }
    }

    #[test]
    fn other_bytes_are_refused_with_both_sums() {
        let error = Manifest::parse(TEXT).unwrap().verify(b"abc", "here.safetensors").unwrap_err().to_string();
        assert!(error.contains("here.safetensors") && error.contains("e3ca6d4d"), "{error}");
        assert!(error.contains("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"), "{error}");
    }
}
