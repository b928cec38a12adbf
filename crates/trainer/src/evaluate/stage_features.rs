//! What the stages of a network make of pictures.

use std::sync::Arc;

use candle_core::{DType, Tensor};
use taper_data::{Dataset, IndexedBatch, LabelKind, Loader};
use taper_nn::{Mode, Params};
use taper_tensor::global_avg_pool;
use taper_transfer::Classifier;

use crate::build::memory;
use crate::build::pipeline::{BATCH, Input, eval_loader};
use crate::error::{Error, Result};
use crate::evaluate::error::EvaluateError;

/// The mean of each channel over the map of each stage, of all pictures of a data set.
#[derive(Debug)]
pub struct StageFeatures {
    /// (N,C) of each stage, float64.
    pub stages: Vec<Tensor>,
    /// The class of each picture.
    pub labels: Vec<usize>,
}

impl StageFeatures {
    /// Computes those of the first `stages` stages in one pass, the pictures prepared as in
    /// testing.
    ///
    /// # Errors
    /// When a picture cannot be read or is too small for the network, there is no memory for a
    /// batch, or pictures have several labels or numbers.
    pub fn of(
        network: (&Classifier, &Params),
        stages: usize,
        pictures: &Arc<dyn Dataset>,
        input: Input,
        threads: usize,
    ) -> Result<Self> {
        if pictures.label_kind() != LabelKind::One {
            return Err(EvaluateError::OneClassOnly.into());
        }
        let loader = eval_loader(Arc::clone(pictures), BATCH, input, threads)?;
        let mut batches = vec![Vec::new(); stages];
        let mut labels = Vec::new();
        each_batch(network, &loader, stages, |maps, indices| {
            for (batches, map) in batches.iter_mut().zip(maps) {
                batches.push(global_avg_pool(map)?.to_dtype(DType::F64)?);
            }
            labels.extend(indices.iter().map(|&index| pictures.label(index)));
            Ok::<(), Error>(())
        })?;
        let stages = batches.iter().map(|batches| Tensor::cat(batches, 0)).collect::<candle_core::Result<_>>()?;
        Ok(Self { stages, labels })
    }
}

/// Shows the maps of the first `stages` stages for each batch, and which pictures these are. A map
/// with a NaN or an infinite number ends it.
///
/// # Errors
/// As [`StageFeatures::of`], and those of `see`.
pub fn each_batch<E: From<Error>>(
    (classifier, params): (&Classifier, &Params),
    loader: &Loader,
    stages: usize,
    mut see: impl FnMut(&[Tensor], &[usize]) -> Result<(), E>,
) -> Result<(), E> {
    let batch = (loader.config().size.0, memory::batch(loader));
    memory::enough_to_look((classifier, params), batch, stages).map_err(Error::from)?;
    for loaded in loader.epoch(0) {
        let loaded = loaded.map_err(Error::from)?;
        see(&maps(classifier, loader, &loaded, stages)?, &loaded.indices)?;
    }
    Ok(())
}

/// The maps of the first `stages` stages for a batch, all of them finite.
fn maps(classifier: &Classifier, loader: &Loader, loaded: &IndexedBatch, stages: usize) -> Result<Vec<Tensor>> {
    let mut maps: Vec<Tensor> = Vec::with_capacity(stages);
    for i in 0..stages {
        let map = classifier.backbone().stage(i, maps.last().unwrap_or(&loaded.batch.images), Mode::Eval)?;
        let means = global_avg_pool(&map)?.to_dtype(DType::F32)?.to_vec2::<f32>()?;
        if let Some(row) = means.iter().position(|row| row.iter().any(|mean| !mean.is_finite())) {
            let (picture, stage) = (loader.dataset().name(loaded.indices[row]), classifier.backbone().stages()[i].name);
            return Err(EvaluateError::NotFinite { picture, stage }.into());
        }
        maps.push(map);
    }
    Ok(maps)
}
