//! Pictures that are decoded once: after that they are read from a file.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use image::RgbImage;

use crate::dataset::Dataset;
use crate::error::DataError;
use crate::file::{read_at, write_at};
use crate::view::View;

/// The most that the file of a [`Kept`] takes, bytes: 16 GiB.
const MOST: u64 = 16 << 30;

/// Where pictures are kept, and how many.
#[derive(Clone, Debug)]
pub struct Keep {
    /// The folder of the file; that of the system for such files where there is none.
    pub folder: Option<PathBuf>,
    /// The most that it takes, bytes; 16 GiB by default. Pictures beyond it are decoded every time.
    pub most: u64,
}

impl Default for Keep {
    fn default() -> Self {
        Self { folder: None, most: MOST }
    }
}

/// The pictures of another dataset, each decoded when it is first asked for, and kept in a file.
///
/// The file has no name: nobody else can open it, and it ends with the process, however that ends.
/// It holds pixels as they are. Where it cannot be written it is given up, and pictures are decoded
/// again: that something is kept changes the time and nothing else.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use taper_data::{Dataset, Folder, Keep, Kept};
/// let folder = Arc::new(Folder::open(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pictures/train"))?);
/// let kept = Kept::new(folder.clone(), Keep::default());
/// assert_eq!(kept.get(3)?, folder.get(3)?);
/// assert_eq!((kept.count(), kept.get(3)?), (1, folder.get(3)?));
/// # Ok::<(), taper_data::DataError>(())
/// ```
pub struct Kept {
    whole: Arc<dyn Dataset>,
    keep: Keep,
    file: RwLock<Option<File>>,
    places: Vec<OnceLock<Place>>,
    /// Where the next picture begins, bytes.
    end: AtomicU64,
    /// What decoding has taken, all threads together, nanoseconds.
    decoding: AtomicU64,
}

/// Where a picture lies in the file, and its size.
#[derive(Clone, Copy, Debug)]
struct Place {
    start: u64,
    size: (u32, u32),
}

impl Kept {
    /// These pictures, of which none is kept yet. The file is begun here, and where that fails
    /// nothing is kept.
    pub fn new(whole: Arc<dyn Dataset>, keep: Keep) -> Self {
        let file =
            keep.folder.as_deref().map_or_else(tempfile::tempfile, |folder: &Path| tempfile::tempfile_in(folder));
        let places = (0..whole.len()).map(|_| OnceLock::new()).collect();
        let (end, decoding) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { whole, keep, file: RwLock::new(file.ok()), places, end, decoding }
    }

    /// How many pictures are kept.
    pub fn count(&self) -> usize {
        let kept = self.places.iter().filter(|place| place.get().is_some()).count();
        if self.file.read().unwrap_or_else(PoisonError::into_inner).is_some() { kept } else { 0 }
    }

    /// What decoding has taken until now, all threads together.
    pub fn decoding(&self) -> Duration {
        Duration::from_nanos(self.decoding.load(Ordering::Relaxed))
    }

    /// Gives the file back: from now on every picture is decoded whenever it is asked for.
    pub fn stop(&self) {
        *self.file.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The picture, where it is kept and can be read.
    fn read(&self, index: usize) -> Option<RgbImage> {
        let Place { start, size: (width, height) } = *self.places.get(index)?.get()?;
        let mut pixels = vec![0; 3 * width as usize * height as usize];
        let file = self.file.read().unwrap_or_else(PoisonError::into_inner);
        read_at(file.as_ref()?, &mut pixels, start).ok()?;
        RgbImage::from_raw(width, height, pixels)
    }

    /// Keeps a picture, where there is room. A picture has a place only once all of it is written.
    fn write(&self, index: usize, picture: &RgbImage) {
        let (pixels, Some(place)) = (picture.as_raw(), self.places.get(index)) else { return };
        let file = self.file.read().unwrap_or_else(PoisonError::into_inner);
        let (Some(open), bytes) = (file.as_ref(), pixels.len() as u64) else { return };
        let room = |end: u64| Some(end + bytes).filter(|end| *end <= self.keep.most);
        let Ok(start) = self.end.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room) else { return };
        if write_at(open, pixels, start).is_ok() {
            // Another thread may have kept the same picture in another place.
            let _ = place.set(Place { start, size: picture.dimensions() });
        } else {
            // The disk is full: what the others who write there need is given back.
            drop(file);
            self.stop();
        }
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").field("pictures", &self.len()).field("kept", &self.count()).finish_non_exhaustive()
    }
}

impl View for Kept {
    fn whole(&self) -> &dyn Dataset {
        &*self.whole
    }

    fn view(&self, index: usize) -> Result<RgbImage, DataError> {
        if let Some(picture) = self.read(index) {
            return Ok(picture);
        }
        let start = Instant::now();
        let picture = self.whole.get(index)?;
        self.decoding.fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
        self.write(index, &picture);
        Ok(picture)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Numbers;
    use image::Rgb;
    use std::sync::atomic::AtomicUsize;

    /// Pictures of several sizes that count how often they are decoded.
    struct Counted(Numbers, AtomicUsize);

    impl Dataset for Counted {
        fn len(&self) -> usize {
            self.0.len()
        }
        fn get(&self, index: usize) -> Result<RgbImage, DataError> {
            self.1.fetch_add(1, Ordering::Relaxed);
            let side = 1 + index as u32 % 7;
            Ok(RgbImage::from_fn(side, 9, |x, y| Rgb([index as u8, x as u8, y as u8])))
        }
        fn label(&self, index: usize) -> usize {
            self.0.label(index)
        }
        fn classes(&self) -> &[String] {
            self.0.classes()
        }
        fn name(&self, index: usize) -> String {
            self.0.name(index)
        }
    }

    fn passes(kept: &Kept, count: usize) -> Vec<RgbImage> {
        (0..count).flat_map(|_| 0..kept.len()).map(|index| kept.get(index).unwrap()).collect()
    }

    #[test]
    fn each_picture_is_decoded_once_and_comes_back_as_it_was() {
        let counted = Arc::new(Counted(Numbers(100), AtomicUsize::new(0)));
        let kept = Kept::new(counted.clone(), Keep::default());
        assert_eq!(kept.count(), 0);
        let all = passes(&kept, 3);
        assert_eq!((counted.1.load(Ordering::Relaxed), kept.count()), (100, 100));
        assert!(all.iter().enumerate().all(|(i, picture)| *picture == counted.get(i % 100).unwrap()));
        assert!(kept.decoding() > Duration::ZERO && kept.get(100).is_ok());
        kept.stop();
        assert_eq!((passes(&kept, 1), kept.count()), (all[..100].to_vec(), 0));
    }

    #[test]
    fn threads_that_ask_for_the_same_get_the_same() {
        let kept = Kept::new(Arc::new(Numbers(50)), Keep::default());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for (i, picture) in passes(&kept, 20).iter().enumerate() {
                        assert_eq!(picture.as_raw()[..], [(i % 50) as u8, 0, 0]);
                    }
                });
            }
        });
    }

    #[test]
    fn without_room_or_a_folder_pictures_are_decoded_again() {
        let nowhere = Keep { folder: Some("no/such/folder".into()), ..Keep::default() };
        for (keep, count) in [(Keep { most: 10, ..Keep::default() }, 3), (nowhere, 0)] {
            let kept = Kept::new(Arc::new(Numbers(9)), keep);
            let all = passes(&kept, 2);
            assert!(all.iter().enumerate().all(|(i, picture)| picture.as_raw()[0] == (i % 9) as u8));
            assert_eq!(kept.count(), count);
        }
    }

    #[test]
    fn nothing_is_left_in_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::new(Arc::new(Numbers(9)), Keep { folder: Some(folder.path().into()), ..Keep::default() });
        passes(&kept, 1);
        #[cfg(unix)]
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
        drop(kept);
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }
}
