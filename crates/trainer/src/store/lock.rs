//! Locks of the system on files: one ends with the process that holds it, however that ends.

use std::fs::{File, TryLockError};
use std::path::Path;

use crate::files::FileError;
use crate::store::error::LockError;

/// A lock on a file, held until it is dropped. It is seen by all machines that share the folder,
/// where the file system shares locks, as NFS does.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "the lock is held as long as the file is open")] File);

impl Lock {
    /// Takes it, creating a missing file; `None` while another process holds it.
    ///
    /// # Errors
    /// [`LockError::Unlockable`] where the file system knows no locks; when the file cannot be
    /// made.
    pub fn take(path: &Path) -> Result<Option<Self>, LockError> {
        let file = open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(LockError::Unlockable { path: path.into(), source }),
        }
    }

    /// Takes it as soon as nobody else holds it.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub fn wait(path: &Path) -> Result<Self, LockError> {
        let file = open(path)?;
        file.lock().map_err(|source| LockError::Unlockable { path: path.into(), source })?;
        Ok(Self(file))
    }
}

fn open(path: &Path) -> Result<File, LockError> {
    // A pipe of this name would be waited at for its other end.
    if path.exists() && !path.is_file() {
        return Err(LockError::NoFile { path: path.into() });
    }
    let file = File::options().create(true).truncate(false).write(true).open(path);
    Ok(file.map_err(|source| FileError::Open { path: path.into(), source })?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_one_holders_until_it_is_dropped() -> Result<(), Box<dyn std::error::Error>> {
        let place = tempfile::tempdir()?;
        let path = place.path().join("lock");
        let held = Lock::take(&path)?;
        assert!(held.is_some() && Lock::take(&path)?.is_none());
        drop(held);
        assert!(Lock::take(&path)?.is_some());
        std::fs::create_dir(place.path().join("folder"))?;
        let said = Lock::take(&place.path().join("folder")).unwrap_err().to_string();
        assert!(said.contains("folder must be a plain file"), "{said}");
        Ok(())
    }
}
