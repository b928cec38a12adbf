//! What frozen stages make of pictures, computed by several processes.

use candle_core::{DType, Device, Tensor};
use taper_data::Loader;
use taper_transfer::Classifier;

use crate::error::Result;
use crate::ranks::{Ranks, broadcast, spread};

/// Shows what the frozen stages make of each batch of an epoch, in their order. Each of several
/// processes computes one of as many batches that follow each other, whole, and gives it to all.
pub(super) fn each_map(
    (classifier, ranks): (&Classifier, &dyn Ranks),
    (pictures, epoch): (&Loader, u64),
    see: &mut dyn FnMut(&Tensor) -> Result<()>,
) -> Result<()> {
    let (rank, size, batches) = (ranks.rank(), ranks.size(), pictures.batches());
    let own = (rank..batches).step_by(size).map(|batch| pictures.places(batch));
    let mut loaded = pictures.epoch_of(epoch, own.collect());
    let mut shape = Vec::new();
    for first in (0..batches).step_by(size) {
        let loaded = loaded.next().transpose()?;
        let own = loaded.map(|loaded| classifier.frozen_features(&loaded.batch.images)).transpose()?;
        if size == 1 {
            own.iter().try_for_each(&mut *see)?;
            continue;
        }
        if first == 0 {
            let own = own.as_ref().map_or_else(Vec::new, |maps| maps.dims()[1..].to_vec());
            shape = serde_json::from_slice(&broadcast(ranks, serde_json::to_vec(&own)?)?)?;
        }
        let width: usize = shape.iter().product();
        for (owner, batch) in (first..batches).take(size).enumerate() {
            let rows = pictures.places(batch).len();
            let mut values = match &own {
                Some(maps) if owner == rank => maps.flatten_all()?.to_dtype(DType::F32)?.to_vec1::<f32>()?,
                _ => vec![0.0; rows * width],
            };
            spread(&mut values, owner, ranks)?;
            see(&Tensor::from_vec(values, [&[rows], &shape[..]].concat(), &Device::Cpu)?)?;
        }
    }
    Ok(())
}
