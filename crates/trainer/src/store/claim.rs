//! The folder of a run, while a process trains in it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::chain::chain;
use crate::error::Result;
use crate::files;
use crate::listener::Listener;
use crate::notice::Notice;
use crate::recipe::Recipe;
use crate::store::error::{LockError, StoreError};
use crate::store::hub_data;
use crate::store::lock::Lock;
use crate::store::origin;
use crate::store::snapshots;

/// A run folder that is this process' until it is dropped: no other trains in it meanwhile.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    /// None where the file system knows no locks.
    _lock: Option<Lock>,
}

impl RunFolder {
    /// Makes the folder of a new run: `wanted`, in which nothing may have been begun, or the first
    /// free `runs/NAME-N`.
    ///
    /// # Errors
    /// When the folder is taken or cannot be made.
    pub fn create(wanted: Option<&Path>, name: &str, listener: &dyn Listener) -> Result<Self> {
        let Some(path) = wanted else {
            loop {
                let path = free(name)?;
                std::fs::create_dir_all("runs").map_err(|source| StoreError::MakeRuns { source })?;
                // Another process may look for a free name at the same time.
                match std::fs::create_dir(&path) {
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                    _ => return Self::take(&path, listener),
                }
            }
        };
        if path.exists() && !path.is_dir() {
            return Err(StoreError::IsFile { path: path.into() }.into());
        }
        let require_bare = || match bare(path) {
            true => Ok(()),
            false => Err(StoreError::NotEmpty { path: path.into() }),
        };
        require_bare()?;
        let folder = Self::take(path, listener)?;
        // It may have been another's until now.
        require_bare()?;
        Ok(folder)
    }

    /// Takes the folder of a run to begin or go on in, and removes what a process that was killed
    /// had begun to write there.
    ///
    /// # Errors
    /// When another process trains in it, or it cannot be made.
    pub fn take(path: &Path, listener: &dyn Listener) -> Result<Self> {
        let checkpoint = path.join("checkpoint");
        std::fs::create_dir_all(&checkpoint).map_err(|source| StoreError::MakeRun { path: path.into(), source })?;
        let lock = match Lock::take(&checkpoint.join(LOCK)) {
            Ok(None) => return Err(StoreError::Taken { path: path.into() }.into()),
            Err(error @ LockError::Unlockable { .. }) => {
                listener.notice(&Notice::Unlocked { why: chain(&error), run: path.into() });
                None
            }
            lock => lock.map_err(StoreError::Lock)?,
        };
        [path, &checkpoint, &snapshots::folder(path)].into_iter().for_each(files::sweep);
        Ok(Self { path: path.into(), _lock: lock })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the recipe of a run into it, and where it is begun.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn begin(&self, recipe: &Recipe) -> Result<()> {
        origin::record(&self.path)?;
        Ok(files::write(&self.path.join("recipe.toml"), toml::to_string(recipe)?.as_bytes())?)
    }

    /// Whether a run was begun in it.
    pub fn begun(&self) -> bool {
        self.path.join("recipe.toml").is_file()
    }
}

/// The file in `checkpoint` that is locked while a process trains.
const LOCK: &str = "lock";

/// Whether a folder is not there, or empty, or has nothing in it but what a run that was killed
/// before it had written its recipe leaves.
fn bare(run: &Path) -> bool {
    files::has_only(run, &["checkpoint", origin::FILE]) && files::has_only(&run.join("checkpoint"), &[LOCK])
}

/// What runs on the pictures of a recipe are called.
pub fn name(recipe: &Recipe) -> String {
    let path = &recipe.data.path;
    let file = path.is_file().then(|| path.file_stem()).flatten();
    let folder = if let Some(name) = hub_data::name(path) { PathBuf::from(name) } else { taper_data::folder_of(path) };
    file.or(folder.file_name()).map_or("data".into(), |name| name.to_string_lossy().into_owned())
}

/// The first of `runs/NAME-1` and so on that does not exist.
///
/// # Errors
/// When there is none.
pub fn free(name: &str) -> Result<PathBuf> {
    let free = (1..).map(|n| Path::new("runs").join(format!("{name}-{n}"))).find(|path| files::is_free(path));
    Ok(free.ok_or(StoreError::NoFreeName)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listener::Silent;

    #[test]
    fn a_folder_that_is_taken_is_refused() -> Result<(), Box<dyn std::error::Error>> {
        let place = tempfile::tempdir()?;
        let run = place.path().join("run");
        let said = |path: &Path| RunFolder::create(Some(path), "x", &Silent).unwrap_err().to_string();
        let folder = RunFolder::create(Some(&run), "x", &Silent)?;
        assert!(folder.path() == run && !folder.begun());
        assert!(said(&run).contains("another process"), "{}", said(&run));
        drop(folder);
        // Killed before its recipe was written, it can be begun again.
        std::fs::write(run.join(".writing-x"), "")?;
        std::fs::write(run.join("checkpoint/.writing-y"), "")?;
        drop(RunFolder::create(Some(&run), "x", &Silent)?);
        assert!(!run.join(".writing-x").exists() && !run.join("checkpoint/.writing-y").exists());
        std::fs::write(run.join("checkpoint/step-00000001.checkpoint"), "")?;
        assert!(said(&run).contains("not empty"), "{}", said(&run));
        std::fs::write(place.path().join("file"), "")?;
        assert!(said(&place.path().join("file")).contains("is a file"));
        Ok(())
    }
}
