//! From a server into a cache, once, and whole.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::config::Fetch;
use super::download::{Arrived, Download};
use super::file_digest::sha256_of;
use crate::weights::digest::Digest;
use crate::weights::fetch_error::FetchError;

/// A file that lies in the cache.
pub(super) struct Found {
    pub(super) path: PathBuf,
    /// What its SHA-256 was when it came, where that was written down.
    pub(super) recorded: Option<Digest>,
}

/// A file, and the cache that it belongs into.
pub(super) trait Cached {
    /// Where it lies, when it does.
    fn find(&self) -> Option<Found>;

    /// Gives it its place, once it has arrived and is checked.
    fn publish(&self, arrived: &Arrived) -> io::Result<PathBuf>;

    /// The folder of the cache.
    fn folder(&self) -> &Path;
}

/// The files that this process has checked.
static CHECKED: Mutex<BTreeSet<(PathBuf, Digest)>> = Mutex::new(BTreeSet::new());

/// The place of a file in the cache: checked, when this process has not done so before, and fetched
/// if it is not there or is no longer what it was. Of two processes one fetches it and the other
/// waits.
pub(super) fn pull(
    cached: &dyn Cached,
    download: &Download<'_>,
    tell: &mut dyn FnMut(Fetch),
) -> Result<PathBuf, FetchError> {
    let disk =
        |path: &Path, source| FetchError::Disk { path: path.to_owned(), source, origin: download.request.origin };
    let whole = || cached.find().map(|found| check(found, download)).transpose();
    match whole() {
        Ok(Some(path)) => return Ok(path),
        Ok(None) if download.request.config.offline => {
            let cache = cached.folder().to_owned();
            return Err(FetchError::Offline { file: download.request.file.clone(), cache });
        }
        Ok(None) => {}
        Err(FetchError::Damaged { path, .. }) if !download.request.config.offline => tell(Fetch::Damaged(path)),
        Err(error) => return Err(error),
    }
    let staging = download.staging;
    fs::create_dir_all(staging).map_err(|source| disk(staging, source))?;
    let lock = File::create(staging.join("lock")).map_err(|source| disk(staging, source))?;
    if lock.try_lock().is_err() {
        tell(Fetch::Waiting("another process fetches it".to_owned()));
        lock.lock().map_err(|source| disk(staging, source))?;
    }
    // Perhaps the other one has brought it.
    if let Ok(Some(path)) = whole() {
        return Ok(path);
    }
    let arrived = download.run(tell)?;
    let path = cached.publish(&arrived).map_err(|source| disk(cached.folder(), source))?;
    if let Some(digest) = Digest::parse(&arrived.sha256) {
        remember(&path, download.digest.unwrap_or(&digest)).map_err(|source| disk(&path, source))?;
    }
    Ok(path)
}

/// The path of a file that is what it was, by what we know of it or by what was written down when
/// it came.
fn check(found: Found, download: &Download<'_>) -> Result<PathBuf, FetchError> {
    let Found { path, recorded } = found;
    let disk = |source| FetchError::Disk { path: path.clone(), source, origin: download.request.origin };
    let Some(wanted) = download.digest.or(recorded.as_ref()) else {
        return Ok(path);
    };
    let key = (fs::canonicalize(&path).map_err(disk)?, wanted.clone());
    if CHECKED.lock().unwrap_or_else(PoisonError::into_inner).contains(&key) {
        return Ok(path);
    }
    let got = sha256_of(&path).map_err(disk)?;
    if !wanted.is_of(&got) {
        return Err(FetchError::Damaged { path, got, wanted: wanted.clone() });
    }
    remember(&path, wanted).map_err(disk)?;
    Ok(path)
}

fn remember(path: &Path, digest: &Digest) -> io::Result<()> {
    let key = (fs::canonicalize(path)?, digest.clone());
    CHECKED.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
    Ok(())
}
