//! Pictures and labels in the IDX format, as MNIST and Fashion-MNIST have them.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use image::{Rgb, RgbImage};

use super::idx_file::{IdxFile, MAX_DATA};
use crate::dataset::Dataset;
use crate::error::DataError;
use crate::file::open_file;

/// Gray pictures of one size from an IDX file, with labels from another; kept in memory as they
/// are.
///
/// ```text
/// 0, 0, type, dimensions    a byte each; the type is 8, unsigned bytes; 3 dimensions for pictures,
///                           1 for labels
/// sizes                     a big-endian 32-bit number for each dimension: count, height, width
/// bytes                     as many as the sizes say, and no more
/// ```
///
/// A file may be compressed with gzip, which is seen by its first bytes; no more of it is unpacked
/// than the sizes say. The format has no names for classes: they are called by their numbers, `0`
/// to the largest label. A pixel becomes three equal channels.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use taper_data::{Dataset, Idx};
/// let folder = tempfile::tempdir()?;
/// let (images, labels) = (folder.path().join("images"), folder.path().join("labels"));
/// std::fs::write(&images, [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 10, 20, 30, 40])?; // two of 1x2
/// std::fs::write(&labels, [0, 0, 8, 1, 0, 0, 0, 2, 1, 0])?;
/// let set = Idx::open(&images, &labels)?;
/// assert_eq!((set.len(), set.label(0), set.get(1)?.get_pixel(0, 0).0), (2, 1, [30, 30, 30]));
/// # Ok(()) }
/// ```
///
/// # References
/// Y. LeCun, C. Cortes, C. J. C. Burges, *The MNIST database of handwritten digits*, 1998.
#[derive(Clone)]
pub struct Idx {
    path: PathBuf,
    height: usize,
    width: usize,
    pixels: Vec<u8>,
    labels: Vec<u8>,
    classes: Vec<String>,
}

impl Idx {
    /// Reads both files.
    ///
    /// # Errors
    /// When one cannot be read, has another header, fewer or more bytes than its sizes say, or its
    /// sizes say more than 2 GB, or their counts differ; when there are no pictures, or labels of
    /// one class alone.
    pub fn open(images: impl AsRef<Path>, labels: impl AsRef<Path>) -> Result<Self, DataError> {
        let read = |path: &Path| -> Result<Vec<u8>, DataError> {
            let unreadable = |reason| DataError::Read { path: path.into(), reason };
            let mut bytes = Vec::new();
            let (file, _) = open_file(path, unreadable)?;
            file.take(MAX_DATA + 16).read_to_end(&mut bytes).map_err(unreadable)?;
            Ok(bytes)
        };
        let (images, labels) = (images.as_ref(), labels.as_ref());
        let (image_bytes, label_bytes) = (read(images)?, read(labels)?);
        Self::from_bytes(IdxFile { bytes: &image_bytes, name: images }, IdxFile { bytes: &label_bytes, name: labels })
    }

    /// [`open`](Self::open) of the contents of two files.
    ///
    /// # Errors
    /// As there.
    pub fn from_bytes(image_file: IdxFile<'_>, label_file: IdxFile<'_>) -> Result<Self, DataError> {
        let (sizes, pixels) = image_file.read::<3>()?;
        let (label_sizes, labels) = label_file.read::<1>()?;
        let [count, height, width] = sizes;
        if count * height * width == 0 {
            return Err(image_file.wrong("the size", "of pictures that have pixels", format!("{sizes:?}")));
        }
        if label_sizes != [count] {
            let wanted = format!("{count}, a label for each picture of {}", image_file.name.display());
            return Err(label_file.wrong("the count", &wanted, label_sizes[0].to_string()));
        }
        let classes = labels.iter().max().map_or(0, |&most| usize::from(most) + 1);
        if classes < 2 {
            return Err(label_file.wrong("the labels", "of two classes or more", "0 alone".into()));
        }
        let classes = (0..classes).map(|class| class.to_string()).collect();
        Ok(Self { path: image_file.name.into(), height, width, pixels, labels, classes })
    }

    /// The pictures to train on and to test with, of four files in the order of [`FILES`]. The
    /// classes are those of the training pictures.
    ///
    /// # Errors
    /// As [`Idx::open`]; when a test picture has a class that no training picture has.
    pub(crate) fn open_sides(
        [images, labels, test_images, test_labels]: &[PathBuf; 4],
    ) -> Result<(Self, Self), DataError> {
        let (train, mut test) = (Self::open(images, labels)?, Self::open(test_images, test_labels)?);
        if test.classes.len() > train.classes.len() {
            let (got, wanted) = (test.classes.len() - 1, train.classes.len() - 1);
            return Err(DataError::IdxClasses { path: test_images.clone(), got, wanted });
        }
        test.classes.clone_from(&train.classes);
        Ok((train, test))
    }

    /// Height and width of every picture, pixels.
    pub fn size(&self) -> (usize, usize) {
        (self.height, self.width)
    }
}

impl fmt::Debug for Idx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, height, width, labels, classes, .. } = self;
        let mut idx = f.debug_struct("Idx");
        idx.field("path", path).field("height", height).field("width", width);
        idx.field("pictures", &labels.len()).field("classes", classes).finish_non_exhaustive()
    }
}

impl Dataset for Idx {
    fn len(&self) -> usize {
        self.labels.len()
    }

    fn get(&self, index: usize) -> Result<RgbImage, DataError> {
        let size = self.height * self.width;
        match self.pixels.chunks_exact(size).nth(index) {
            Some(gray) => {
                let pixel = |x: u32, y: u32| Rgb([gray[y as usize * self.width + x as usize]; 3]);
                Ok(RgbImage::from_fn(self.width as u32, self.height as u32, pixel))
            }
            None => Err(DataError::Index { index, len: self.len() }),
        }
    }

    fn label(&self, index: usize) -> usize {
        usize::from(self.labels[index])
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn name(&self, index: usize) -> String {
        format!("{}, picture {index}", self.path.display())
    }
}

/// The names that the files of a data set have, without `.gz`: pictures and labels to train on, and
/// to test with.
const FILES: [&str; 4] =
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

/// The four files of an IDX data set in a folder; `None` where there is none of them.
///
/// # Errors
/// Names the first that is missing where there are others.
pub(crate) fn files(folder: &Path) -> Result<Option<[PathBuf; 4]>, DataError> {
    let found = FILES.map(|name| {
        let endings = ["", ".gz"].map(|ending| folder.join(format!("{name}{ending}")));
        endings.into_iter().find(|path| path.is_file())
    });
    if found.iter().all(Option::is_none) {
        return Ok(None);
    }
    match found {
        [Some(a), Some(b), Some(c), Some(d)] => Ok(Some([a, b, c, d])),
        found => {
            let missing = FILES.iter().zip(&found).find(|(_, found)| found.is_none());
            let missing = missing.map(|(name, _)| format!("{name} (or {name}.gz)")).unwrap_or_default();
            Err(DataError::FileMissing { folder: folder.into(), missing })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use flate2::write::GzEncoder;

    use super::*;
    use crate::fixture::draw;

    /// Three pictures of 2x3 and their labels.
    fn bytes() -> (Vec<u8>, Vec<u8>) {
        let images = [vec![0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 3], (0..18).collect()].concat();
        (images, vec![0, 0, 8, 1, 0, 0, 0, 3, 2, 0, 1])
    }

    fn open(images: &[u8], labels: &[u8]) -> Result<Idx, String> {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("images"), folder.path().join("labels"));
        fs::write(&a, images).unwrap();
        fs::write(&b, labels).unwrap();
        Idx::open(a, b).map_err(|error| error.to_string())
    }

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn plain_and_compressed_files_hold_the_same() {
        let (images, labels) = bytes();
        for set in [open(&images, &labels).unwrap(), open(&packed(&images), &packed(&labels)).unwrap()] {
            assert_eq!((set.len(), set.size(), set.classes()), (3, (2, 3), &["0", "1", "2"].map(String::from)[..]));
            assert_eq!([0, 1, 2].map(|i| set.label(i)), [2, 0, 1]);
            assert_eq!(set.get(2).unwrap().get_pixel(2, 1).0, [17; 3]);
            assert!(set.get(3).is_err() && set.name(2).ends_with("images, picture 2"));
        }
    }

    #[test]
    fn four_files_in_a_folder_are_a_split() {
        let folder = tempfile::tempdir().unwrap();
        let (images, labels) = bytes();
        let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
        let splits = || crate::open(folder.path(), &crate::OpenConfig::default(), &taper_tensor::Rng::new(0));
        write(FILES[0], &images);
        write("train-labels-idx1-ubyte.gz", &packed(&labels));
        write(FILES[2], &images);
        let said = splits().err().unwrap().to_string();
        assert!(said.contains("lacks t10k-labels-idx1-ubyte"), "{said}");
        write(FILES[3], &[0, 0, 8, 1, 0, 0, 0, 3, 1, 0, 1]);
        write("notes.txt", b"text");
        draw(folder.path(), "cat/1.png");
        let ready = splits().unwrap();
        assert_eq!(ready.left_out.to_string(), "1 .txt, 1 folder \"cat\" beside the split");
        assert_eq!((ready.train.len(), ready.val.len(), ready.drawn), (3, 3, false));
        assert_eq!(ready.val.classes(), ready.train.classes());
        write(FILES[3], &[0, 0, 8, 1, 0, 0, 0, 3, 1, 0, 9]);
        let said = splits().err().unwrap().to_string();
        assert!(said.contains("label is 9") && said.contains("t10k-images"), "{said}");
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said() {
        let (images, labels) = bytes();
        let changed = |at: usize, byte: u8| {
            let mut images = images.clone();
            images[at] = byte;
            images
        };
        let cut = |bytes: &[u8], n: usize| bytes[..n].to_vec();
        let longer = [images.clone(), vec![0]].concat();
        for (images, labels, words) in [
            (changed(2, 9), labels.clone(), ["images: the header", "[0, 0, 9, 3]"]),
            (labels.clone(), labels.clone(), ["images: the header", "[0, 0, 8, 1]"]),
            (Vec::new(), labels.clone(), ["images: the header", "0 bytes"]),
            (cut(&images, 20), labels.clone(), ["images: what follows", "18 bytes"]),
            (longer, labels.clone(), ["images: what follows", "19 bytes"]),
            (changed(4, 1), labels.clone(), ["images: what follows", "100663314 bytes, by the sizes"]),
            (changed(4, 255), labels.clone(), ["images: the product of the sizes", "at most 2147483648"]),
            (images.clone(), vec![0, 0, 8, 1, 0, 0, 0, 2, 1, 0], ["labels: the count", "got 2"]),
            (images.clone(), vec![0, 0, 8, 1, 0, 0, 0, 3, 0, 0, 0], ["labels: the labels", "two classes"]),
            (vec![0, 0, 8, 3, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 3], labels.clone(), ["images: the size", "[0, 2, 3]"]),
            (cut(&packed(&images), 25), labels.clone(), ["cannot read", "images"]),
        ] {
            let said = open(&images, &labels).err().unwrap();
            assert!(words.iter().all(|word| said.contains(word)), "{said}");
        }
        let missing = Idx::open("nowhere", "nowhere").err().unwrap().to_string();
        assert!(missing.contains("cannot read nowhere"), "{missing}");
        let folder = Idx::open(env!("CARGO_MANIFEST_DIR"), "nowhere").err().unwrap();
        assert!(matches!(folder, DataError::NotAFile { .. }), "{folder}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn no_more_is_unpacked_than_the_sizes_say() {
        let held = || {
            let status = fs::read_to_string("/proc/self/status").unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
            line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap()
        };
        let (images, labels) = bytes();
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(&images).unwrap();
        (0..128).for_each(|_| encoder.write_all(&[0; 1 << 20]).unwrap());
        let bomb = encoder.finish().unwrap();
        let before = held();
        let said = open(&bomb, &labels).err().unwrap();
        assert!(said.contains("18 bytes, by the sizes [3, 2, 3], got 19 bytes or more"), "{said}");
        assert!(held() - before < 32_000, "{} kB", held() - before);
    }
}
