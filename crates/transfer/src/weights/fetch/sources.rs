//! All places that weights are fetched from.

use std::path::PathBuf;

use super::config::Fetch;
use super::hub::Hub;
use super::torchvision::Torchvision;
use crate::weights::fetch_error::FetchError;
use crate::weights::manifest::Manifest;
use crate::weights::source::Source;

/// Where weights come from, and are kept.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The Hugging Face hub.
    pub hub: Hub,
    /// torchvision's own files.
    pub torchvision: Torchvision,
}

impl Sources {
    /// As the environment says.
    ///
    /// # Errors
    /// When there is no home folder.
    pub fn from_env() -> Result<Self, FetchError> {
        Ok(Self { hub: Hub::from_env()?, torchvision: Torchvision::from_env()? })
    }

    pub(crate) fn find(&self, manifest: &Manifest, source: Source) -> Option<PathBuf> {
        match source {
            Source::Hub => self.hub.find(manifest.hub.as_ref()?),
            Source::Torchvision => self.torchvision.find(manifest.torchvision.as_ref()?),
        }
    }

    /// Fetches no more than weights of so many parameters can be: float64, and some names.
    pub(crate) fn pull(
        &self,
        manifest: &Manifest,
        source: Source,
        tell: &mut dyn FnMut(Fetch),
    ) -> Result<Option<PathBuf>, FetchError> {
        let Self { mut hub, mut torchvision } = self.clone();
        for fetch in [&mut hub.fetch, &mut torchvision.fetch] {
            fetch.largest = fetch.largest.min(8 * manifest.parameters as u64 + (1 << 20));
        }
        match source {
            Source::Hub => manifest.hub.as_ref().map(|file| hub.pull(file, tell)).transpose(),
            Source::Torchvision => manifest.torchvision.as_ref().map(|file| torchvision.pull(file, tell)).transpose(),
        }
    }
}
