//! Saved states by name: what optimizer, average and plateau share.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};

use crate::error::{OptimError, tensor_error};

/// Stands before the slash where the count of updates is kept.
pub(crate) const STEP: &str = "step";

/// The key of what is remembered of a parameter under the name of the slot.
pub(crate) fn key(slot: &str, name: &str) -> String {
    format!("{slot}/{name}")
}

/// Refuses a state whose keys are not the wanted ones.
pub(crate) fn require_keys(
    wanted: impl Iterator<Item = String>,
    state: &BTreeMap<String, Tensor>,
) -> Result<(), OptimError> {
    let mut unexpected: BTreeMap<_, _> = state.iter().collect();
    let missing: Vec<_> = wanted.filter(|key| unexpected.remove(key).is_none()).collect();
    if !missing.is_empty() {
        return Err(OptimError::MissingState { keys: missing });
    }
    if !unexpected.is_empty() {
        let keys = unexpected.into_keys().cloned().collect();
        return Err(OptimError::UnexpectedState { keys });
    }
    Ok(())
}

/// A count of int64.
pub(crate) fn scalar(key: &str, count: u64) -> Result<Tensor, OptimError> {
    Tensor::new(count as i64, &Device::Cpu).map_err(|source| tensor_error(key, source))
}

/// Reads a count of int64.
pub(crate) fn count(key: &str, state: &BTreeMap<String, Tensor>) -> Result<u64, OptimError> {
    let tensor = &state[key];
    require_scalar(key, tensor, DType::I64)?;
    let got = tensor.to_scalar::<i64>().map_err(|source| tensor_error(key, source))?;
    u64::try_from(got).map_err(|_| OptimError::BadStepCount { key: key.to_owned(), got })
}

/// Refuses a tensor that is no single number of the type.
pub(crate) fn require_scalar(key: &str, tensor: &Tensor, dtype: DType) -> Result<(), OptimError> {
    if tensor.rank() == 0 && tensor.dtype() == dtype {
        return Ok(());
    }
    Err(OptimError::Mismatch {
        name: key.to_owned(),
        wanted: ().into(),
        wanted_dtype: dtype,
        got: tensor.shape().clone(),
        got_dtype: tensor.dtype(),
    })
}
