//! Reading every picture once, before it matters.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use image::RgbImage;
use rayon::iter::Either;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::dataset::Dataset;
use crate::error::DataError;
use crate::guard::guarded;

/// A picture that cannot be read.
#[derive(Debug)]
pub struct Unreadable {
    /// Its number in the dataset.
    pub index: usize,
    /// Its name, the path where it has one.
    pub name: String,
    /// Why; the text names the file.
    pub reason: DataError,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

/// What is in a picture that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its number in the dataset.
    pub index: usize,
    /// Width and height, pixels.
    pub size: (u32, u32),
    /// The SHA-256 of its size and its pixels: equal pictures have equal ones, whatever their files are.
    pub content: [u8; 32],
}

/// What [`check`] finds.
#[derive(Debug, Default)]
pub struct Checked {
    /// The pictures that can be read, by number.
    pub seen: Vec<Seen>,
    /// Those that cannot.
    pub unreadable: Vec<Unreadable>,
}

/// Decodes every picture, on all cores, and returns what those are that can be read, and those that cannot, by number.
///
/// `progress` is called after each picture, from several threads, with how many are done. What to do about
/// the unreadable ones is left to the caller: stop, or go on with [`Subset::without`](crate::Subset::without).
///
/// # Examples
/// ```
/// use taper_data::{Dataset, Folder, check};
/// let folder = Folder::open(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/emoji/val"))?;
/// let checked = check(&folder, |_done| {});
/// assert!(checked.unreadable.is_empty() && checked.seen.len() == folder.len());
/// # Ok::<(), taper_data::DataError>(())
/// ```
pub fn check(dataset: &dyn Dataset, progress: impl Fn(usize) + Sync) -> Checked {
    let done = AtomicUsize::new(0);
    let read = |index| {
        let result = match guarded(|| dataset.get(index)) {
            Ok(result) => result,
            Err(message) => Err(DataError::Panicked { name: dataset.name(index), message }),
        };
        progress(done.fetch_add(1, Ordering::Relaxed) + 1);
        match result {
            Ok(picture) => Either::Left(Seen { index, size: picture.dimensions(), content: content(&picture) }),
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
    use crate::fixture::{draw, emoji};
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
        let whole = fs::read(emoji().join("train/food/apple.png")).unwrap();
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
}
