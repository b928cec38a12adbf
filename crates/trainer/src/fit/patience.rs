//! A phase ends when its validation loss has stopped falling.

use std::collections::BTreeMap;

use anyhow::Result;
use candle_core::Tensor;
use taper_regularize::{EarlyStopping, EarlyStoppingConfig, RegularizeError};
use taper_tensor::Params;

use crate::recipe::RegularizeRecipe;
use crate::store::checkpoint::Checkpoint;

/// Ends a phase when its validation loss has stopped falling, and keeps the network of its best epoch.
pub(crate) struct Patience {
    stopping: EarlyStopping,
    best: BTreeMap<String, Tensor>,
}

impl Patience {
    /// None where the recipe has none.
    pub(crate) fn new(r: &RegularizeRecipe) -> Result<Option<Self>, RegularizeError> {
        let config = EarlyStoppingConfig { patience: r.patience, min_delta: r.min_delta };
        let new = |stopping| Self { stopping, best: BTreeMap::new() };
        (r.patience > 0).then(|| EarlyStopping::new(config).map(new)).transpose()
    }

    /// Takes in an epoch; whether the phase is to end.
    pub(crate) fn observe(&mut self, params: &Params, loss: f64) -> Result<bool> {
        let before = self.stopping.best();
        let ends = self.stopping.observe(loss);
        if self.stopping.best() != before {
            let copies = params.tensors().into_iter().map(|(name, tensor)| Ok((name, tensor.copy()?)));
            self.best = copies.collect::<candle_core::Result<_>>()?;
        }
        Ok(ends)
    }

    /// Writes down what it has seen.
    pub(crate) fn save(&self, checkpoint: &mut Checkpoint) -> Result<()> {
        let best = self.stopping.best();
        checkpoint.position.patience = Some((self.stopping.seen(), best.map(|(epoch, _)| epoch)));
        checkpoint.put_numbers("run/best_loss", &best.map(|(_, loss)| loss).into_iter().collect::<Vec<_>>())?;
        checkpoint.put("best", self.best.clone());
        Ok(())
    }

    /// Goes on with what was written down.
    pub(crate) fn resume(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        if let Some((seen, epoch)) = checkpoint.position.patience {
            self.stopping.resume(seen, epoch.zip(checkpoint.numbers("run/best_loss")?.first().copied()));
            self.best = checkpoint.group("best");
        }
        Ok(())
    }

    /// Puts the network of the best epoch back, if there was one.
    pub(crate) fn restore(self, params: &Params) -> Result<bool> {
        params.load(&self.best)?;
        Ok(!self.best.is_empty())
    }
}
