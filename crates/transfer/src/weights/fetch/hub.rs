//! Files from the Hugging Face hub.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use hf_hub::{Cache, CacheRepo, Repo, RepoType};

use super::cached::{self, Cached, Found};
use super::config::{Fetch, FetchConfig, said};
use super::download::{Arrived, Download};
use super::request::Request;
use crate::weights::digest::{Digest, is_hexadecimal};
use crate::weights::fetch_error::FetchError;
use crate::weights::hub_file::{DATASETS, HubFile};
use crate::weights::source::Source;

/// The hub, with the folder that its files are kept in: the one that Python's `huggingface_hub`
/// uses, in its layout, so that either finds what the other has fetched.
///
/// A file gets its place there when it is whole and its SHA-256 is right; until then it grows in
/// `taper-incomplete`, where a download that was cut off goes on. Two processes that want the same
/// file fetch it once. It is stored under its own SHA-256, whatever the hub calls it, and checked
/// against it when a process first asks for it.
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
    /// As the environment says: `HF_HUB_CACHE` (else `hub` in `HF_HOME`, else `huggingface/hub` in
    /// `XDG_CACHE_HOME`, else `~/.cache/huggingface/hub`), `HF_ENDPOINT`, `HF_TOKEN` (else the file
    /// `token` beside `hub`), and [`FetchConfig::from_env`].
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

    /// The place of a file on this machine, fetched if need be. Its SHA-256 is that of the file's
    /// description, without one what the hub says.
    ///
    /// # Errors
    /// When a name in the description is invalid; when the hub refuses, cannot be reached or sends
    /// something else, or the disk does not take it; after several attempts where another one may
    /// help.
    pub fn pull(&self, file: &HubFile, tell: &mut dyn FnMut(Fetch)) -> Result<PathBuf, FetchError> {
        file.check()?;
        let (repo, staging) =
            (repo(file), self.cache.join("taper-incomplete").join(file.repository.replace('/', "--")));
        let endpoint = self.endpoint.trim_end_matches('/');
        let request = Request {
            file: file.to_string(),
            origin: Source::Hub,
            url: format!("{endpoint}/{}/resolve/{}/{}", repo.url(), repo.url_revision(), file.file),
            token: self.token.as_deref(),
            config: &self.fetch,
        };
        let download = Download {
            request,
            digest: file.sha256.as_ref(),
            needs_commit: !is_of_commit(file),
            // Where the checksum is known, it says more.
            commit: Some(&*file.revision).filter(|_| is_of_commit(file) && file.sha256.is_none()),
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

/// Whether the revision of a file is a commit, and not the name of one.
fn is_of_commit(file: &HubFile) -> bool {
    file.revision.len() == 40 && is_hexadecimal(&file.revision)
}

fn repo(file: &HubFile) -> Repo {
    let (name, kind) = match file.repository.strip_prefix(DATASETS) {
        Some(name) => (name, RepoType::Dataset),
        None => (&*file.repository, RepoType::Model),
    };
    Repo::with_revision(name.to_owned(), kind, file.revision.clone())
}

/// A file of the hub in its cache: `blobs/<SHA-256>`, to which `snapshots/<commit>/<file>` points,
/// and `refs/<revision>` says the commit.
struct InHub<'a> {
    cache: &'a Path,
    file: &'a HubFile,
}

impl InHub<'_> {
    fn repo(&self) -> CacheRepo {
        Cache::new(self.cache.to_owned()).repo(repo(self.file))
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
        let commit = if is_of_commit(self.file) { None } else { arrived.commit.as_deref() };
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
}
