//! A phase ends when its validation loss has stopped falling.

use std::collections::BTreeMap;

use candle_core::Tensor;
use taper_nn::Params;
use taper_regularize::{EarlyStopping, EarlyStoppingConfig, RegularizeError};

use crate::error::Result;
use crate::recipe::RegularizeRecipe;
use crate::store::checkpoint::PatienceState;

/// Ends a phase when its validation loss has stopped falling, and keeps the network of its best
/// epoch.
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

    /// What it has seen, to be saved.
    pub(crate) fn state(&self) -> PatienceState {
        PatienceState { seen: self.stopping.seen(), best: self.stopping.best(), weights: self.best.clone() }
    }

    /// Goes on with what was saved.
    pub(crate) fn resume(&mut self, state: &PatienceState) {
        self.stopping.resume(state.seen, state.best);
        self.best.clone_from(&state.weights);
    }

    /// Puts the network of the best epoch back, if there was one.
    pub(crate) fn restore(self, params: &Params) -> Result<bool> {
        params.load(&self.best)?;
        Ok(!self.best.is_empty())
    }
}
