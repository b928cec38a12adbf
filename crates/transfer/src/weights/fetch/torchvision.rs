//! torchvision's own files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::cached::{self, Cached, Found};
use super::config::{Fetch, FetchConfig, said};
use super::download::{Arrived, Download};
use super::request::Request;
use crate::weights::fetch_error::FetchError;
use crate::weights::source::Source;
use crate::weights::torchvision_file::TorchvisionFile;

/// Where torchvision's files are, with the folder that PyTorch keeps them in, so that either finds
/// what the other has fetched.
///
/// As with [`Hub`](crate::Hub) a file gets its place when its checksum is right, and is checked
/// again when a process first asks for it: against its SHA-256 where that is known, else against
/// the digits in its name.
#[derive(Clone, Debug)]
pub struct Torchvision {
    /// The folder.
    pub cache: PathBuf,
    /// Where they are.
    pub endpoint: String,
    /// How files are fetched.
    pub fetch: FetchConfig,
}

impl Torchvision {
    /// As the environment says: `TORCH_HOME` (else `torch` in `XDG_CACHE_HOME`, else
    /// `~/.cache/torch`; the files are in `hub/checkpoints` below it),
    /// `TAPER_TORCHVISION_ENDPOINT`, and [`FetchConfig::from_env`].
    ///
    /// # Errors
    /// When there is no home folder.
    pub fn from_env() -> Result<Self, FetchError> {
        let home = match (said("TORCH_HOME"), said("XDG_CACHE_HOME")) {
            (Some(home), _) => PathBuf::from(home),
            (None, Some(cache)) => PathBuf::from(cache).join("torch"),
            (None, None) => std::env::home_dir()
                .ok_or(FetchError::NoHome { origin: Source::Torchvision })?
                .join(".cache")
                .join("torch"),
        };
        Ok(Self {
            cache: home.join("hub").join("checkpoints"),
            endpoint: said("TAPER_TORCHVISION_ENDPOINT")
                .unwrap_or_else(|| "https://download.pytorch.org/models".to_owned()),
            fetch: FetchConfig::from_env(),
        })
    }

    /// Where a file is on this machine, when it is; unchecked.
    pub fn find(&self, file: &TorchvisionFile) -> Option<PathBuf> {
        file.digest().ok()?;
        Some(InTorchHome { cache: &self.cache, file }.find()?.path)
    }

    /// The place of a file on this machine, fetched if need be.
    ///
    /// # Errors
    /// As [`Hub::pull`](crate::Hub::pull).
    pub fn pull(&self, file: &TorchvisionFile, tell: &mut dyn FnMut(Fetch)) -> Result<PathBuf, FetchError> {
        let (digest, staging) = (file.digest()?, self.cache.join("taper-incomplete").join(&file.file));
        let request = Request {
            file: file.to_string(),
            origin: Source::Torchvision,
            url: format!("{}/{}", self.endpoint.trim_end_matches('/'), file.file),
            token: None,
            config: &self.fetch,
        };
        let digest = Some(&digest);
        let download = Download { request, digest, needs_commit: false, commit: None, staging: &staging };
        cached::pull(&InTorchHome { cache: &self.cache, file }, &download, tell)
    }
}

/// A file in the folder of PyTorch, under its name.
struct InTorchHome<'a> {
    cache: &'a Path,
    file: &'a TorchvisionFile,
}

impl Cached for InTorchHome<'_> {
    fn find(&self) -> Option<Found> {
        let path = self.cache.join(&self.file.file);
        path.is_file().then_some(Found { path, recorded: None })
    }

    fn publish(&self, arrived: &Arrived) -> io::Result<PathBuf> {
        let path = self.cache.join(&self.file.file);
        fs::rename(&arrived.path, &path)?;
        Ok(path)
    }

    fn folder(&self) -> &Path {
        self.cache
    }
}
