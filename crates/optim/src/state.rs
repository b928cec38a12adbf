//! The optimizer's memory, by name.

use std::collections::BTreeMap;

use candle_core::{Tensor, Var};

use crate::error::{OptimError, require_like, tensor_error};
use crate::keys::{STEP, count, key, require_keys, scalar};
use crate::optimizer::{NonFinite, Optimizer, Trained};

/// The key of the count of skipped steps, which is kept by those who skip.
const SKIPPED: &str = "skipped";

/// What is restored of one parameter.
type Memory = (Vec<Var>, u64);

impl Optimizer {
    /// A copy of everything the optimizer remembers: for the parameter `features.0.weight` its
    /// slots, such as `momentum/features.0.weight`, and in `step/features.0.weight` how many
    /// updates it has had (a scalar of int64). With [`NonFinite::Skip`] `skipped` counts the steps
    /// that were skipped.
    ///
    /// # Errors
    /// [`OptimError::Tensor`] when a tensor cannot be copied.
    pub fn state(&self) -> Result<BTreeMap<String, Tensor>, OptimError> {
        let mut state = BTreeMap::new();
        for param in &self.trained {
            for (slot, var) in param.rule.slots().iter().zip(&param.slots) {
                let copy = var.as_detached_tensor().copy();
                let key = key(slot, &param.name);
                let copy = copy.map_err(|source| tensor_error(&key, source))?;
                state.insert(key, copy);
            }
            let key = key(STEP, &param.name);
            let count = scalar(&key, param.updates)?;
            state.insert(key, count);
        }
        if self.skips() {
            state.insert(SKIPPED.to_owned(), scalar(SKIPPED, self.skipped)?);
        }
        Ok(state)
    }

    /// Restores what [`Optimizer::state`] gave, to the bit; training goes on as if it had never
    /// stopped.
    ///
    /// # Errors
    /// Without any change:
    /// - [`OptimError::MissingState`] when parameters or slots of this optimizer have no entry;
    /// - [`OptimError::UnexpectedState`] when entries belong to nothing in this optimizer;
    /// - [`OptimError::Mismatch`] when an entry has another shape or type;
    /// - [`OptimError::BadStepCount`] when a count of updates is negative;
    /// - [`OptimError::Tensor`] when a tensor operation fails.
    pub fn load_state(&mut self, state: &BTreeMap<String, Tensor>) -> Result<(), OptimError> {
        let skipped = self.skips().then(|| SKIPPED.to_owned());
        require_keys(self.trained.iter().flat_map(keys).chain(skipped), state)?;
        self.take_over(state).map(drop)
    }

    /// Restores those parameters that `state` knows, lets the others start afresh, and returns the
    /// names of the restored. For a new phase of training that trains other layers than the one
    /// before.
    ///
    /// # Errors
    /// As [`Optimizer::load_state`], but a parameter may be unknown to `state` altogether, and
    /// entries of other parameters are no error.
    pub fn take_over(&mut self, state: &BTreeMap<String, Tensor>) -> Result<Vec<String>, OptimError> {
        let skipped = if state.contains_key(SKIPPED) { Some(count(SKIPPED, state)?) } else { None };
        let read = |param| memory(param, state);
        let memories: Vec<_> = self.trained.iter().map(read).collect::<Result<_, _>>()?;
        // Nothing can fail from here on.
        let mut restored = Vec::new();
        for (param, memory) in self.trained.iter_mut().zip(memories) {
            if let Some(memory) = memory {
                (param.slots, param.updates) = memory;
                restored.push(param.name.clone());
            }
        }
        self.skipped = skipped.unwrap_or(self.skipped);
        Ok(restored)
    }

    fn skips(&self) -> bool {
        self.config.non_finite == NonFinite::Skip
    }
}

/// The keys of a parameter's slots, then that of its count of updates.
fn keys(param: &Trained) -> Vec<String> {
    let names = param.rule.slots().iter().chain([&STEP]);
    names.map(|slot| key(slot, &param.name)).collect()
}

/// A copy of what `state` knows of a parameter, checked; nothing when it has none of its keys.
fn memory(param: &Trained, state: &BTreeMap<String, Tensor>) -> Result<Option<Memory>, OptimError> {
    let (found, missing): (Vec<_>, Vec<_>) = keys(param).into_iter().partition(|key| state.contains_key(key));
    if found.is_empty() {
        return Ok(None);
    }
    if !missing.is_empty() {
        return Err(OptimError::MissingState { keys: missing });
    }
    let mut slots = Vec::with_capacity(param.slots.len());
    for (key, slot) in found.iter().zip(&param.slots) {
        let tensor = &state[key];
        require_like(key, tensor, slot)?;
        // A detached tensor is no variable, and so it is copied and not shared.
        let copy = tensor.to_device(slot.device()).and_then(|tensor| Var::from_tensor(&tensor.detach()));
        slots.push(copy.map_err(|source| tensor_error(key, source))?);
    }
    Ok(Some((slots, count(&key(STEP, &param.name), state)?)))
}
