//! What the tests of several files share.

use std::path::Path;

use image::{Rgb, RgbImage};

use crate::dataset::Dataset;
use crate::error::DataError;

/// Pictures of one pixel whose red is the number of the picture; the classes are even and odd.
pub(crate) struct Numbers(pub(crate) usize);

impl Dataset for Numbers {
    fn len(&self) -> usize {
        self.0
    }
    fn get(&self, index: usize) -> Result<RgbImage, DataError> {
        Ok(RgbImage::from_pixel(1, 1, Rgb([index as u8, 0, 0])))
    }
    fn label(&self, index: usize) -> usize {
        index % 2
    }
    fn classes(&self) -> &[String] {
        static CLASSES: std::sync::LazyLock<[String; 2]> = std::sync::LazyLock::new(|| ["even".into(), "odd".into()]);
        &*CLASSES
    }
    fn name(&self, index: usize) -> String {
        format!("picture {index}")
    }
}

/// A red picture of 4x3 pixels at `root/path`, with the folders on the way.
pub(crate) fn draw(root: &Path, path: &str) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    RgbImage::from_pixel(4, 3, Rgb([255, 0, 0])).save(path).unwrap();
}

/// A small split.
pub(crate) fn pictures() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pictures")
}
