//! One folder of class folders.

use std::path::{Path, PathBuf};

use image::RgbImage;

use super::listing::{Listed, count_beside, is_picture, list, name};
use super::side::{TEST, TRAIN, VALIDATION, is_called};
use crate::dataset::{Dataset, Known};
use crate::decode::{Need, decode_needed, glance_file, read_bytes};
use crate::error::DataError;
use crate::left_out::{HIDDEN, LINKED, LeftOut};
use crate::path_text::path_text;
use crate::stamp::Stamp;

/// The pictures of `<root>/<class>/...`, ordered by class and then by path.
///
/// The class of a picture is the name of the folder directly below the root; folders within it are
/// searched too. A file counts as a picture by its extension ([`EXTENSIONS`](crate::EXTENSIONS), in
/// letters of any size). All else is left out and counted ([`left_out`](Self::left_out)): hidden
/// files and folders (a name that starts with `.`), links to folders inside a class, files of other
/// kinds. Names are compared character by character, so that the order is the same on every
/// operating system. Pictures are read when asked for, not before.
///
/// # Examples
/// ```
/// use taper_data::{Dataset, Folder};
/// let folder = Folder::open(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pictures/train"))?;
/// assert_eq!((folder.len(), folder.classes().len()), (12, 2));
/// assert_eq!((folder.label(0), folder.classes()[0].as_str()), (0, "animal"));
/// # Ok::<(), taper_data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Folder {
    classes: Vec<String>,
    pictures: Vec<(PathBuf, usize)>,
    left_out: LeftOut,
}

impl Folder {
    /// Lists a folder.
    ///
    /// # Errors
    /// When there is no such folder, it has fewer than two class folders, a class has no picture or
    /// a name that is no text, or the name of a folder is that of a side of a split (`train` with
    /// folders in it, `val`, `valid`, `validation`, `dev`, `eval`, `test`).
    pub fn open(root: impl AsRef<Path>) -> Result<Self, DataError> {
        let (folders, mut folder) = Self::listed(root.as_ref())?;
        if let [only] = folders.as_slice() {
            return Err(DataError::OneClass { path: root.as_ref().into(), class: name(only) });
        }
        for (label, path) in folders.into_iter().enumerate() {
            folder.class(&path, label)?;
        }
        Ok(folder)
    }

    /// Lists a folder to measure on: one class is enough, and some may have no picture.
    ///
    /// # Errors
    /// When there is no such folder, or no picture in it; for the names as [`Folder::open`].
    pub fn partial(root: impl AsRef<Path>) -> Result<Self, DataError> {
        let (folders, mut folder) = Self::listed(root.as_ref())?;
        for (label, path) in folders.into_iter().enumerate() {
            match folder.class(&path, label) {
                Err(DataError::EmptyClass { left_out, .. }) => folder.left_out.merge(&left_out),
                listed => listed?,
            }
        }
        if folder.pictures.is_empty() {
            return Err(DataError::EmptyClass { path: root.as_ref().into(), left_out: folder.left_out });
        }
        Ok(folder)
    }

    /// The class folders, and what is known before they are listed.
    fn listed(root: &Path) -> Result<(Vec<PathBuf>, Self), DataError> {
        let Listed { folders, files, hidden } = list(root)?;
        let mut left_out = LeftOut::default();
        left_out.add(HIDDEN, hidden);
        let loose = count_beside(&mut left_out, &files);
        for path in &folders {
            let side = is_called(path, &TRAIN) && !list(path)?.folders.is_empty();
            if side || is_called(path, &VALIDATION) || is_called(path, &TEST) {
                return Err(DataError::SideAmongClasses { path: path.clone() });
            }
        }
        if folders.is_empty() {
            return Err(DataError::NoClasses { path: root.into(), pictures: loose });
        }
        let classes = folders.iter().map(|path| class(path)).collect::<Result<_, _>>()?;
        Ok((folders, Self { classes, pictures: Vec::new(), left_out }))
    }

    /// Lists every picture in a folder and the folders below it, all of one class with the folder's
    /// name.
    ///
    /// # Errors
    /// When there is no such folder, or no picture in it.
    pub fn all(root: impl AsRef<Path>) -> Result<Self, DataError> {
        let root = root.as_ref();
        let mut folder = Self { classes: vec![name(root)], pictures: Vec::new(), left_out: LeftOut::default() };
        folder.class(root, 0)?;
        Ok(folder)
    }

    /// What lies among the pictures and is not read.
    pub fn left_out(&self) -> &LeftOut {
        &self.left_out
    }

    fn path(&self, index: usize) -> Result<&Path, DataError> {
        let picture = self.pictures.get(index).ok_or(DataError::Index { index, len: self.pictures.len() });
        picture.map(|(path, _)| path.as_path())
    }

    /// Lists the pictures of a class.
    fn class(&mut self, folder: &Path, label: usize) -> Result<(), DataError> {
        let (before, mut left_out) = (self.pictures.len(), LeftOut::default());
        self.collect(folder, label, &mut left_out)?;
        if self.pictures.len() == before {
            return Err(DataError::EmptyClass { path: folder.into(), left_out });
        }
        self.left_out.merge(&left_out);
        Ok(())
    }

    fn collect(&mut self, folder: &Path, label: usize, left_out: &mut LeftOut) -> Result<(), DataError> {
        let Listed { folders, files, hidden } = list(folder)?;
        left_out.add(HIDDEN, hidden);
        for file in files {
            if is_picture(&file) {
                self.pictures.push((file, label));
            } else {
                left_out.file(&file);
            }
        }
        for inner in folders {
            // A link may lead back up: following it would never end.
            if inner.is_symlink() {
                left_out.add(LINKED, 1);
            } else {
                self.collect(&inner, label, left_out)?;
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
        self.get_needed(index, Need::All)
    }

    fn get_needed(&self, index: usize, need: Need) -> Result<RgbImage, DataError> {
        decode_needed(self.path(index)?, need)
    }

    fn glance(&self, index: usize) -> Result<Known, DataError> {
        glance_file(self.path(index)?)
    }

    fn file(&self, index: usize) -> Result<Option<Vec<u8>>, DataError> {
        read_bytes(self.path(index)?).map(Some)
    }

    fn label(&self, index: usize) -> usize {
        self.pictures[index].1
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn name(&self, index: usize) -> String {
        path_text(&self.pictures[index].0)
    }

    fn stamp(&self, index: usize) -> Option<Stamp> {
        Stamp::of(&self.pictures[index].0)
    }
}

/// The class that a folder is named after. Models, reports and tables have the name in them, so it
/// must be text.
fn class(folder: &Path) -> Result<String, DataError> {
    let name = folder.file_name().and_then(|name| name.to_str());
    let text = name.filter(|name| !name.chars().any(char::is_control));
    text.map(Into::into).ok_or_else(|| DataError::ClassName { path: folder.into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{draw, pictures};
    use std::fs;

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
        assert_eq!(folder.left_out().to_string(), "3 hidden, 1 .csv, 1 .txt, 1 file without ending");
        assert!(!folder.left_out().has_pictures());
        assert!(folder.get(4).is_err());
        assert_eq!(folder.get(0).unwrap().dimensions(), (4, 3));
    }

    #[test]
    fn all_pictures_of_a_tree_are_one_class() {
        let folder = Folder::all(pictures()).unwrap();
        assert_eq!((folder.len(), folder.classes()), (17, &["pictures".to_owned()][..]));
        assert!(folder.name(0).ends_with(".png") && folder.label(16) == 0);
        let empty = tempfile::tempdir().unwrap();
        assert!(Folder::all(empty.path()).is_err() && Folder::all("nowhere").is_err());
    }

    #[test]
    fn to_measure_on_some_classes_are_enough() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("a")).unwrap();
        fs::write(root.path().join("a/notes.txt"), "text").unwrap();
        assert!(Folder::partial(root.path()).err().unwrap().to_string().contains("holds no picture"));
        draw(root.path(), "b/1.png");
        let folder = Folder::partial(root.path()).unwrap();
        assert_eq!((folder.len(), folder.label(0), folder.classes()), (1, 1, &["a".to_owned(), "b".to_owned()][..]));
        assert_eq!(folder.left_out().to_string(), "1 .txt");
        assert!(error(root.path()).contains("holds no picture"));
        fs::remove_dir_all(root.path().join("a")).unwrap();
        assert_eq!(Folder::partial(root.path()).unwrap().classes(), ["b"]);
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
        fs::write(root.path().join("dog/1.HEIC"), "").unwrap();
        let empty = error(root.path());
        assert!(empty.contains("dog holds no picture") && empty.contains("there: 1 .heic"), "{empty}");
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
        assert_eq!((folder.len(), folder.left_out().to_string()), (3, "1 linked folder".into()));
        assert!(folder.left_out().has_pictures());
        let gone = folder.get(1).unwrap_err().to_string();
        assert!(gone.contains("gone.png"), "{gone}");
    }

    #[test]
    fn the_side_of_a_split_is_not_a_class() {
        let root = tempfile::tempdir().unwrap();
        for path in ["cat/1.png", "dog/1.png"] {
            draw(root.path(), path);
        }
        for side in ["test", "valid", "Validation", "val", "eval", "dev", "TEST"] {
            draw(root.path(), &format!("{side}/1.png"));
            let said = error(root.path());
            assert!(
                said.contains(side) && said.contains("beside class folders") && said.contains("another name"),
                "{said}"
            );
            fs::remove_dir_all(root.path().join(side)).unwrap();
        }
        draw(root.path(), "loose.png");
        assert_eq!(Folder::open(root.path()).unwrap().left_out().to_string(), "1 picture outside of the class folders");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn names_that_are_no_text_stay_apart() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        let root = tempfile::tempdir().unwrap();
        draw(root.path(), "a/1.png");
        draw(root.path(), "b/1.png");
        for bytes in [&b"\xe9.png"[..], b"\xe8.png", b"\n.png", b"\\xE9.png", b"\\n.png"] {
            fs::copy(root.path().join("a/1.png"), root.path().join("a").join(OsStr::from_bytes(bytes))).unwrap();
        }
        let folder = Folder::open(root.path()).unwrap();
        let names: Vec<String> = (0..7).map(|index| folder.name(index).rsplit('/').next().unwrap().into()).collect();
        let wanted = ["\\n.png", "1.png", "\\\\n.png", "\\\\xE9.png", "\\xE8.png", "\\xE9.png", "1.png"];
        assert_eq!(names, wanted);
        assert!(folder.name(0).starts_with(&path_text(root.path())));
        for bytes in [&b"caf\xe9"[..], b"caf\xe8", b"two\nlines"] {
            let class = root.path().join(OsStr::from_bytes(bytes));
            fs::create_dir(&class).unwrap();
            fs::copy(root.path().join("a/1.png"), class.join("1.png")).unwrap();
            let said = error(root.path());
            assert!(said.contains("rename") && !said.contains('\n'), "{said}");
            fs::remove_dir_all(class).unwrap();
        }
    }
}
