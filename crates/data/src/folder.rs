//! One folder of class folders.

use std::fs;
use std::path::{Path, PathBuf};

use image::RgbImage;

use crate::dataset::Dataset;
use crate::decode::{EXTENSIONS, decode};
use crate::error::DataError;

/// The pictures of `<root>/<class>/...`, ordered by class and then by path.
///
/// The class of a picture is the name of the folder directly below the root; folders within it are
/// searched too. A file counts as a picture by its ending ([`EXTENSIONS`], in letters of any size). Hidden
/// files and folders (a name that starts with `.`) are left out; any other file, and any link to a folder
/// inside a class, is left out and counted. Names are compared character by character, so that the order is
/// the same on every operating system. Pictures are read when asked for, not before.
///
/// # Examples
/// ```
/// use taper_data::{Dataset, Folder};
/// let folder = Folder::open(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/emoji/train"))?;
/// assert_eq!((folder.len(), folder.classes().len()), (531, 10));
/// assert_eq!((folder.label(0), folder.classes()[0].as_str()), (0, "animal"));
/// # Ok::<(), taper_data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Folder {
    classes: Vec<String>,
    pictures: Vec<(PathBuf, usize)>,
    ignored: usize,
}

impl Folder {
    /// Lists a folder.
    ///
    /// # Errors
    /// When there is no such folder, it has fewer than two class folders, or a class has no picture.
    pub fn open(root: impl AsRef<Path>) -> Result<Self, DataError> {
        let root = root.as_ref();
        let (folders, files) = list(root)?;
        let loose = files.iter().filter(|path| is_picture(path)).count();
        match folders.as_slice() {
            [] => {
                return Err(DataError::NoClasses { path: root.into(), pictures: loose });
            }
            [only] => {
                return Err(DataError::OneClass { path: root.into(), class: name(only) });
            }
            _ => {}
        }
        let mut folder = Self {
            classes: folders.iter().map(|path| name(path)).collect(),
            pictures: Vec::new(),
            ignored: files.len(),
        };
        for (label, path) in folders.into_iter().enumerate() {
            let before = folder.pictures.len();
            folder.collect(&path, label)?;
            if folder.pictures.len() == before {
                return Err(DataError::EmptyClass { path });
            }
        }
        Ok(folder)
    }

    /// Lists every picture in a folder and the folders below it, all of one class with the folder's name.
    ///
    /// # Errors
    /// When there is no such folder, or no picture in it.
    pub fn all(root: impl AsRef<Path>) -> Result<Self, DataError> {
        let root = root.as_ref();
        let mut folder = Self { classes: vec![name(root)], pictures: Vec::new(), ignored: 0 };
        folder.collect(root, 0)?;
        if folder.pictures.is_empty() {
            return Err(DataError::EmptyClass { path: root.into() });
        }
        Ok(folder)
    }

    /// How many files were left out because they are not pictures, hidden ones not counted.
    pub fn ignored(&self) -> usize {
        self.ignored
    }

    fn collect(&mut self, folder: &Path, label: usize) -> Result<(), DataError> {
        let (folders, files) = list(folder)?;
        for file in files {
            if is_picture(&file) {
                self.pictures.push((file, label));
            } else {
                self.ignored += 1;
            }
        }
        for inner in folders {
            // A link may lead back up: following it would never end.
            if inner.is_symlink() {
                self.ignored += 1;
            } else {
                self.collect(&inner, label)?;
            }
        }
        Ok(())
    }
}

impl Dataset for Folder {
    fn len(&self) -> usize {
        self.pictures.len()
    }

    fn get(&self, index: usize) -> Result<RgbImage, DataError> {
        match self.pictures.get(index) {
            Some((path, _)) => decode(path),
            None => Err(DataError::Index { index, len: self.len() }),
        }
    }

    fn label(&self, index: usize) -> usize {
        self.pictures[index].1
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn name(&self, index: usize) -> String {
        self.pictures[index].0.display().to_string()
    }
}

/// The folders and the files directly in a folder, without hidden ones, each ordered by name.
pub(crate) fn list(path: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>), DataError> {
    if !path.is_dir() {
        return Err(DataError::MissingFolder { path: path.into() });
    }
    let failed = |reason| DataError::List { path: path.into(), reason };
    let mut entries = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?.path();
        if !name(&entry).starts_with('.') {
            entries.push((name(&entry), entry));
        }
    }
    entries.sort();
    let paths = entries.into_iter().map(|(_, path)| path);
    Ok(paths.partition(|path| path.is_dir()))
}

/// The last part of a path, as text.
pub(crate) fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// A file whose ending says picture. A link that leads nowhere is one too: reading it says so.
fn is_picture(path: &Path) -> bool {
    let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    ending.is_some_and(|e| EXTENSIONS.contains(&e.as_str())) && fs::metadata(path).map_or(true, |kind| kind.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::draw;

    fn error(root: &Path) -> String {
        Folder::open(root).err().unwrap().to_string()
    }

    #[test]
    fn pictures_are_found_in_one_order_and_the_rest_is_counted() {
        let root = tempfile::tempdir().unwrap();
        for path in ["b/2.png", "b/10.PNG", "b/deep/er/x.Jpg", "a/z.webp", "a/.hidden.png", ".c/1.png"] {
            draw(root.path(), path);
        }
        for path in ["b/notes.txt", "b/deep/labels.csv", "README", "b/.DS_Store"] {
            fs::write(root.path().join(path), "text").unwrap();
        }
        let folder = Folder::open(root.path()).unwrap();
        assert_eq!(folder.classes(), ["a", "b"]);
        let found: Vec<_> = (0..folder.len())
            .map(|i| {
                let path = folder.pictures[i].0.strip_prefix(root.path()).unwrap();
                (path.to_string_lossy().replace('\\', "/"), folder.label(i))
            })
            .collect();
        let wanted = [("a/z.webp", 0), ("b/10.PNG", 1), ("b/2.png", 1), ("b/deep/er/x.Jpg", 1)];
        assert_eq!(found, wanted.map(|(path, label)| (path.to_string(), label)));
        assert_eq!(folder.ignored(), 3);
        assert!(folder.get(4).is_err());
        assert_eq!(folder.get(0).unwrap().dimensions(), (4, 3));
    }

    #[test]
    fn all_pictures_of_a_tree_are_one_class() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/emoji");
        let folder = Folder::all(root).unwrap();
        assert_eq!((folder.len(), folder.classes()), (1062, &["emoji".to_owned()][..]));
        assert!(folder.name(0).ends_with(".png") && folder.label(1061) == 0);
        let empty = tempfile::tempdir().unwrap();
        assert!(Folder::all(empty.path()).is_err() && Folder::all("nowhere").is_err());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let root = tempfile::tempdir().unwrap();
        let missing = error(&root.path().join("nowhere"));
        assert!(missing.contains("no folder") && missing.contains("nowhere"), "{missing}");
        draw(root.path(), "loose.png");
        let flat = error(root.path());
        assert!(flat.contains("pictures directly in it: 1"), "{flat}");
        draw(root.path(), "cat/1.png");
        let one = error(root.path());
        assert!(one.contains("only the class \"cat\""), "{one}");
        fs::create_dir(root.path().join("dog")).unwrap();
        let empty = error(root.path());
        assert!(empty.contains("dog holds no picture"), "{empty}");
    }

    #[cfg(unix)]
    #[test]
    fn links_end() {
        let root = tempfile::tempdir().unwrap();
        draw(root.path(), "a/1.png");
        draw(root.path(), "b/1.png");
        std::os::unix::fs::symlink(root.path(), root.path().join("a/back")).unwrap();
        std::os::unix::fs::symlink("nowhere", root.path().join("a/gone.png")).unwrap();
        let folder = Folder::open(root.path()).unwrap();
        assert_eq!((folder.len(), folder.ignored()), (3, 1));
        let gone = folder.get(1).unwrap_err().to_string();
        assert!(gone.contains("gone.png"), "{gone}");
    }
}
