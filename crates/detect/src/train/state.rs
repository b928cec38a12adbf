//! All that a training depends on between two steps.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};
use taper_trainer::files;
use taper_trainer::store::checkpoint::{seal, unseal};
use taper_trainer::store::{CheckpointError, FormatError};

use super::error::TrainError;
use super::history::EpochRecord;

/// Tensors by name.
pub(super) type Tensors = BTreeMap<String, Tensor>;

/// What a run is a training of.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Identity {
    /// The recipe, as TOML, without its paths.
    pub(super) recipe: String,
    /// SHA-256 of the weights of the backbone that it began with.
    pub(super) weights: String,
    /// SHA-256 of what is known of the pictures: names, lengths of the files, boxes.
    pub(super) pictures: String,
}

/// A training between two steps. What is random follows from the seed and the number of the step,
/// so it has no state.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub(super) identity: Identity,
    /// Batches of the epoch at hand that are done.
    pub(super) batches: usize,
    /// Parameters and buffers of the network.
    pub(super) model: Tensors,
    /// What the optimizer remembers.
    pub(super) optimizer: Tensors,
    /// The epochs that are done.
    pub(super) history: Vec<EpochRecord>,
    /// The sums of the losses of the epoch at hand.
    pub(super) sums: [f64; 4],
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Header {
    detector: Identity,
    batches: usize,
}

impl State {
    /// The epochs that are done.
    pub fn history(&self) -> &[EpochRecord] {
        &self.history
    }

    /// The bytes of a file.
    pub(super) fn bytes(&self) -> Result<Vec<u8>, TrainError> {
        let header = Header { detector: self.identity.clone(), batches: self.batches };
        let mut all = Tensors::new();
        for (group, tensors) in [("model", &self.model), ("optimizer", &self.optimizer)] {
            all.extend(tensors.iter().map(|(name, tensor)| (format!("{group}/{name}"), tensor.clone())));
        }
        let history: Vec<f64> = self.history.iter().flat_map(EpochRecord::numbers).collect();
        if !history.is_empty() {
            all.insert("run/history".to_owned(), Tensor::new(history, &Device::Cpu)?);
        }
        all.insert("run/sums".to_owned(), Tensor::new(&self.sums, &Device::Cpu)?);
        Ok(seal(serde_json::to_string(&header)?, &all)?)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, or is not what was written.
    pub fn read(path: &Path) -> Result<Self, CheckpointError> {
        let unusable = |source| CheckpointError::Unusable { path: path.into(), source };
        Self::parse(&files::read(path)?).map_err(unusable)
    }

    fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        let (header, tensors) = unseal(bytes)?;
        let header: Header = serde_json::from_str(&header).map_err(|source| FormatError::OtherVersion { source })?;
        let group = |group: &str| -> Tensors {
            let named = |(name, tensor): (&String, &Tensor)| {
                Some((name.strip_prefix(group)?.strip_prefix('/')?.to_owned(), tensor.clone()))
            };
            tensors.iter().filter_map(named).collect()
        };
        let numbers = |name: &str| tensors.get(name).map_or(Ok(Vec::new()), Tensor::to_vec1::<f64>);
        let rows = numbers("run/history")?;
        let broken = FormatError::History { numbers: rows.len(), epochs: 0 };
        let history = EpochRecord::all(&rows).ok_or(broken)?;
        let sums = <[f64; 4]>::try_from(numbers("run/sums")?).map_err(|_| FormatError::Damaged)?;
        let Header { detector: identity, batches } = header;
        Ok(Self { identity, batches, model: group("model"), optimizer: group("optimizer"), history, sums })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_comes_back_to_the_bit_and_a_changed_byte_is_found() {
        let record = EpochRecord { epoch: 1, lr: 0.1, losses: [1.0 / 3.0; 4], precision: [f64::NAN, 0.5, 0.1] };
        let tensors = Tensors::from([("w".to_owned(), Tensor::new(&[0.1f32, 2.0], &Device::Cpu).unwrap())]);
        let identity = Identity { recipe: "seed = 1".into(), ..Identity::default() };
        let (history, sums) = (vec![record; 1], [0.1, 0.2, 0.3, 1.0 / 7.0]);
        let state = State { identity, batches: 3, model: tensors.clone(), optimizer: tensors, history, sums };
        let bytes = state.bytes().unwrap();
        let back = State::parse(&bytes).unwrap();
        assert_eq!((&back.identity, back.batches, back.sums), (&state.identity, 3, state.sums));
        let bits = |history: &[EpochRecord]| history[0].numbers().map(f64::to_bits);
        assert_eq!(bits(&back.history), bits(&state.history));
        assert_eq!(back.model["w"].to_vec1::<f32>().unwrap(), [0.1, 2.0]);
        let mut broken = bytes;
        broken[60] ^= 1;
        assert!(matches!(State::parse(&broken), Err(FormatError::Damaged)));
    }
}
