//! All that a training depends on between two steps.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::row::{Columns, EpochRow};
use crate::files;
use crate::store::checkpoint::{seal, unseal};
use crate::store::{CheckpointError, FormatError};

/// Tensors by name.
pub type Tensors = BTreeMap<String, Tensor>;

/// A training between two steps. What is random follows from the seed and the number of the step,
/// so it has no state.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// What the run is a training of: what another text in a place means, such as `another recipe`,
    /// and the text.
    pub identity: Vec<(String, String)>,
    /// Batches of the epoch at hand that are done.
    pub batches: usize,
    /// Parameters and buffers of the network.
    pub model: Tensors,
    /// What the optimizer remembers.
    pub optimizer: Tensors,
    /// The epochs that are done.
    pub history: Vec<EpochRow>,
    /// The sums of the losses of the epoch at hand.
    pub sums: Vec<f64>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Header {
    identity: Vec<(String, String)>,
    batches: usize,
}

impl State {
    /// What differs from another identity, in words; none where it is the same.
    pub fn changed(&self, now: &[(String, String)]) -> Option<String> {
        let differs = |(then, now): &(&(String, String), &(String, String))| then != now;
        match self.identity.iter().zip(now).find(differs) {
            Some(((what, _), _)) => Some(what.clone()),
            None => (self.identity.len() != now.len()).then(|| "what is no training of this kind".to_owned()),
        }
    }

    /// The bytes of a file.
    ///
    /// # Errors
    /// When a tensor cannot be read.
    pub fn bytes<E>(&self) -> Result<Vec<u8>, E>
    where
        E: From<files::FileError> + From<candle_core::Error> + From<serde_json::Error>,
    {
        let header = Header { identity: self.identity.clone(), batches: self.batches };
        let mut all = Tensors::new();
        for (group, tensors) in [("model", &self.model), ("optimizer", &self.optimizer)] {
            all.extend(tensors.iter().map(|(name, tensor)| (format!("{group}/{name}"), tensor.clone())));
        }
        let history: Vec<f64> = self.history.iter().flat_map(EpochRow::numbers).collect();
        for (name, numbers) in [("run/history", &*history), ("run/sums", &*self.sums)] {
            if !numbers.is_empty() {
                all.insert(name.to_owned(), Tensor::new(numbers, &Device::Cpu)?);
            }
        }
        Ok(seal(serde_json::to_string(&header)?, &all)?)
    }

    /// Reads a file of a training with these columns.
    ///
    /// # Errors
    /// When it cannot be read, or is not what was written.
    pub fn read(path: &Path, columns: &Columns) -> Result<Self, CheckpointError> {
        let unusable = |source| CheckpointError::Unusable { path: path.into(), source };
        Self::parse(&files::read(path)?, columns).map_err(unusable)
    }

    fn parse(bytes: &[u8], columns: &Columns) -> Result<Self, FormatError> {
        let (header, tensors) = unseal(bytes)?;
        let header: Header = serde_json::from_str(&header).map_err(|source| FormatError::OtherVersion { source })?;
        let group = |group: &str| -> Tensors {
            let named = |(name, tensor): (&String, &Tensor)| {
                Some((name.strip_prefix(group)?.strip_prefix('/')?.to_owned(), tensor.clone()))
            };
            tensors.iter().filter_map(named).collect()
        };
        let numbers = |name: &str| tensors.get(name).map_or(Ok(Vec::new()), Tensor::to_vec1::<f64>);
        let (rows, sums) = (numbers("run/history")?, numbers("run/sums")?);
        let broken = FormatError::History { numbers: rows.len(), epochs: 0 };
        let history = columns.rows(&rows).ok_or(broken)?;
        if !sums.is_empty() && sums.len() != columns.losses.len() {
            return Err(FormatError::Damaged);
        }
        let Header { identity, batches } = header;
        Ok(Self { identity, batches, model: group("model"), optimizer: group("optimizer"), history, sums })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: Columns = Columns { losses: &["a", "b"], measures: &["c"] };

    #[test]
    fn a_state_comes_back_to_the_bit_and_a_changed_byte_is_found() {
        let row = EpochRow { epoch: 1, lr: 0.1, losses: vec![1.0 / 3.0; 2], measures: vec![f64::NAN] };
        let tensors = Tensors::from([("w".to_owned(), Tensor::new(&[0.1f32, 2.0], &Device::Cpu).unwrap())]);
        let identity = vec![("another recipe".to_owned(), "seed = 1".to_owned())];
        let (history, sums) = (vec![row], vec![0.1, 1.0 / 7.0]);
        let state =
            State { identity: identity.clone(), batches: 3, model: tensors.clone(), optimizer: tensors, history, sums };
        let bytes = state.bytes::<crate::Error>().unwrap();
        let back = State::parse(&bytes, &COLUMNS).unwrap();
        assert_eq!((&back.identity, back.batches, &back.sums), (&state.identity, 3, &state.sums));
        let bits = |history: &[EpochRow]| history[0].numbers().map(f64::to_bits).collect::<Vec<_>>();
        assert_eq!(bits(&back.history), bits(&state.history));
        assert_eq!(back.model["w"].to_vec1::<f32>().unwrap(), [0.1, 2.0]);
        let mut broken = bytes.clone();
        broken[60] ^= 1;
        assert!(matches!(State::parse(&broken, &COLUMNS), Err(FormatError::Damaged)));
        let three = Columns { measures: &["c", "d"], ..COLUMNS };
        assert!(matches!(State::parse(&bytes, &three), Err(FormatError::History { .. })));

        assert_eq!(state.changed(&identity), None);
        let other = vec![("another recipe".to_owned(), "seed = 2".to_owned())];
        assert_eq!(state.changed(&other).unwrap(), "another recipe");
        assert!(state.changed(&[]).unwrap().contains("kind"));
    }
}
