//! The average's memory, by name.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};

use crate::averaging::average::{Average, Averaged};
use crate::error::{OptimError, require_like, tensor_error};
use crate::keys::{count, key, require_keys};

/// Stands before the slash and the name of a parameter.
const AVERAGE: &str = "average";

/// The key of the count of updates.
const UPDATES: &str = "average_updates";

impl Average {
    /// A copy of everything that is remembered: for the parameter `features.0.weight` its average
    /// as `average/features.0.weight`, and in `average_updates` how many updates have been counted
    /// (a scalar of int64). No optimizer uses these keys, so both fit in one file.
    ///
    /// While parameters and average are swapped it is the average still, but a model saved beside
    /// it would be the average as well: swap back first.
    ///
    /// # Errors
    /// [`OptimError::Tensor`] when a tensor cannot be copied.
    pub fn state(&self) -> Result<BTreeMap<String, Tensor>, OptimError> {
        let mut state = BTreeMap::new();
        for averaged in &self.averaged {
            let key = key(AVERAGE, &averaged.name);
            let copy = self.holder(averaged).as_detached_tensor().copy();
            let copy = copy.map_err(|source| tensor_error(&key, source))?;
            state.insert(key, copy);
        }
        let count = Tensor::new(self.updates as i64, &Device::Cpu);
        let count = count.map_err(|source| tensor_error(UPDATES, source))?;
        state.insert(UPDATES.to_owned(), count);
        Ok(state)
    }

    /// Restores what [`Average::state`] gave, to the bit; averaging goes on as if it had never
    /// stopped. All entries are checked before the first is restored.
    ///
    /// # Errors
    /// - [`OptimError::Swapped`] while the parameters are swapped;
    /// - [`OptimError::MissingState`] when parameters have no entry;
    /// - [`OptimError::UnexpectedState`] when entries belong to nothing here;
    /// - [`OptimError::Mismatch`] when an entry has another shape or type;
    /// - [`OptimError::BadStepCount`] when the count of updates is negative;
    /// - [`OptimError::Tensor`] when a tensor operation fails.
    pub fn load_state(&mut self, state: &BTreeMap<String, Tensor>) -> Result<(), OptimError> {
        self.require_unswapped("loading a state")?;
        let own_key = |averaged: &Averaged| key(AVERAGE, &averaged.name);
        require_keys(self.averaged.iter().map(own_key).chain([UPDATES.to_owned()]), state)?;
        let mut tensors = Vec::with_capacity(self.averaged.len());
        for averaged in &self.averaged {
            let (key, var) = (own_key(averaged), self.holder(averaged));
            let tensor = &state[&key];
            require_like(&key, tensor, var)?;
            tensors.push(tensor.to_device(var.device()).map_err(|source| tensor_error(&key, source))?);
        }
        let updates = count(UPDATES, state)?;
        for (averaged, tensor) in self.averaged.iter().zip(tensors) {
            self.holder(averaged).set(&tensor).map_err(|source| tensor_error(&averaged.name, source))?;
        }
        self.updates = updates;
        Ok(())
    }
}
