//! Validation by one process or several, each of which answers some batches.

use std::time::Instant;

use candle_core::{DType, Device, Tensor};
use taper_data::Loader;
use taper_nn::Mode;
use taper_transfer::Classifier;

use super::feature_store::FeatureStore;
use crate::error::{Error, Result};
use crate::evaluate::{Evaluation, ShowMap, Truth};
use crate::objective::Objective;
use crate::ranks::{Ranks, broadcast, in_turns, turns};

/// How good a classifier is on all pictures, or on what its frozen stages made of them. Each
/// process answers whole batches, so that an answer is computed as by one process; the first takes
/// all answers in, in their order. The others learn the loss.
pub(super) fn validate(
    (classifier, objective): (&Classifier, &Objective),
    (loader, store): (&Loader, Option<&FeatureStore>),
    (show, tell): (&mut ShowMap<'_>, &mut dyn FnMut(usize, usize)),
    ranks: &dyn Ranks,
) -> Result<Evaluation> {
    let start = Instant::now();
    let (batches, order, classes) = (loader.batches(), loader.order(0), loader.dataset().classes().len());
    let own = turns(ranks, batches).filter(|_| store.is_none());
    let mut pictures = loader.epoch_of(0, own.map(|batch| loader.places(batch)).collect());
    let mut answer = |batch: usize| {
        let logits = match store {
            Some(store) => {
                let rows = store.rows(0, &order[loader.places(batch)])?;
                classifier.forward_from(classifier.frozen(), &rows, Mode::Eval)?
            }
            None => {
                let Some(loaded) = pictures.next() else { return Ok(Vec::new()) };
                of_pictures(classifier, loaded?.batch.images, batch == 0, show)?
            }
        };
        let logits = logits.flatten_all()?.to_dtype(DType::F32)?.to_vec1::<f32>()?;
        Ok(logits.into_iter().flat_map(f32::to_le_bytes).collect())
    };
    let mut result = Evaluation::of(objective);
    in_turns::<Error>(ranks, batches, &mut answer, &mut |batch, bytes| {
        let pictures = &order[loader.places(batch)];
        let logits = bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let logits = Tensor::from_vec(logits, (pictures.len(), classes), &Device::Cpu)?;
        result.add(&logits, Truth::of(objective, &**loader.dataset(), pictures)?)?;
        if store.is_none() {
            tell(result.labels.len(), order.len());
        }
        Ok(())
    })?;
    result.waited = pictures.waited();
    if ranks.rank() == 0 {
        result.finish();
    }
    let loss = broadcast(ranks, result.loss.to_le_bytes().to_vec())?;
    result.loss = loss.first_chunk().map_or(f64::NAN, |bytes| f64::from_le_bytes(*bytes));
    result.took = start.elapsed();
    Ok(result)
}

/// The answers for a batch of pictures; `show` is shown the maps of the first.
fn of_pictures(classifier: &Classifier, images: Tensor, first: bool, show: &mut ShowMap<'_>) -> Result<Tensor> {
    let (stages, mut map) = (classifier.backbone().stages(), images);
    for (number, stage) in stages.iter().enumerate() {
        map = classifier.backbone().stage(number, &map, Mode::Eval)?;
        if first {
            show(stage.name, &map)?;
        }
    }
    classifier.forward_from(stages.len(), &map, Mode::Eval).map_err(Into::into)
}
