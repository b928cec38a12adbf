//! What the stages of a network make of pictures.

use std::sync::Arc;

use candle_core::{DType, Tensor};
use taper_data::{Dataset, IndexedBatch, LabelKind, Loader};
use taper_nn::{Mode, Params};
use taper_tensor::global_avg_pool;
use taper_transfer::Classifier;

use crate::build::memory;
use crate::build::pipeline::{BATCH, Input, eval_loader};
use crate::error::Result;
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
        for maps in stage_maps(network, (&loader, 0..loader.batches()), stages)? {
            for (batches, map) in batches.iter_mut().zip(maps?) {
                batches.push(global_avg_pool(&map)?.to_dtype(DType::F64)?);
            }
        }
        let labels = (0..pictures.len()).map(|index| pictures.label(index)).collect();
        let stages = batches.iter().map(|batches| Tensor::cat(batches, 0)).collect::<candle_core::Result<_>>()?;
        Ok(Self { stages, labels })
    }
}

/// The maps of the first `stages` stages for some batches of a loader that does not shuffle. A map
/// with a NaN or an infinite number is an error.
///
/// # Errors
/// As [`StageFeatures::of`]: before the first when there is no memory for a batch, else in place of
/// the maps.
pub fn stage_maps<'a, B: Iterator<Item = usize>>(
    (classifier, params): (&'a Classifier, &Params),
    (loader, batches): (&'a Loader, B),
    stages: usize,
) -> Result<impl Iterator<Item = Result<Vec<Tensor>>> + use<'a, B>> {
    let batch = (loader.config().size.0, memory::batch(loader));
    memory::enough_to_look((classifier, params), batch, stages)?;
    let epoch = loader.epoch_of(0, batches.map(|batch| loader.places(batch)).collect());
    Ok(epoch.map(move |loaded| maps(classifier, loader, &loaded?, stages)))
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
