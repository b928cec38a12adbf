//! What the stages of a network make of pictures.

use std::sync::Arc;

use anyhow::Result;
use candle_core::{DType, Tensor};
use taper_data::{Dataset, Loader};
use taper_tensor::{Mode, global_avg_pool};
use taper_transfer::Classifier;

use crate::pipeline::{Input, eval_loader};

/// The mean of each channel over the map of each stage, of all pictures of a data set.
pub struct StageFeatures {
    /// (N,C) of each stage, float64.
    pub stages: Vec<Tensor>,
    /// The class of each picture.
    pub labels: Vec<usize>,
}

impl StageFeatures {
    /// Computes them in one pass, the pictures prepared as in testing.
    ///
    /// # Errors
    /// When a picture cannot be read or is too small for the network.
    pub fn of(classifier: &Classifier, pictures: &Arc<dyn Dataset>, input: Input, threads: usize) -> Result<Self> {
        let loader = eval_loader(Arc::clone(pictures), BATCH, input, threads)?;
        let mut batches = vec![Vec::new(); classifier.backbone().stages().len()];
        let mut labels = Vec::new();
        each_batch(classifier, &loader, |maps, indices| {
            for (batches, map) in batches.iter_mut().zip(maps) {
                batches.push(global_avg_pool(map)?.to_dtype(DType::F64)?);
            }
            labels.extend(indices.iter().map(|&index| pictures.label(index)));
            Ok(())
        })?;
        let stages = batches.iter().map(|batches| Tensor::cat(batches, 0)).collect::<candle_core::Result<_>>()?;
        Ok(Self { stages, labels })
    }
}

/// Pictures that are looked at together.
pub(crate) const BATCH: usize = 32;

/// Shows the maps of all stages for each batch, and which pictures these are.
pub(crate) fn each_batch(
    classifier: &Classifier,
    loader: &Loader,
    mut see: impl FnMut(&[Tensor], &[usize]) -> Result<()>,
) -> Result<()> {
    for loaded in loader.epoch(0) {
        let loaded = loaded?;
        see(&classifier.stage_outputs(&loaded.batch.images, Mode::Eval)?, &loaded.indices)?;
    }
    Ok(())
}
