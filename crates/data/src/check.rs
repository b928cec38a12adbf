//! Reading every picture once, before it matters.

use std::error::Error;
use std::fmt;
use std::iter::successors;
use std::sync::atomic::{AtomicUsize, Ordering};

use image::RgbImage;
use rayon::iter::Either;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::dataset::Dataset;
use crate::error::DataError;
use crate::guard::guarded;
use crate::stamp::Stamp;

/// A picture that cannot be read.
#[derive(Debug)]
pub struct Unreadable {
    /// Its index in the dataset.
    pub index: usize,
    /// Its name, the path where it has one.
    pub name: String,
    /// Why; it names the file.
    pub reason: DataError,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first: &(dyn Error + 'static) = &self.reason;
        let causes = successors(Some(first), |error| (*error).source());
        write!(f, "{}", causes.map(ToString::to_string).collect::<Vec<_>>().join(": "))
    }
}

/// What is in a picture that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its index in the dataset.
    pub index: usize,
    /// Width and height, pixels.
    pub size: (u32, u32),
    /// The SHA-256 of its size and its pixels: equal pictures have equal ones, whatever their files
    /// are.
    pub content: [u8; 32],
    /// What the file system said of its file before it was read, where it has one.
    pub stamp: Option<Stamp>,
}

/// What a picture was when it was last read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Width and height, pixels.
    pub size: (u32, u32),
    /// [`Seen::content`].
    pub content: [u8; 32],
}

/// What [`check`] finds.
#[derive(Debug, Default)]
pub struct Checked {
    /// The pictures that can be read, by index.
    pub seen: Vec<Seen>,
    /// Those that cannot.
    pub unreadable: Vec<Unreadable>,
}

/// Decodes every picture, on all cores, and returns what those are that can be read, and those that
/// cannot, by number.
///
/// `progress` is called after each picture, from several threads, with how many are done. What to
/// do about the unreadable ones is left to the caller: stop, or go on with
/// [`Subset::without`](crate::Subset::without).
///
/// # Examples
/// ```
/// use taper_data::{Dataset, Folder, check};
/// let folder = Folder::open(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pictures/val"))?;
/// let checked = check(&folder, |_done| {});
/// assert!(checked.unreadable.is_empty() && checked.seen.len() == folder.len());
/// # Ok::<(), taper_data::DataError>(())
/// ```
pub fn check(dataset: &dyn Dataset, progress: impl Fn(usize) + Sync) -> Checked {
    check_again(dataset, |_, _| None, progress)
}

/// [`check`] of pictures that were read before: those are not decoded that `known` has something to
/// say of, by number and stamp. Only pictures with a stamp are asked about.
pub fn check_again(
    dataset: &dyn Dataset,
    known: impl Fn(usize, Stamp) -> Option<Known> + Sync,
    progress: impl Fn(usize) + Sync,
) -> Checked {
    let done = AtomicUsize::new(0);
    let read = |index| {
        // Before the content: a file that is written in between has an older stamp, and is read
        // again.
        let stamp = dataset.stamp(index);
        let result = match stamp.and_then(|stamp| known(index, stamp)) {
            Some(known) => Ok(known),
            None => match guarded(|| dataset.get(index)) {
                Ok(result) => result.map(|picture| Known { size: picture.dimensions(), content: content(&picture) }),
                Err(message) => Err(DataError::Panicked { name: dataset.name(index), message }),
            },
        };
        progress(done.fetch_add(1, Ordering::Relaxed) + 1);
        match result {
            Ok(Known { size, content }) => Either::Left(Seen { index, size, content, stamp }),
            Err(reason) => Either::Right(Unreadable { index, name: dataset.name(index), reason }),
        }
    };
    let (seen, unreadable) = (0..dataset.len()).into_par_iter().partition_map(read);
    Checked { seen, unreadable }
}

fn content(picture: &RgbImage) -> [u8; 32] {
    let (width, height) = picture.dimensions();
    let mut sum = Sha256::new();
    sum.update(width.to_le_bytes());
    sum.update(height.to_le_bytes());
    sum.update(picture.as_raw());
    sum.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{draw, pictures};
    use crate::{Folder, Subset};
    use std::fs;
    use std::sync::Arc;

    #[test]
    fn the_unreadable_come_in_order_and_can_be_left_out() {
        let root = tempfile::tempdir().unwrap();
        for path in ["a/1.png", "a/2.png", "b/1.png", "b/2.png", "b/3.png"] {
            draw(root.path(), path);
        }
        fs::write(root.path().join("a/2.png"), "a letter").unwrap();
        let whole = fs::read(pictures().join("train/food/apple.png")).unwrap();
        fs::write(root.path().join("b/3.png"), &whole[..200]).unwrap();
        let folder: Arc<dyn Dataset> = Arc::new(Folder::open(root.path()).unwrap());
        let seen = AtomicUsize::new(0);
        let found = check(&*folder, |done| {
            seen.fetch_max(done, Ordering::Relaxed);
        });
        assert_eq!(seen.into_inner(), 5);
        let Checked { seen, unreadable: found } = found;
        let indices: Vec<_> = found.iter().map(|one| one.index).collect();
        assert_eq!(indices, [1, 4]);
        assert_eq!(seen.iter().map(|one| one.index).collect::<Vec<_>>(), [0, 2, 3]);
        // The content counts and not the bytes: a copy in another format is the same picture.
        let (one, other) = (root.path().join("a/1.png"), root.path().join("b/1.bmp"));
        image::open(&one).unwrap().to_rgb8().save(&other).unwrap();
        let again = Folder::open(root.path()).unwrap();
        let seen = check(&again, |_| {}).seen;
        let of = |name: &str| seen.iter().find(|one| again.name(one.index).ends_with(name)).unwrap();
        assert_eq!((of("1.bmp").content, of("1.bmp").size), (of("a/1.png").content, of("a/1.png").size));
        fs::remove_file(other).unwrap();
        assert!(found[0].to_string().contains(&found[0].name) && found[0].name.ends_with("2.png"));
        let rest = Subset::without(folder, &indices).unwrap();
        assert!(check(&rest, |_| {}).unreadable.is_empty());
        assert_eq!(rest.len(), 3);
    }

    #[test]
    fn what_is_known_by_its_stamp_is_not_read_again() {
        let root = tempfile::tempdir().unwrap();
        for path in ["a/1.png", "a/2.png", "b/1.png"] {
            draw(root.path(), path);
        }
        let folder = Folder::open(root.path()).unwrap();
        let first = check(&folder, |_| {}).seen;
        assert!(first.iter().all(|one| one.stamp.is_some()));
        let as_seen = |index: usize| Known { size: first[index].size, content: first[index].content };
        // Known by number, whatever is in the file now.
        fs::write(root.path().join("a/2.png"), "a letter").unwrap();
        let known = |index: usize, _| (index != 0).then(|| as_seen(index));
        let again = check_again(&folder, known, |_| {});
        assert!(again.unreadable.is_empty() && again.seen[1].content == first[1].content);
        let stamped = |index: usize, stamp| (Some(stamp) == first[index].stamp).then(|| as_seen(index));
        assert_eq!(check_again(&folder, stamped, |_| {}).unreadable[0].index, 1);
    }
}
