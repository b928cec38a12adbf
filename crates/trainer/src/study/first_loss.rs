//! What the first loss of a training says of its beginning.

use std::collections::BTreeSet;
use std::sync::Arc;

use candle_core::Var;
use taper_data::{Dataset, Loader, Subset};
use taper_nn::{Mode, Params};
use taper_tensor::{Batch, Rng};
use taper_transfer::Classifier;

use crate::build::model::ModelCard;
use crate::build::pipeline::eval_loader;
use crate::error::Result;
use crate::finding::Finding;
use crate::listener::{Listener, Work};
use crate::store::sanity;

/// Pictures that the first loss is measured on.
const FEW: usize = 32;

/// What the loss of a step says before there was one, on the training pictures that the first epoch
/// begins with, which are decoded for it anyway, as testing prepares them, in batches of at most so
/// many. Batch norm normalizes by the batch, as in every step; its running statistics are put back.
///
/// # Errors
/// When a picture cannot be read.
pub fn first_loss(
    (classifier, params): (&Classifier, &Params),
    card: &ModelCard,
    train: &Loader,
    (batch, threads): (usize, usize),
    listener: &dyn Listener,
) -> Result<Finding> {
    let progress = listener.work(Work::FirstLook);
    // Some come several times where classes are balanced.
    let first: BTreeSet<usize> = train.order(0).into_iter().take(FEW).collect();
    let some = Subset::new(Arc::clone(train.dataset()), first.into_iter().collect())?;
    progress.begin(some.len() as u64);
    let loader = eval_loader(Arc::new(some), FEW.min(batch), card.input(), threads)?;
    let copy = |(_, var): (String, Var)| Ok((var.clone(), var.as_detached_tensor().copy()?));
    let statistics = params.buffers().into_iter().map(copy).collect::<candle_core::Result<Vec<_>>>()?;
    let (mut loss, mut seen) = (0.0, 0);
    let noise = Rng::new(0).fork("first loss");
    for loaded in loader.epoch(0) {
        let Batch { images, targets } = loaded?.batch;
        // A last picture alone has no variance.
        if seen > 0 && images.dim(0)? == 1 {
            break;
        }
        let logits = classifier.forward(&images, Mode::Train(&noise))?;
        let of_batch = card.objective.loss(&logits, &targets, None)?.to_scalar::<f32>()?;
        loss += f64::from(of_batch) * images.dim(0)? as f64;
        seen += images.dim(0)?;
        progress.advance(images.dim(0)? as u64);
    }
    loss /= seen as f64;
    for (var, before) in statistics {
        var.set(&before)?;
    }
    Ok(sanity::first_loss(loss, card.objective.kind(), card.classes.len()))
}
