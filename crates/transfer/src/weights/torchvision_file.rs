//! A file of torchvision's, by name.

use std::fmt;

use serde::Deserialize;

use super::digest::Digest;
use super::fetch_error::FetchError;
use super::plain::is_plain;

/// A file of torchvision's.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TorchvisionFile {
    /// Its name, which ends in what its SHA-256 begins with: `vgg16-397923af.pth`.
    pub file: String,
    /// Its SHA-256, where all of it is known.
    pub sha256: Option<Digest>,
}

/// `vgg16-397923af.pth of torchvision`.
impl fmt::Display for TorchvisionFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of torchvision", self.file)
    }
}

impl TorchvisionFile {
    /// What is known of its SHA-256.
    ///
    /// # Errors
    /// When its name does not say what that begins with, says something else, or could lead out of
    /// the cache.
    pub fn digest(&self) -> Result<Digest, FetchError> {
        let named = || {
            let digits = self.file.rsplit_once('-')?.1.strip_suffix(".pth")?;
            let named = Digest::parse(digits)?;
            match &self.sha256 {
                Some(sha256) => named.is_of(&sha256.to_string()).then(|| sha256.clone()),
                None => Some(named),
            }
        };
        named()
            .filter(|_| is_plain(&self.file) && !self.file.contains('/'))
            .ok_or_else(|| FetchError::Name { what: "torchvision's file", got: self.file.clone() })
    }
}
