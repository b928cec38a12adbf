//! Pictures as a network sees them.

use std::path::Path;

use candle_core::{Device, Tensor};
use rayon::prelude::*;
use taper_augment::{Interpolation, Normalize, resize};
use taper_data::decode;

use super::error::CaptionError;

/// How pictures become tensors: each is made a square, whatever its sides, since a caption may be
/// about its edges.
#[derive(Clone, Debug)]
pub struct Loading {
    /// Its side, pixels.
    pub size: u32,
    /// What is subtracted from colors, and what they are divided by.
    pub normalize: Normalize,
}

impl Loading {
    /// Pictures side by side.
    ///
    /// # Shapes
    /// n files to (n, size, size, 3).
    ///
    /// # Errors
    /// Names a picture that cannot be read, the first of them.
    pub fn pixels<P: AsRef<Path> + Sync>(&self, paths: &[P]) -> Result<Tensor, CaptionError> {
        let side = self.size as usize;
        let one = |path: &P| -> Result<Vec<f32>, CaptionError> {
            let picture = resize(decode(path.as_ref())?, self.size, self.size, Interpolation::Bilinear);
            let mut own = vec![0f32; side * side * 3];
            self.normalize.write(&picture, &mut own)?;
            Ok(own)
        };
        let all: Vec<Result<Vec<f32>, CaptionError>> = paths.par_iter().map(one).collect();
        let all = all.into_iter().collect::<Result<Vec<_>, _>>()?.concat();
        Ok(Tensor::from_vec(all, (paths.len(), side, side, 3), &Device::Cpu)?)
    }
}
