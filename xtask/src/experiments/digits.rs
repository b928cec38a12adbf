//! Handwritten digits of 8x8 pixels.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;
use image::{Rgb, RgbImage};
use taper_data::{DataError, Dataset};

/// Pixels along a side.
const SIDE: usize = 8;

/// The file `digits.csv.gz` of scikit-learn: 1797 lines of 64 numbers from 0 to 16, and the digit.
pub(super) struct Digits {
    lines: Vec<Vec<f64>>,
    classes: Vec<String>,
}

impl Digits {
    /// Reads the file.
    ///
    /// # Errors
    /// When it is not that file.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let mut text = String::new();
        let file = File::open(path).with_context(|| format!("cannot read {}: {HELP}", path.display()))?;
        GzDecoder::new(file).read_to_string(&mut text).with_context(|| format!("{} is not gzip", path.display()))?;
        let line = |line: &str| line.split(',').map(str::parse).collect::<std::result::Result<Vec<f64>, _>>();
        let lines: Vec<Vec<f64>> = text.lines().map(line).collect::<std::result::Result<_, _>>()?;
        ensure!(lines.iter().all(|line| line.len() == SIDE * SIDE + 1), "{} has other lines: {HELP}", path.display());
        Ok(Self { lines, classes: (0..10).map(|digit| digit.to_string()).collect() })
    }
}

/// How it is had.
const HELP: &str =
    "digits.csv.gz lies in sklearn/datasets/data of scikit-learn's wheel (pip download scikit-learn --no-deps; unzip)";

impl Dataset for Digits {
    fn len(&self) -> usize {
        self.lines.len()
    }

    fn get(&self, index: usize) -> Result<RgbImage, DataError> {
        let line = self.lines.get(index).ok_or(DataError::Index { index, len: self.len() })?;
        let pixel = |x: u32, y: u32| Rgb([(line[y as usize * SIDE + x as usize] / 16.0 * 255.0).round() as u8; 3]);
        Ok(RgbImage::from_fn(SIDE as u32, SIDE as u32, pixel))
    }

    fn label(&self, index: usize) -> usize {
        self.lines[index][SIDE * SIDE] as usize
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn name(&self, index: usize) -> String {
        format!("digit {index}")
    }
}
