//! Files from the Hugging Face hub.

use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use hf_hub::api::sync::{ApiBuilder, ApiError};
use hf_hub::{Cache, Repo, RepoType};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::HubError;
use crate::manifest::{hexadecimal, is_sha256};

/// A file of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HubFile {
    /// `owner/name`.
    pub repository: String,
    /// A branch, a tag or a commit.
    pub revision: String,
    /// The name of the file.
    pub file: String,
}

/// `model.safetensors of timm/resnet18.tv_in1k`.
impl fmt::Display for HubFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.file, self.repository)
    }
}

/// What a download has to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetch {
    /// It begins, or goes on: so many bytes in all.
    Size(u64),
    /// So many more bytes are there.
    Bytes(u64),
    /// It has to wait, and why.
    Waiting(String),
}

/// The hub, with the folder that its files are kept in: the one that Python's `huggingface_hub` uses, in its layout, so that
/// either finds what the other has fetched.
///
/// A file gets its place there when it is whole and its SHA-256 is right; until then it grows in `taper-incomplete`, where a
/// download that was cut off goes on. Two processes that want the same file fetch it once.
#[derive(Clone, Debug)]
pub struct Hub {
    /// The folder.
    pub cache: PathBuf,
    /// Where the hub is.
    pub endpoint: String,
    /// What repositories that are not public ask for.
    pub token: Option<String>,
    /// Whether nothing is fetched.
    pub offline: bool,
    /// How long to wait before each further attempt; as many attempts as entries, and the first.
    pub pauses: Vec<Duration>,
    /// How long nothing may come before an attempt counts as failed.
    pub patience: Duration,
}

impl Hub {
    /// As the environment says: `HF_HOME` (else `~/.cache/huggingface`; the files are in `hub` below it), `HF_ENDPOINT`,
    /// `HF_TOKEN` (else the file `token` in the home), `HF_HUB_OFFLINE` (1 or true). Five attempts, 30 seconds without a byte each.
    ///
    /// # Errors
    /// When there is no home folder.
    pub fn from_env() -> Result<Self, HubError> {
        let said = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        let home = match said("HF_HOME") {
            Some(home) => PathBuf::from(home),
            None => std::env::home_dir().ok_or(HubError::NoHome)?.join(".cache").join("huggingface"),
        };
        let cache = home.join("hub");
        Ok(Self {
            endpoint: said("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".to_owned()),
            token: said("HF_TOKEN").or_else(|| Cache::new(cache.clone()).token()),
            offline: said("HF_HUB_OFFLINE")
                .is_some_and(|value| ["1", "true", "yes", "on"].contains(&value.trim().to_lowercase().as_str())),
            cache,
            pauses: [1, 2, 4, 8].map(Duration::from_secs).to_vec(),
            patience: Duration::from_secs(30),
        })
    }

    /// Where a file is on this machine, when it is.
    pub fn find(&self, file: &HubFile) -> Option<PathBuf> {
        Cache::new(self.cache.clone()).repo(repo(file)).get(&file.file)
    }

    /// The place of a file on this machine, fetched if need be. `sha256` is what its sum must be; without it the one that the hub
    /// names is.
    ///
    /// # Errors
    /// When the hub refuses, cannot be reached or sends something else, or the disk does not take it; after several attempts
    /// where another one may help.
    pub fn pull(&self, file: &HubFile, sha256: Option<&str>, tell: &mut dyn FnMut(Fetch)) -> Result<PathBuf, HubError> {
        if let Some(path) = self.find(file) {
            return Ok(path);
        }
        if self.offline {
            return Err(HubError::Offline { file: file.to_string(), cache: self.cache.clone() });
        }
        let staging = self.cache.join("taper-incomplete").join(file.repository.replace('/', "--"));
        let disk = |source| HubError::Disk { path: staging.clone(), source };
        fs::create_dir_all(&staging).map_err(disk)?;
        let lock = File::create(staging.join("lock")).map_err(disk)?;
        if lock.try_lock().is_err() {
            tell(Fetch::Waiting("another process fetches it".to_owned()));
            lock.lock().map_err(disk)?;
        }
        if let Some(path) = self.find(file) {
            return Ok(path);
        }
        let mut pauses = self.pauses.iter();
        loop {
            let failed = match self.attempt(file, sha256, &staging, tell) {
                Ok(path) => return Ok(path),
                Err(failed) => failed,
            };
            if failed.spoils() {
                let _ = fs::remove_dir_all(staging.join(repo(file).folder_name()));
            }
            let Some(pause) = pauses.next().filter(|_| failed.may_pass()) else {
                return Err(failed);
            };
            tell(Fetch::Waiting(failed.to_string()));
            std::thread::sleep(*pause);
        }
    }

    fn attempt(
        &self,
        file: &HubFile,
        sha256: Option<&str>,
        staging: &Path,
        tell: &mut dyn FnMut(Fetch),
    ) -> Result<PathBuf, HubError> {
        let (send, receive) = channel();
        let (hub, wanted, place) = (self.clone(), file.clone(), staging.to_owned());
        // On a thread of its own, since a request that hangs cannot be told to stop.
        std::thread::spawn(move || {
            let result = hub.download(&wanted, &place, &send);
            let _ = send.send(Event::Done(result));
        });
        let fetched = self.follow(file, &receive, tell)?;
        let wanted = sha256.or(Some(fetched.etag.as_str()).filter(|etag| is_sha256(etag)));
        let disk = |source| HubError::Disk { path: fetched.path.clone(), source };
        if let Some(wanted) = wanted {
            let got = sum(&fetched.path).map_err(disk)?;
            if got != wanted {
                return Err(HubError::Checksum { file: file.to_string(), got, wanted: wanted.to_owned() });
            }
        }
        let path =
            self.publish(file, &fetched).map_err(|source| HubError::Disk { path: self.cache.clone(), source })?;
        fs::remove_dir_all(staging.join(repo(file).folder_name())).map_err(disk)?;
        Ok(path)
    }

    /// Waits for the download, as long as something comes.
    fn follow(
        &self,
        file: &HubFile,
        events: &Receiver<Event>,
        tell: &mut dyn FnMut(Fetch),
    ) -> Result<Fetched, HubError> {
        loop {
            match events.recv_timeout(self.patience) {
                Ok(Event::Tell(fetch)) => tell(fetch),
                Ok(Event::Done(result)) => return result.map_err(|error| self.explain(file, error)),
                Err(RecvTimeoutError::Timeout) => {
                    return Err(HubError::Stalled { file: file.to_string(), seconds: self.patience.as_secs() });
                }
                // The client panicked: an answer that no hub gives.
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(HubError::Answer { file: file.to_string(), what: "it makes no sense".to_owned() });
                }
            }
        }
    }

    fn download(&self, file: &HubFile, staging: &Path, send: &Sender<Event>) -> Result<Fetched, ApiError> {
        let cache = Cache::new(staging.to_owned());
        let builder = ApiBuilder::from_cache(cache).with_endpoint(self.endpoint.trim_end_matches('/').to_owned());
        let api = builder.with_token(self.token.clone()).with_progress(false).build()?;
        let repository = api.repo(repo(file));
        let about = api.metadata(&repository.url(&file.file))?;
        let path = repository.download_with_progress(&file.file, Reporter(send.clone()))?;
        let (etag, commit) = (about.etag().to_owned(), about.commit_hash().to_owned());
        Ok(Fetched { path: fs::canonicalize(path)?, etag, commit })
    }

    /// Gives a checked file its place in the cache.
    fn publish(&self, file: &HubFile, fetched: &Fetched) -> std::io::Result<PathBuf> {
        let cache = Cache::new(self.cache.clone()).repo(repo(file));
        let (blob, pointer) = (cache.blob_path(&fetched.etag), cache.pointer_path(&fetched.commit).join(&file.file));
        for path in [&blob, &pointer] {
            fs::create_dir_all(path.parent().unwrap_or(path))?;
        }
        File::open(&fetched.path)?.sync_all()?;
        fs::rename(&fetched.path, &blob)?;
        if !pointer.exists() && link(&Path::new("../../blobs").join(&fetched.etag), &pointer).is_err() {
            // Where links need a right that not everybody has.
            fs::rename(&blob, &pointer)?;
        }
        cache.create_ref(&fetched.commit)?;
        Ok(pointer)
    }

    fn explain(&self, file: &HubFile, error: ApiError) -> HubError {
        let file = file.to_string();
        match error {
            ApiError::RequestError(error) => match *error {
                ureq::Error::StatusCode(status) => HubError::Status { file, status, endpoint: self.endpoint.clone() },
                ureq::Error::Io(source) => HubError::Broken { file, what: source.to_string() },
                other => HubError::Broken { file, what: other.to_string() },
            },
            ApiError::IoError(source) => match source.kind() {
                std::io::ErrorKind::StorageFull
                | std::io::ErrorKind::QuotaExceeded
                | std::io::ErrorKind::FileTooLarge
                | std::io::ErrorKind::PermissionDenied
                | std::io::ErrorKind::ReadOnlyFilesystem => HubError::Disk { path: self.cache.clone(), source },
                _ => HubError::Broken { file, what: source.to_string() },
            },
            // More is there than the file has: as if the hub had said so.
            ApiError::InvalidResume => HubError::Status { file, status: 416, endpoint: self.endpoint.clone() },
            other => HubError::Answer { file, what: other.to_string() },
        }
    }
}

/// A file that has arrived and is not checked yet.
struct Fetched {
    path: PathBuf,
    etag: String,
    commit: String,
}

enum Event {
    Tell(Fetch),
    Done(Result<Fetched, ApiError>),
}

/// Passes the client's progress on.
struct Reporter(Sender<Event>);

impl hf_hub::api::Progress for Reporter {
    fn init(&mut self, size: usize, _: &str) {
        let _ = self.0.send(Event::Tell(Fetch::Size(size as u64)));
    }

    fn update(&mut self, size: usize) {
        let _ = self.0.send(Event::Tell(Fetch::Bytes(size as u64)));
    }

    fn finish(&mut self) {}
}

fn repo(file: &HubFile) -> Repo {
    Repo::with_revision(file.repository.clone(), RepoType::Model, file.revision.clone())
}

/// The SHA-256 of a file, hexadecimal.
fn sum(path: &Path) -> std::io::Result<String> {
    let (mut file, mut hash, mut block) = (File::open(path)?, Sha256::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut block)? {
            0 => return Ok(hexadecimal(&hash.finalize())),
            read => hash.update(&block[..read]),
        }
    }
}

#[cfg(unix)]
fn link(target: &Path, at: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(target, at)
}

#[cfg(windows)]
fn link(target: &Path, at: &Path) -> std::io::Result<()> {
    std::os::windows::fs::symlink_file(target, at)
}
