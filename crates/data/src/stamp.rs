//! What the file system says of a file.

use std::fs::Metadata;
use std::path::Path;
use std::time::UNIX_EPOCH;

/// Size and times of a file. A file that has the stamp that it had has the content that it had, as
/// far as this can be known without reading it: one that was written, replaced or renamed since has
/// another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Bytes.
    pub size: u64,
    /// When its content was last written, nanoseconds since 1970.
    pub modified: u64,
    /// When it was last written, renamed or given other attributes, nanoseconds since 1970; 0 where
    /// the system does not tell.
    pub changed: u64,
}

impl Stamp {
    /// That of a file; none where the system does not tell.
    pub fn of(path: &Path) -> Option<Self> {
        let about = path.metadata().ok()?;
        let modified = about.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        let modified = u64::try_from(modified.as_nanos()).ok()?;
        Some(Self { size: about.len(), modified, changed: changed(&about) })
    }
}

#[cfg(unix)]
fn changed(about: &Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let nanos = i128::from(about.ctime()) * 1_000_000_000 + i128::from(about.ctime_nsec());
    u64::try_from(nanos).unwrap_or(0)
}

#[cfg(not(unix))]
fn changed(_: &Metadata) -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{File, FileTimes};
    use std::time::{Duration, SystemTime};

    #[test]
    fn other_sizes_and_other_times_are_other_stamps() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let written = |bytes: &[u8], seconds: u64| {
            std::fs::write(&path, bytes).unwrap();
            let time: SystemTime = UNIX_EPOCH + Duration::from_secs(seconds);
            File::options().write(true).open(&path).unwrap().set_times(FileTimes::new().set_modified(time)).unwrap();
            let Stamp { size, modified, .. } = Stamp::of(&path).unwrap();
            (size, modified)
        };
        assert_eq!(written(b"one", 7), (3, 7_000_000_000));
        assert_eq!(written(b"one", 8), (3, 8_000_000_000));
        assert_eq!(written(b"three", 8), (5, 8_000_000_000));
        assert_eq!(Stamp::of(&folder.path().join("nothing")), None);
    }

    #[cfg(unix)]
    #[test]
    fn files_that_change_places_change_their_stamps() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b, aside] = ["a", "b", "aside"].map(|name| folder.path().join(name));
        let time = FileTimes::new().set_modified(UNIX_EPOCH + Duration::from_secs(7));
        for path in [&a, &b] {
            std::fs::write(path, "same length").unwrap();
            File::options().write(true).open(path).unwrap().set_times(time).unwrap();
        }
        let before = Stamp::of(&a).unwrap();
        // Clocks of file systems tick every few milliseconds.
        while std::fs::write(&aside, "").is_ok() && Stamp::of(&aside).unwrap().changed <= before.changed {}
        for (from, to) in [(&a, &aside), (&b, &a), (&aside, &b)] {
            std::fs::rename(from, to).unwrap();
        }
        let after = Stamp::of(&a).unwrap();
        assert_eq!((after.size, after.modified), (before.size, before.modified));
        assert_ne!(after, before);
    }
}
