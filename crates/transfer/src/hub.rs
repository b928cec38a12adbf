//! Files from the Hugging Face hub.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use hf_hub::{Cache, CacheRepo, Repo, RepoType};
use serde::Deserialize;

use crate::cached::{self, Cached, Found};
use crate::digest::is_hexadecimal;
use crate::download::{Arrived, Download};
use crate::fetch::said;
use crate::{Digest, Fetch, FetchConfig, FetchError, Source};

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
    /// Its SHA-256, where it is known; else what the hub says must be right.
    pub sha256: Option<Digest>,
}

/// `model.safetensors of timm/resnet18.tv_in1k`.
impl fmt::Display for HubFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.file, self.repository)
    }
}

impl HubFile {
    /// That no name in it leads out of the cache.
    ///
    /// # Errors
    /// When one could.
    pub fn check(&self) -> Result<(), FetchError> {
        let slashes = self.repository.matches('/').count();
        for (what, got, ok) in [
            ("the repository", &self.repository, slashes <= 1),
            ("the revision", &self.revision, true),
            ("the file", &self.file, true),
        ] {
            if !ok || !is_plain(got) {
                return Err(FetchError::Name { what, got: got.clone() });
            }
        }
        Ok(())
    }

    /// Whether its revision is a commit, and not the name of one.
    fn is_of_commit(&self) -> bool {
        self.revision.len() == 40 && is_hexadecimal(&self.revision)
    }

    fn repo(&self) -> Repo {
        Repo::with_revision(self.repository.clone(), RepoType::Model, self.revision.clone())
    }
}

/// Whether a text is names of letters, digits and `.-_`, none of them hidden, between single slashes.
pub(crate) fn is_plain(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    text.split('/').all(|name| !name.is_empty() && !name.starts_with('.') && name.bytes().all(plain))
}

/// The hub, with the folder that its files are kept in: the one that Python's `huggingface_hub` uses, in its layout, so that
/// either finds what the other has fetched.
///
/// A file gets its place there when it is whole and its SHA-256 is right; until then it grows in `taper-incomplete`, where a
/// download that was cut off goes on. Two processes that want the same file fetch it once. It is stored under its own SHA-256,
/// whatever the hub calls it, and checked against it when a process first asks for it.
#[derive(Clone, Debug)]
pub struct Hub {
    /// The folder.
    pub cache: PathBuf,
    /// Where the hub is.
    pub endpoint: String,
    /// What repositories that are not public ask for.
    pub token: Option<String>,
    /// How files are fetched.
    pub fetch: FetchConfig,
}

impl Hub {
    /// As the environment says: `HF_HUB_CACHE` (else `hub` in `HF_HOME`, else `huggingface/hub` in `XDG_CACHE_HOME`,
    /// else `~/.cache/huggingface/hub`), `HF_ENDPOINT`, `HF_TOKEN` (else the file `token` beside `hub`), and
    /// [`FetchConfig::from_env`].
    ///
    /// # Errors
    /// When there is no home folder.
    pub fn from_env() -> Result<Self, FetchError> {
        let hub = hub_in_home(said);
        let cache = said("HF_HUB_CACHE").map(PathBuf::from).or_else(|| hub.clone());
        Ok(Self {
            cache: cache.ok_or(FetchError::NoHome { origin: Source::Hub })?,
            endpoint: said("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".to_owned()),
            token: said("HF_TOKEN").or_else(|| Cache::new(hub?).token()),
            fetch: FetchConfig::from_env(),
        })
    }

    /// Where a file is on this machine, when it is; unchecked.
    pub fn find(&self, file: &HubFile) -> Option<PathBuf> {
        file.check().ok()?;
        Some(self.cached(file).find()?.path)
    }

    /// The place of a file on this machine, fetched if need be. Its SHA-256 is that of the file's description, without one what the hub
    /// says.
    ///
    /// # Errors
    /// When a name in the description is invalid; when the hub refuses, cannot be reached or sends something else, or the disk does not
    /// take it; after several attempts where another one may help.
    pub fn pull(&self, file: &HubFile, tell: &mut dyn FnMut(Fetch)) -> Result<PathBuf, FetchError> {
        file.check()?;
        let (repo, staging) =
            (file.repo(), self.cache.join("taper-incomplete").join(file.repository.replace('/', "--")));
        let endpoint = self.endpoint.trim_end_matches('/');
        let download = Download {
            file: file.to_string(),
            origin: Source::Hub,
            url: format!("{endpoint}/{}/resolve/{}/{}", repo.url(), repo.url_revision(), file.file),
            token: self.token.as_deref(),
            digest: file.sha256.as_ref(),
            needs_commit: !file.is_of_commit(),
            // Where the checksum is known, it says more.
            commit: Some(&*file.revision).filter(|_| file.is_of_commit() && file.sha256.is_none()),
            config: &self.fetch,
            staging: &staging,
        };
        cached::pull(&self.cached(file), &download, tell)
    }

    fn cached<'a>(&'a self, file: &'a HubFile) -> InHub<'a> {
        InHub { cache: &self.cache, file }
    }
}

/// The folder `hub` in the home of Python's client, as the variables of the environment say.
fn hub_in_home(said: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let in_cache = |cache: PathBuf| cache.join("huggingface");
    let home = said("HF_HOME").map(PathBuf::from);
    let home = home.or_else(|| said("XDG_CACHE_HOME").map(PathBuf::from).map(in_cache));
    let home = home.or_else(|| std::env::home_dir().map(|home| in_cache(home.join(".cache"))))?;
    Some(home.join("hub"))
}

/// A file of the hub in its cache: `blobs/<SHA-256>`, to which `snapshots/<commit>/<file>` points, and `refs/<revision>` says the
/// commit.
struct InHub<'a> {
    cache: &'a Path,
    file: &'a HubFile,
}

impl InHub<'_> {
    fn repo(&self) -> CacheRepo {
        Cache::new(self.cache.to_owned()).repo(self.file.repo())
    }
}

impl Cached for InHub<'_> {
    fn find(&self) -> Option<Found> {
        let repo = self.repo();
        let blob = self.file.sha256.as_ref().map(|digest| repo.blob_path(&digest.to_string()));
        // What a file of references says is a name too.
        let inside = |path: &PathBuf| {
            let below = path.strip_prefix(self.cache);
            below.is_ok_and(|path| path.components().all(|part| matches!(part, Component::Normal(_))))
        };
        let path = repo
            .get(&self.file.file)
            .filter(inside)
            .or_else(|| Some(repo.pointer_path(&self.file.revision).join(&self.file.file)).filter(|path| path.exists()))
            .or_else(|| blob.filter(|path| path.exists()))?;
        // The name of a blob is its checksum.
        let blob = fs::canonicalize(&path).ok()?;
        let recorded = blob.file_name().and_then(|name| Digest::parse_whole(name.to_str()?));
        Some(Found { path, recorded })
    }

    fn publish(&self, arrived: &Arrived) -> io::Result<PathBuf> {
        let repo = self.repo();
        let commit = if self.file.is_of_commit() { None } else { arrived.commit.as_deref() };
        let pointer = repo.pointer_path(commit.unwrap_or(&self.file.revision)).join(&self.file.file);
        let blob = repo.blob_path(&arrived.sha256);
        for path in [&blob, &pointer] {
            fs::create_dir_all(path.parent().unwrap_or(path))?;
        }
        fs::rename(&arrived.path, &blob)?;
        let up = "../".repeat(self.file.file.matches('/').count() + 2);
        let target = Path::new(&up).join("blobs").join(&arrived.sha256);
        if fs::read_link(&pointer).ok().as_ref() != Some(&target) {
            if fs::symlink_metadata(&pointer).is_ok() {
                fs::remove_file(&pointer)?;
            }
            if link(&target, &pointer).is_err() {
                // Where links need a right that not everybody has.
                fs::rename(&blob, &pointer)?;
            }
        }
        if let Some(commit) = commit {
            repo.create_ref(commit)?;
        }
        Ok(pointer)
    }

    fn folder(&self) -> &Path {
        self.cache
    }
}

#[cfg(unix)]
fn link(target: &Path, at: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, at)
}

#[cfg(windows)]
fn link(target: &Path, at: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(target, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_home_is_that_of_pythons_client() {
        let hub = |set: &[(&str, &str)]| {
            hub_in_home(|name| set.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()))
        };
        assert_eq!(hub(&[("HF_HOME", "/a"), ("XDG_CACHE_HOME", "/b")]), Some("/a/hub".into()));
        assert_eq!(hub(&[("XDG_CACHE_HOME", "/b")]), Some("/b/huggingface/hub".into()));
        assert!(hub(&[]).is_none_or(|hub| hub.ends_with(".cache/huggingface/hub")));
    }

    #[test]
    fn no_name_leads_out_of_the_cache() {
        let file = |repository: &str, revision: &str, file: &str| HubFile {
            repository: repository.into(),
            revision: revision.into(),
            file: file.into(),
            sha256: None,
        };
        assert!(file("timm/resnet18.tv_in1k", "refs/pr-1", "onnx/model.safetensors").check().is_ok());
        for name in [
            "",
            "/",
            "..",
            "../x",
            "/etc/passwd",
            "a/../b",
            "a//b",
            "a/",
            ".git",
            "a\\b",
            "C:x",
            "a b",
            "a\0",
            "ä",
            "a?b",
        ] {
            for wrong in [file(name, "main", "x"), file("a/b", name, "x"), file("a/b", "main", name)] {
                assert!(matches!(wrong.check(), Err(FetchError::Name { .. })), "{name:?}");
            }
        }
        assert!(file("a/b/c", "main", "x").check().is_err());
    }
}
