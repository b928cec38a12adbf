//! Pictures that lie, encoded as files are, within larger files.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use image::RgbImage;

use crate::dataset::{Dataset, Known, LabelKind};
use crate::decode::{Need, decode_bytes_needed, glance_bytes};
use crate::error::DataError;
use crate::file::read_at;
use crate::labels::Labels;
use crate::limits::MAX_BYTES;
use crate::names::Names;
use crate::path_text::path_text;
use crate::stamp::Stamp;

/// A file that pictures lie in.
pub(super) struct Container {
    /// What it is called.
    pub(super) path: PathBuf,
    /// What its pictures are read from: the file itself, or a copy of what is packed in it.
    pub(super) file: File,
}

/// Where a picture lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The number of the container.
    pub(super) file: u32,
    /// Bytes.
    pub(super) length: u32,
    /// Where it begins.
    pub(super) start: u64,
}

/// The pictures of some containers, in their order. In memory are a place, a name and the labels of
/// each.
pub(crate) struct Records {
    files: Vec<Container>,
    places: Vec<Place>,
    names: Names,
    labels: Labels,
}

impl Records {
    /// Pictures with as many names and labels.
    pub(super) fn new(files: Vec<Container>, (places, names): (Vec<Place>, Names), labels: Labels) -> Self {
        Self { files, places, names, labels }
    }

    fn place(&self, index: usize) -> Result<(&Container, Place), DataError> {
        let place = *self.places.get(index).ok_or(DataError::Index { index, len: self.places.len() })?;
        Ok((&self.files[place.file as usize], place))
    }

    /// The content of a picture's file, and what it is called.
    fn content(&self, index: usize) -> Result<(Vec<u8>, PathBuf), DataError> {
        let (Container { path, file }, place) = self.place(index)?;
        let name = path.join(self.names.get(index));
        if u64::from(place.length) > MAX_BYTES {
            return Err(DataError::TooLong { path: name, bytes: place.length.into() });
        }
        let mut content = vec![0; place.length as usize];
        read_at(file, &mut content, place.start).map_err(|reason| DataError::Read { path: path.clone(), reason })?;
        Ok((content, name))
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files: Vec<&Path> = self.files.iter().map(|file| file.path.as_path()).collect();
        f.debug_struct("Records").field("files", &files).field("pictures", &self.places.len()).finish_non_exhaustive()
    }
}

impl Dataset for Records {
    fn len(&self) -> usize {
        self.places.len()
    }

    fn get(&self, index: usize) -> Result<RgbImage, DataError> {
        self.get_needed(index, Need::All)
    }

    fn get_needed(&self, index: usize, need: Need) -> Result<RgbImage, DataError> {
        let (content, name) = self.content(index)?;
        decode_bytes_needed(&content, name, need)
    }

    fn glance(&self, index: usize) -> Result<Known, DataError> {
        let (content, name) = self.content(index)?;
        glance_bytes(&content, &name)
    }

    fn file(&self, index: usize) -> Result<Option<Vec<u8>>, DataError> {
        Ok(Some(self.content(index)?.0))
    }

    fn label(&self, index: usize) -> usize {
        self.labels.label(index)
    }

    fn label_kind(&self) -> LabelKind {
        self.labels.kind()
    }

    fn target(&self, index: usize, row: &mut [f32]) -> Result<(), DataError> {
        self.labels.target(index, row);
        Ok(())
    }

    fn classes(&self) -> &[String] {
        self.labels.classes()
    }

    fn name(&self, index: usize) -> String {
        self.place(index).map(|(file, _)| path_text(file.path.join(self.names.get(index)))).unwrap_or_default()
    }

    fn stamp(&self, index: usize) -> Option<Stamp> {
        Stamp::of(&self.place(index).ok()?.0.path)
    }
}
