//! Looking at every picture once, before it matters.

use std::error::Error;
use std::fmt;
use std::iter::successors;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::iter::Either;
use rayon::prelude::*;

use crate::dataset::{Dataset, Known, pixels};
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
    /// Its size, and the sum of its file: copies of a file have equal ones.
    pub known: Known,
    /// The SHA-256 of its size and its pixels, where it was decoded: equal pictures have equal
    /// ones, whatever their files are.
    pub pixels: Option<[u8; 32]>,
    /// What the file system said of its file before it was read, where it has one.
    pub stamp: Option<Stamp>,
}

/// How well pictures are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// [`Dataset::glance`]: a damage behind the header may not be seen.
    Glance,
    /// The picture is decoded.
    Decode,
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
    check_again(dataset, |_, _| None, |_| Look::Decode, progress)
}

/// [`check`] of pictures that were looked at before: those are not read that `known` has something
/// to say of, by number and stamp. Only pictures with a stamp are asked about. `look` says how well
/// the others are looked at.
pub fn check_again(
    dataset: &dyn Dataset,
    known: impl Fn(usize, Stamp) -> Option<Known> + Sync,
    look: impl Fn(usize) -> Look + Sync,
    progress: impl Fn(usize) + Sync,
) -> Checked {
    let done = AtomicUsize::new(0);
    let read = |index| -> Result<(Known, Option<[u8; 32]>), DataError> {
        let pixels = match look(index) {
            Look::Glance => None,
            Look::Decode => Some(pixels(&dataset.get(index)?)),
        };
        Ok((dataset.glance(index)?, pixels))
    };
    let seen = |index| {
        // Before the content: a file that is written in between has an older stamp, and is read
        // again.
        let stamp = dataset.stamp(index);
        let result = match stamp.and_then(|stamp| known(index, stamp)) {
            Some(known) => Ok((known, None)),
            None => guarded(|| read(index))
                .unwrap_or_else(|message| Err(DataError::Panicked { name: dataset.name(index), message })),
        };
        progress(done.fetch_add(1, Ordering::Relaxed) + 1);
        match result {
            Ok((known, pixels)) => Either::Left(Seen { index, known, pixels, stamp }),
            Err(reason) => Either::Right(Unreadable { index, name: dataset.name(index), reason }),
        }
    };
    let (seen, unreadable) = (0..dataset.len()).into_par_iter().partition_map(seen);
    Checked { seen, unreadable }
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
        assert_eq!((of("1.bmp").pixels, of("1.bmp").known.size), (of("a/1.png").pixels, of("a/1.png").known.size));
        assert_ne!(of("1.bmp").known.content, of("a/1.png").known.content);
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
        let as_seen = |index: usize| first[index].known;
        // Known by number, whatever is in the file now.
        fs::write(root.path().join("a/2.png"), "a letter").unwrap();
        let known = |index: usize, _| (index != 0).then(|| as_seen(index));
        let again = check_again(&folder, known, |_| Look::Decode, |_| {});
        assert!(again.unreadable.is_empty() && again.seen[1].known == first[1].known);
        let stamped = |index: usize, stamp| (Some(stamp) == first[index].stamp).then(|| as_seen(index));
        assert_eq!(check_again(&folder, stamped, |_| Look::Decode, |_| {}).unreadable[0].index, 1);
    }

    #[test]
    fn a_glance_sees_what_the_ends_of_a_file_show() {
        let root = tempfile::tempdir().unwrap();
        let whole = fs::read(pictures().join("train/food/apple.png")).unwrap();
        let mut damaged = whole.clone();
        let middle = whole.len() / 2;
        damaged[middle..middle + 9].fill(0);
        let parts = [&whole[..], &whole[..middle], &damaged, b"a letter"];
        fs::create_dir(root.path().join("a")).unwrap();
        for (i, bytes) in parts.iter().enumerate() {
            fs::write(root.path().join(format!("a/{i}.png")), bytes).unwrap();
        }
        let folder = Folder::all(root.path().join("a")).unwrap();
        let unreadable = |look| {
            let found = check_again(&folder, |_, _| None, |_| look, |_| {}).unreadable;
            found.iter().map(|one| one.index).collect::<Vec<_>>()
        };
        assert_eq!((unreadable(Look::Glance), unreadable(Look::Decode)), (vec![1, 3], vec![1, 2, 3]));
        let seen = check_again(&folder, |_, _| None, |_| Look::Glance, |_| {}).seen;
        assert_eq!((seen[0].known.size, seen[0].pixels), (folder.get(0).unwrap().dimensions(), None));
    }
}
