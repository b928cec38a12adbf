//! Pictures of one size that lie in files as plain bytes, one after the other.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use image::{Rgb, RgbImage};

use crate::dataset::{Dataset, LabelKind};
use crate::decode::over_white;
use crate::error::DataError;
use crate::file::read_at;
use crate::labels::Labels;
use crate::path_text::path_text;
use crate::stamp::Stamp;

/// How the bytes of a picture lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) height: usize,
    pub(super) width: usize,
    /// 1 (gray), 3 (red, green, blue) or 4 (and opacity).
    pub(super) channels: usize,
    /// Whether all of a channel lies together, as in CIFAR, and not all of a pixel.
    pub(super) planar: bool,
}

impl Layout {
    pub(super) fn bytes(self) -> usize {
        self.height * self.width * self.channels
    }

    /// The picture; what is transparent shows white.
    fn picture(self, bytes: &[u8]) -> RgbImage {
        let Self { height, width, channels, planar } = self;
        let (of_pixel, of_channel) = if planar { (1, height * width) } else { (channels, 1) };
        RgbImage::from_fn(width as u32, height as u32, |x, y| {
            let at = (y as usize * width + x as usize) * of_pixel;
            let channel = |c: usize| bytes[at + c * of_channel];
            match channels {
                1 => Rgb([channel(0); 3]),
                3 => Rgb([0, 1, 2].map(channel)),
                _ => Rgb([0, 1, 2].map(|c| over_white(channel(c), channel(3)))),
            }
        })
    }
}

/// Where the pictures of a file lie in it.
pub(super) struct PixelFile {
    /// What it is called.
    pub(super) path: PathBuf,
    pub(super) file: File,
    /// Where the first picture begins.
    pub(super) start: u64,
    /// From the beginning of a picture to that of the next, bytes.
    pub(super) stride: u64,
    /// How many there are.
    pub(super) count: usize,
}

/// The pictures of some files of pixels; nothing of them is in memory but the labels.
pub(crate) struct Pixels {
    files: Vec<PixelFile>,
    layout: Layout,
    labels: Labels,
}

impl Pixels {
    /// These files, with as many labels as they have pictures together.
    pub(super) fn new(files: Vec<PixelFile>, layout: Layout, labels: Labels) -> Self {
        Self { files, layout, labels }
    }

    /// The file that has a picture, and its number there.
    fn place(&self, index: usize) -> Result<(&PixelFile, usize), DataError> {
        let mut number = index;
        for file in &self.files {
            if number < file.count {
                return Ok((file, number));
            }
            number -= file.count;
        }
        Err(DataError::Index { index, len: self.labels.len() })
    }
}

impl fmt::Debug for Pixels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files: Vec<&Path> = self.files.iter().map(|file| file.path.as_path()).collect();
        f.debug_struct("Pixels").field("files", &files).field("layout", &self.layout).finish_non_exhaustive()
    }
}

impl Dataset for Pixels {
    fn len(&self) -> usize {
        self.labels.len()
    }

    fn get(&self, index: usize) -> Result<RgbImage, DataError> {
        let (PixelFile { path, file, start, stride, .. }, number) = self.place(index)?;
        let mut bytes = vec![0; self.layout.bytes()];
        read_at(file, &mut bytes, start + stride * number as u64)
            .map_err(|reason| DataError::Read { path: path.clone(), reason })?;
        Ok(self.layout.picture(&bytes))
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
        self.place(index)
            .map(|(file, number)| format!("{}, picture {number}", path_text(&file.path)))
            .unwrap_or_default()
    }

    fn stamp(&self, index: usize) -> Option<Stamp> {
        Stamp::of(&self.place(index).ok()?.0.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_pixels() {
        let layout = |channels, planar| Layout { height: 1, width: 2, channels, planar };
        let pixels = |layout: Layout, bytes: &[u8]| layout.picture(bytes).into_raw();
        assert_eq!(pixels(layout(1, false), &[1, 2]), [1, 1, 1, 2, 2, 2]);
        assert_eq!(pixels(layout(3, false), &[1, 2, 3, 4, 5, 6]), [1, 2, 3, 4, 5, 6]);
        assert_eq!(pixels(layout(3, true), &[1, 4, 2, 5, 3, 6]), [1, 2, 3, 4, 5, 6]);
        assert_eq!(pixels(layout(4, false), &[1, 2, 3, 255, 4, 5, 6, 0]), [1, 2, 3, 255, 255, 255]);
    }
}
