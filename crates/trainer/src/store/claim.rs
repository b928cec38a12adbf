//! The folder of a run, while a process trains in it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::files;
use crate::listener::Listener;
use crate::notice::Notice;
use crate::recipe::Recipe;
use crate::store::lock::{Lock, Unlockable};
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
                std::fs::create_dir_all("runs").context("cannot make the folder runs: choose a place with --out")?;
                // Another process may look for a free name at the same time.
                match std::fs::create_dir(&path) {
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                    _ => return Self::take(&path, listener),
                }
            }
        };
        if path.exists() && !path.is_dir() {
            bail!("{} is a file; the run needs a folder: choose another --out", path.display());
        }
        let require_bare = || {
            ensure!(bare(path), "{} is not empty: remove it, or choose another --out", path.display());
            Ok(())
        };
        require_bare()?;
        let folder = Self::take(path, listener)?;
        // It may have been another's until now.
        require_bare().map(|()| folder)
    }

    /// Takes the folder of a run to begin or go on in, and removes what a process that was killed
    /// had begun to write there.
    ///
    /// # Errors
    /// When another process trains in it, or it cannot be made.
    pub fn take(path: &Path, listener: &dyn Listener) -> Result<Self> {
        let checkpoint = path.join("checkpoint");
        std::fs::create_dir_all(&checkpoint).with_context(|| {
            format!("cannot make the run folder {}: choose a writable place with --out", path.display())
        })?;
        let lock = match Lock::take(&checkpoint.join(LOCK)) {
            Ok(None) => bail!(
                "another process trains in {}: wait for its end, or stop it; a process that was killed is none",
                path.display()
            ),
            Err(error) if error.is::<Unlockable>() => {
                listener.notice(&Notice::Unlocked { why: format!("{error:#}"), run: path.into() });
                None
            }
            lock => lock?,
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
        files::write(&self.path.join("recipe.toml"), toml::to_string(recipe)?.as_bytes())
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
    recipe.data.path.file_name().map_or("data".into(), |name| name.to_string_lossy().into_owned())
}

/// The first of `runs/NAME-1` and so on that does not exist.
///
/// # Errors
/// When there is none.
pub fn free(name: &str) -> Result<PathBuf> {
    let free = (1..).map(|n| Path::new("runs").join(format!("{name}-{n}"))).find(|path| files::is_free(path));
    free.context("no free name for the run")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listener::Silent;

    #[test]
    fn a_folder_that_is_taken_is_refused() -> Result<()> {
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
