//! CIFAR-10 and CIFAR-100 in their binary form.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::pixels::{Layout, PixelFile, Pixels};
use crate::error::DataError;
use crate::file::{open_file, read_at};
use crate::labels::Labels;

/// A picture: red, green and blue planes of 32x32.
const LAYOUT: Layout = Layout { height: 32, width: 32, channels: 3, planar: true };

/// The files of one of the two data sets.
#[derive(Clone, Debug)]
pub(crate) struct Cifar {
    train: Vec<PathBuf>,
    test: PathBuf,
    /// Bytes before a picture; its class is the last of them.
    head: usize,
    classes: Vec<String>,
}

/// CIFAR-10 (`data_batch_1.bin` to `5`, `test_batch.bin`, `batches.meta.txt`) or CIFAR-100
/// (`train.bin`, `test.bin`, `fine_label_names.txt`) in a folder, or in the one that their archive
/// makes there; none where it is neither.
///
/// # Errors
/// Names the file that is missing where others are there.
pub(crate) fn find(folder: &Path) -> Result<Option<Cifar>, DataError> {
    let inner = ["cifar-10-batches-bin", "cifar-100-binary"].map(|name| folder.join(name));
    let folder = inner.iter().find(|inner| inner.is_dir()).map_or(folder, PathBuf::as_path);
    let of = |train: &[&str], test: &str, names: &str, (head, classes): (usize, usize)| {
        let train: Vec<PathBuf> = train.iter().map(|name| folder.join(name)).filter(|path| path.is_file()).collect();
        let (test, names) = (folder.join(test), class_names(&folder.join(names)));
        let classes = names.unwrap_or_else(|| (0..classes).map(|class| class.to_string()).collect());
        (!train.is_empty() || test.is_file()).then_some(Cifar { train, test, head, classes })
    };
    let batches = ["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"];
    let ten = of(&batches, "test_batch.bin", "batches.meta.txt", (1, 10));
    let hundred = || of(&["train.bin"], "test.bin", "fine_label_names.txt", (2, 100));
    let Some(found) = ten.or_else(hundred) else { return Ok(None) };
    let missing = if found.train.is_empty() { Some("train.bin") } else { None };
    let missing = missing
        .or_else(|| (!found.test.is_file()).then_some(if found.head == 1 { "test_batch.bin" } else { "test.bin" }));
    match missing {
        Some(missing) => Err(DataError::FileMissing { folder: folder.into(), missing: missing.into() }),
        None => Ok(Some(found)),
    }
}

/// The names of classes of a text file, a line each.
fn class_names(path: &Path) -> Option<Vec<String>> {
    let text = fs::read_to_string(path).ok()?;
    let names: Vec<String> = text.lines().map(str::trim).filter(|name| !name.is_empty()).map(Into::into).collect();
    (names.len() > 1).then_some(names)
}

impl Cifar {
    /// The pictures to train on.
    pub(crate) fn train(&self) -> Result<Pixels, DataError> {
        self.pictures(&self.train)
    }

    /// The pictures to test with.
    pub(crate) fn test(&self) -> Result<Pixels, DataError> {
        self.pictures(std::slice::from_ref(&self.test))
    }

    /// All files that are read.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let names = ["batches.meta.txt", "fine_label_names.txt", "coarse_label_names.txt", "readme.html"];
        let folder = self.test.parent().unwrap_or(Path::new(""));
        self.train.iter().cloned().chain([self.test.clone()]).chain(names.map(|name| folder.join(name))).collect()
    }

    fn pictures(&self, paths: &[PathBuf]) -> Result<Pixels, DataError> {
        let (mut files, mut labels) = (Vec::new(), Vec::new());
        for path in paths {
            let (file, count) = self.open(path)?;
            labels.extend(self.labels((path, &file), count)?);
            let (start, stride) = (self.head as u64, self.record() as u64);
            files.push(PixelFile { path: path.clone(), file, start, stride, count });
        }
        Ok(Pixels::new(files, LAYOUT, Labels::one(self.classes.clone(), labels)))
    }

    /// Bytes of a picture and what stands before it.
    fn record(&self) -> usize {
        self.head + LAYOUT.bytes()
    }

    fn open(&self, path: &Path) -> Result<(File, usize), DataError> {
        let (file, bytes) = open_file(path, |reason| DataError::Read { path: path.into(), reason })?;
        let record = self.record() as u64;
        if bytes == 0 || bytes % record != 0 {
            let wanted = format!("a multiple of {record} bytes, {} and 32x32x3 a picture", self.head);
            return Err(DataError::Malformed { path: path.into(), part: "the length", wanted, got: bytes.to_string() });
        }
        Ok((file, (bytes / record) as usize))
    }

    fn labels(&self, (path, file): (&Path, &File), count: usize) -> Result<Vec<u32>, DataError> {
        let mut label = [0];
        let labels = (0..count).map(|number| {
            let place = number * self.record() + self.head - 1;
            read_at(file, &mut label, place as u64).map_err(|reason| DataError::Read { path: path.into(), reason })?;
            if usize::from(label[0]) >= self.classes.len() {
                let (wanted, got) =
                    (format!("below {}", self.classes.len()), format!("{} of picture {number}", label[0]));
                return Err(DataError::Malformed { path: path.into(), part: "a label", wanted, got });
            }
            Ok(label[0].into())
        });
        labels.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dataset;

    /// Pictures of one color, with these labels.
    fn batch(head: usize, labels: &[u8]) -> Vec<u8> {
        let record = |&label: &u8| {
            [vec![9; head - 1], vec![label], vec![label * 10; 1024], vec![1; 1024], vec![2; 1024]].concat()
        };
        labels.iter().flat_map(record).collect()
    }

    #[test]
    fn both_data_sets_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let ten = folder.path().join("cifar-10-batches-bin");
        fs::create_dir(&ten).unwrap();
        for (name, labels) in [("data_batch_1.bin", &[3, 1][..]), ("data_batch_2.bin", &[9]), ("test_batch.bin", &[0])]
        {
            fs::write(ten.join(name), batch(1, labels)).unwrap();
        }
        let found = find(folder.path()).unwrap().unwrap();
        let (train, test) = (found.train().unwrap(), found.test().unwrap());
        assert_eq!((train.len(), test.len(), train.label(2), train.classes().len()), (3, 1, 9, 10));
        assert_eq!(train.get(2).unwrap().get_pixel(31, 31).0, [90, 1, 2]);
        assert!(train.name(2).ends_with("data_batch_2.bin, picture 0") && train.get(3).is_err());

        let hundred = tempfile::tempdir().unwrap();
        fs::write(hundred.path().join("train.bin"), batch(2, &[1, 2])).unwrap();
        assert!(find(hundred.path()).unwrap_err().to_string().contains("test.bin"));
        fs::write(hundred.path().join("test.bin"), batch(2, &[1])).unwrap();
        fs::write(hundred.path().join("fine_label_names.txt"), "apple\nbear\nclock\n").unwrap();
        let train = find(hundred.path()).unwrap().unwrap().train().unwrap();
        assert_eq!((train.label(1), &*train.classes()[2]), (2, "clock"));
        fs::write(hundred.path().join("train.bin"), batch(2, &[1, 7])).unwrap();
        let said = find(hundred.path()).unwrap().unwrap().train().unwrap_err().to_string();
        assert!(said.contains("train.bin") && said.contains("below 3, got 7 of picture 1"), "{said}");
        fs::write(hundred.path().join("train.bin"), [0; 100]).unwrap();
        let said = find(hundred.path()).unwrap().unwrap().train().unwrap_err().to_string();
        assert!(said.contains("multiple of 3074"), "{said}");
        assert!(find(tempfile::tempdir().unwrap().path()).unwrap().is_none());
    }
}
