//! Validation by several processes, each of which answers some batches.

use std::time::{Duration, Instant};

use candle_core::{DType, Device, Tensor};
use taper_data::Loader;
use taper_nn::Mode;
use taper_transfer::Classifier;

use super::feature_store::FeatureStore;
use crate::error::Result;
use crate::evaluate::{Evaluation, ShowMap, Truth};
use crate::objective::Objective;
use crate::ranks::{Ranks, broadcast, gather};

/// How good a classifier is on all pictures. Each process answers batches that lie side by side,
/// whole, so that an answer is computed as by one process; the first takes all answers in, in their
/// order. The others learn the loss.
///
/// `show` is shown the map of each stage for the first batch of pictures.
pub(super) fn evaluate_shared(
    (classifier, objective): (&Classifier, &Objective),
    (loader, store): (&Loader, Option<&FeatureStore>),
    show: &mut ShowMap<'_>,
    ranks: &dyn Ranks,
) -> Result<Evaluation> {
    let start = Instant::now();
    let (batches, rank, size) = (loader.batches(), ranks.rank(), ranks.size());
    // The first has the first batch, however few there are.
    let own = (rank * batches).div_ceil(size)..((rank + 1) * batches).div_ceil(size);
    let (answers, waited) = match store {
        None => of_pictures(classifier, (loader, own), show)?,
        Some(store) => {
            let order = loader.order(0);
            let mut answers = Vec::new();
            for batch in own {
                let rows = store.rows(0, &order[loader.places(batch)])?;
                put(&mut answers, &classifier.forward_from(classifier.frozen(), &rows, Mode::Eval)?)?;
            }
            (answers, Duration::ZERO)
        }
    };
    let all = gather(ranks, answers)?.concat();
    let mut result = Evaluation { waited, ..Evaluation::of(objective) };
    if rank == 0 {
        let (order, classes) = (loader.order(0), loader.dataset().classes().len());
        let mut values = all.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
        for batch in 0..batches {
            let pictures = &order[loader.places(batch)];
            let logits: Vec<f32> = values.by_ref().take(pictures.len() * classes).collect();
            let logits = Tensor::from_vec(logits, (pictures.len(), classes), &Device::Cpu)?;
            result.add(&logits, Truth::of(objective, &**loader.dataset(), pictures)?)?;
        }
        result.finish();
    }
    let loss = broadcast(ranks, result.loss.to_le_bytes().to_vec())?;
    result.loss = loss.first_chunk().map_or(f64::NAN, |bytes| f64::from_le_bytes(*bytes));
    result.took = start.elapsed();
    Ok(result)
}

/// The answers for some batches of pictures as bytes, and the time spent waiting for pictures.
fn of_pictures(
    classifier: &Classifier,
    (loader, own): (&Loader, std::ops::Range<usize>),
    show: &mut ShowMap<'_>,
) -> Result<(Vec<u8>, Duration)> {
    let (stages, first) = (classifier.backbone().stages(), own.start == 0);
    let mut loaded = loader.epoch_of(0, own.map(|batch| loader.places(batch)).collect());
    let mut answers = Vec::new();
    for (i, loaded) in loaded.by_ref().enumerate() {
        let mut map = loaded?.batch.images;
        for (number, stage) in stages.iter().enumerate() {
            map = classifier.backbone().stage(number, &map, Mode::Eval)?;
            if i == 0 && first {
                show(stage.name, &map)?;
            }
        }
        put(&mut answers, &classifier.forward_from(stages.len(), &map, Mode::Eval)?)?;
    }
    Ok((answers, loaded.waited()))
}

fn put(answers: &mut Vec<u8>, logits: &Tensor) -> Result<()> {
    let logits = logits.flatten_all()?.to_dtype(DType::F32)?.to_vec1::<f32>()?;
    answers.extend(logits.into_iter().flat_map(f32::to_le_bytes));
    Ok(())
}
