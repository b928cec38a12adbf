//! Pictures from files to a batch, as in training on photographs.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use image::{RgbImage, codecs::jpeg::JpegEncoder, imageops};
use rayon::prelude::*;
use taper_augment::{
    ColorJitter, ColorJitterConfig, Compose, HorizontalFlip, Normalize, RandomResizedCrop, RandomResizedCropConfig,
    Transform,
};
use taper_tensor::Rng;

use super::clock;

const SIDE: usize = 224;
const SIZE: (u32, u32) = (500, 375);

/// JPEGs of 500x375, mosaics of the tests' pictures, in a folder that goes with the value.
pub(super) struct Photographs {
    files: Vec<PathBuf>,
    folder: tempfile::TempDir,
}

impl Photographs {
    pub(super) fn new(count: usize) -> Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a folder for pictures")?;
        let small = taper_data::Folder::open(crate::root()?.join("tests/data/emoji/val"))?;
        let mut rng = Rng::new(0).fork("photographs");
        let mut files = Vec::with_capacity(count);
        for number in 0..count {
            let mut picture =
                RgbImage::from_pixel(SIZE.0, SIZE.1, image::Rgb([0; 3].map(|_: u8| rng.below(256) as u8)));
            for _ in 0..12 {
                let piece = taper_data::Dataset::get(&small, rng.below(taper_data::Dataset::len(&small)))?;
                let side = 100 + rng.below(150) as u32;
                let piece = imageops::resize(&piece, side, side, imageops::FilterType::CatmullRom);
                let place = [SIZE.0, SIZE.1].map(|length| rng.below(length as usize) as i64 - i64::from(side) / 2);
                imageops::replace(&mut picture, &piece, place[0], place[1]);
            }
            // What a camera adds, and a codec has to spend its bits on.
            picture.iter_mut().for_each(|value| *value = (f64::from(*value) + 6.0 * rng.normal()).round() as u8);
            let path = folder.path().join(format!("{number}.jpg"));
            let mut bytes = Vec::new();
            JpegEncoder::new_with_quality(&mut bytes, 85).encode_image(&picture)?;
            std::fs::write(&path, bytes)?;
            files.push(path);
        }
        Ok(Self { files, folder })
    }

    /// The files.
    pub(super) fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Where they are.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// Pictures a second that are read and decoded.
pub(super) fn decode(count: usize, repeat: u32) -> Result<f64> {
    let photographs = Photographs::new(count)?;
    each(&photographs.files, repeat, |path, _, _| Ok(taper_data::decode(path).map(drop)?))
}

/// Pictures a second that are read, decoded, cut, mirrored, lit and normalized into a batch.
pub(super) fn train(count: usize, repeat: u32) -> Result<f64> {
    let photographs = Photographs::new(count)?;
    let jitter = ColorJitterConfig { brightness: 0.4, contrast: 0.4, ..ColorJitterConfig::default() };
    let transform = Compose(vec![
        Box::new(RandomResizedCrop::new(RandomResizedCropConfig::default())?),
        Box::new(HorizontalFlip::new(0.5)?),
        Box::new(ColorJitter::new(jitter)?),
    ]);
    let normalize = Normalize::imagenet();
    each(&photographs.files, repeat, |path, rng, slot| {
        Ok(normalize.write(&transform.apply(taper_data::decode(path)?, rng), slot)?)
    })
}

/// Files a second, a slot of a batch for each.
fn each(files: &[PathBuf], repeat: u32, run: impl Fn(&Path, &mut Rng, &mut [f32]) -> Result<()> + Sync) -> Result<f64> {
    let mut batch = vec![0.0; files.len() * SIDE * SIDE * 3];
    let rng = Rng::new(0).fork("augment");
    let seconds = clock::seconds(repeat, || {
        let slots = batch.par_chunks_exact_mut(SIDE * SIDE * 3).zip(files).enumerate();
        slots.try_for_each(|(index, (slot, path))| run(path, &mut rng.at(index as u64), slot))
    })?;
    Ok(files.len() as f64 / seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_made_and_prepared() {
        assert!(train(2, 1).unwrap() > 0.0 && decode(2, 1).unwrap() > 0.0);
        let photographs = Photographs::new(1).unwrap();
        assert_eq!(taper_data::decode(&photographs.files[0]).unwrap().dimensions(), SIZE);
    }
}
