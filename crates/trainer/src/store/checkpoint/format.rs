//! A state as the bytes of a file: a safetensors file and, behind it, its SHA-256 in 64 hexadecimal
//! digits.
//!
//! Numbers with a fraction are tensors, which keep every bit. Everything else is JSON in the
//! metadata of the file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use safetensors::tensor::Metadata;
use serde::{Deserialize, Serialize};
use taper_transfer::sha256;

use super::error::{CheckpointError, FormatError};
use super::place::Place;
use super::state::{EpochRecord, PatienceState, Tensors, TrainState};
use crate::error::Result;
use crate::evaluate::health::Health;
use crate::files::{self, FileError};
use crate::store::identity::Identity;

/// Hexadecimal digits of a SHA-256.
const DIGITS: usize = 64;

/// What a state has beside numbers with a fraction. The names are those of the files of earlier
/// versions.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
struct Header {
    identity: Identity,
    phase: usize,
    first_step: usize,
    epochs: usize,
    batches: usize,
    counted: usize,
    skipped: [u64; 2],
    /// The phase of each finished epoch.
    phases: Vec<usize>,
    /// What the numbers of [`Health`] are of, by epoch: the parts that moved, the stages looked at.
    health: Vec<[Vec<String>; 2]>,
    /// Epochs of the phase that early stopping has seen, and the best of them.
    patience: Option<(usize, Option<usize>)>,
}

impl TrainState {
    /// The bytes of a file.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>> {
        Ok(seal(serde_json::to_string(&self.header())?, &self.tensors()?)?)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, or is not what was written.
    pub fn read(path: &Path) -> Result<Self, CheckpointError> {
        let unusable = |source| CheckpointError::Unusable { path: path.into(), source };
        let state = Self::parse(&files::read(path)?).map_err(unusable)?;
        Ok(Self { origin: path.into(), ..state })
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// When they are not those that were written.
    pub fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        let (header, tensors) = unseal(bytes)?;
        let header = serde_json::from_str(&header).map_err(|source| FormatError::OtherVersion { source })?;
        Self::of(header, &tensors)
    }

    fn header(&self) -> Header {
        let Place { phase, first_step, epochs, batches, counted, skipped } = self.place;
        let names = |pairs: &[(String, f64)]| pairs.iter().map(|(name, _)| name.clone()).collect();
        let patience = self.patience.as_ref();
        Header {
            identity: self.identity.clone(),
            phase,
            first_step,
            epochs,
            batches,
            counted,
            skipped,
            phases: self.history.iter().map(|record| record.phase).collect(),
            health: self.health().map(|health| [names(&health.updates), names(&health.dead)]).collect(),
            patience: patience.map(|patience| (patience.seen, patience.best.map(|(epoch, _)| epoch))),
        }
    }

    /// What was seen in every epoch, that at hand the last.
    fn health(&self) -> impl Iterator<Item = &Health> {
        self.history.iter().map(|record| &record.health).chain(&self.seen)
    }

    fn tensors(&self) -> Result<Tensors, candle_core::Error> {
        let mut all = Tensors::new();
        let mut put = |group: &str, tensors: &Tensors| {
            all.extend(tensors.iter().map(|(name, tensor)| (format!("{group}/{name}"), tensor.clone())));
        };
        put("model", &self.model);
        put("optimizer", &self.optimizer);
        put("pace", &self.pace);
        put("average", &self.average);
        put("best", self.patience.as_ref().map_or(&Tensors::new(), |patience| &patience.weights));
        let row = |e: &EpochRecord| [e.lr, e.train_loss, e.val_loss, e.val_accuracy];
        let health = self.health().flat_map(|health| {
            let values = health.updates.iter().chain(&health.dead).map(|(_, value)| *value);
            [health.gradient_norm].into_iter().chain(values)
        });
        let best = self.patience.iter().filter_map(|patience| patience.best).map(|(_, loss)| loss);
        for (name, numbers) in [
            ("run/history", self.history.iter().flat_map(row).collect::<Vec<_>>()),
            ("run/rates", self.lrs.clone()),
            ("run/health", health.collect()),
            ("run/best_loss", best.collect()),
            ("run/total", vec![self.total]),
        ] {
            if !numbers.is_empty() {
                all.insert(name.to_owned(), Tensor::new(numbers, &Device::Cpu)?);
            }
        }
        Ok(all)
    }

    fn of(header: Header, tensors: &Tensors) -> Result<Self, FormatError> {
        let group = |group: &str| -> Tensors {
            let named = |(name, tensor): (&String, &Tensor)| {
                let name = name.strip_prefix(group)?.strip_prefix('/')?;
                Some((name.to_owned(), tensor.clone()))
            };
            tensors.iter().filter_map(named).collect()
        };
        let numbers = |name: &str| tensors.get(name).map_or(Ok(Vec::new()), Tensor::to_vec1::<f64>);
        let mut health = health(&header.health, numbers("run/health")?)?.into_iter();
        let (rows, epochs) = (numbers("run/history")?, header.phases.len());
        if rows.len() != 4 * epochs {
            return Err(FormatError::History { numbers: rows.len(), epochs });
        }
        let record = |(&phase, &[lr, train_loss, val_loss, val_accuracy]): (&usize, &[f64; 4])| {
            let health = health.next().unwrap_or_default();
            EpochRecord { phase, lr, train_loss, val_loss, val_accuracy, health }
        };
        let history = header.phases.iter().zip(rows.as_chunks().0).map(record).collect();
        let best_loss = numbers("run/best_loss")?.first().copied();
        let patience = header.patience.map(|(seen, best)| PatienceState {
            seen,
            best: best.zip(best_loss),
            weights: group("best"),
        });
        let Header { identity, phase, first_step, epochs, batches, counted, skipped, .. } = header;
        Ok(Self {
            identity,
            place: Place { phase, first_step, epochs, batches, counted, skipped },
            model: group("model"),
            optimizer: group("optimizer"),
            pace: group("pace"),
            average: group("average"),
            patience,
            history,
            lrs: numbers("run/rates")?,
            total: numbers("run/total")?.first().copied().unwrap_or(0.0),
            seen: health.next(),
            origin: PathBuf::new(),
        })
    }
}

/// Named tensors, and a text of what else there is, as the bytes of a checkpoint, which
/// [`unseal`] knows from others by their sum.
///
/// # Errors
/// When a tensor is on a device that fails.
pub fn seal(header: String, tensors: &BTreeMap<String, Tensor>) -> Result<Vec<u8>, FileError> {
    let about = [("position".to_owned(), header)].into_iter().collect();
    let mut bytes = safetensors::serialize(tensors.iter(), Some(about))
        .map_err(|source| FileError::Tensors { what: "the state", source })?;
    let sum = sha256(&bytes);
    bytes.extend_from_slice(sum.as_bytes());
    Ok(bytes)
}

/// The text and the tensors of a checkpoint.
///
/// # Errors
/// When the bytes are not those that were written.
pub fn unseal(bytes: &[u8]) -> Result<(String, BTreeMap<String, Tensor>), FormatError> {
    let Some((bytes, wanted)) = bytes.split_at_checked(bytes.len().saturating_sub(DIGITS)) else {
        return Err(FormatError::TooShort);
    };
    if sha256(bytes).as_bytes() != wanted {
        return Err(FormatError::Damaged);
    }
    let metadata = metadata(bytes)?;
    let header = metadata.metadata().as_ref().and_then(|about| about.get("position"));
    let header = header.ok_or(FormatError::NoPosition)?.clone();
    Ok((header, candle_core::safetensors::load_buffer(bytes, &Device::Cpu)?.into_iter().collect()))
}

/// The health of each epoch from its names and all numbers in a row.
fn health(names: &[[Vec<String>; 2]], numbers: Vec<f64>) -> Result<Vec<Health>, FormatError> {
    let wanted: usize = names.iter().map(|[updates, dead]| 1 + updates.len() + dead.len()).sum();
    if numbers.len() != wanted {
        return Err(FormatError::Health);
    }
    let mut numbers = numbers.into_iter();
    let mut next = || numbers.next().unwrap_or(f64::NAN);
    let health = names.iter().map(|[updates, dead]| {
        let gradient_norm = next();
        let [updates, dead] = [updates, dead].map(|names| names.iter().map(|name| (name.clone(), next())).collect());
        Health { gradient_norm, updates, dead }
    });
    Ok(health.collect())
}

/// What a safetensors file says of its tensors. The library adds up their sizes unchecked: they are
/// compared with the file before it does.
fn metadata(bytes: &[u8]) -> Result<Metadata, FormatError> {
    let (len, rest) = bytes.split_first_chunk().ok_or(FormatError::TooShort)?;
    let text = usize::try_from(u64::from_le_bytes(*len)).ok().and_then(|len| rest.get(..len));
    let metadata: Metadata = serde_json::from_slice(text.ok_or(FormatError::HeaderTooLong)?)?;
    if metadata.data_len() <= rest.len() { Ok(metadata) } else { Err(FormatError::TensorsTooLarge) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health_of(a: f64) -> Health {
        let dead = vec![("fire1".into(), 0.1), ("fire2".into(), 1.0 / 7.0)];
        Health { gradient_norm: a, updates: vec![("head".into(), a / 3.0)], dead }
    }

    fn state() -> TrainState {
        let weights = |value: f32| Tensors::from([("w".into(), Tensor::new(&[value, 2.0], &Device::Cpu).unwrap())]);
        let record = |phase, health| EpochRecord {
            phase,
            lr: 0.1,
            train_loss: f64::NAN,
            val_loss: 1.0 / 3.0,
            val_accuracy: 0.5,
            health,
        };
        TrainState {
            place: Place { phase: 1, first_step: 2, epochs: 0, batches: 3, counted: 2, skipped: [1, 0] },
            model: weights(1.0),
            patience: Some(PatienceState { seen: 2, best: Some((1, 0.7)), weights: weights(3.0) }),
            history: vec![
                record(0, health_of(1.1)),
                record(1, Health { dead: vec![], ..health_of(f64::MIN_POSITIVE) }),
            ],
            lrs: vec![0.1, f64::NAN, 1.0 / 3.0],
            total: 1.0 / 7.0,
            seen: Some(health_of(2.2)),
            ..TrainState::default()
        }
    }

    #[test]
    fn every_bit_comes_back_and_no_other_bytes_do() -> Result<(), Box<dyn std::error::Error>> {
        let state = state();
        let bytes = state.bytes()?;
        let back = TrainState::parse(&bytes)?;
        assert_eq!((back.place, back.total, &back.seen), (state.place, state.total, &state.seen));
        assert_eq!(back.model["w"].to_vec1::<f32>()?, [1.0, 2.0]);
        let patience = back.patience.clone().ok_or("there is one")?;
        assert_eq!((patience.seen, patience.best), (2, Some((1, 0.7))));
        assert_eq!(patience.weights["w"].to_vec1::<f32>()?, [3.0, 2.0]);
        let bits = |numbers: &[f64]| numbers.iter().map(|number| number.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&back.lrs), bits(&state.lrs));
        let health = |state: &TrainState| state.history.iter().map(|e| e.health.clone()).collect::<Vec<_>>();
        assert_eq!(health(&back), health(&state));
        let losses = |e: &EpochRecord| [e.train_loss, e.val_loss].map(f64::to_bits);
        assert_eq!(losses(&back.history[1]), losses(&state.history[1]));
        for i in (0..bytes.len()).step_by(7) {
            let mut other = bytes.clone();
            other[i] ^= 1;
            assert!(TrainState::parse(&other).is_err(), "byte {i}");
            assert!(TrainState::parse(&bytes[..i]).is_err(), "{i} bytes");
        }
        Ok(())
    }

    #[test]
    fn numbers_that_are_missing_are_refused() {
        let state = state();
        let mut tensors = state.tensors().unwrap();
        tensors.remove("run/health");
        assert!(TrainState::of(state.header(), &tensors).unwrap_err().to_string().contains("health"));
        let mut tensors = state.tensors().unwrap();
        tensors.remove("run/history");
        assert!(TrainState::of(state.header(), &tensors).unwrap_err().to_string().contains("history"));
    }

    #[test]
    fn a_header_that_claims_more_than_there_is_is_refused() {
        // Eight tensors end so near to 2^64 that the length of the header takes their sum past it.
        let each = (1u64 << 61) - 1;
        let tensor = |i: u64| {
            format!(r#""{i}":{{"dtype":"U8","shape":[{each}],"data_offsets":[{},{}]}}"#, i * each, (i + 1) * each)
        };
        let tensors = (0..8).map(tensor).collect::<Vec<_>>().join(",");
        let header = format!(r#"{{"__metadata__":{{"position":"{{}}"}},{tensors}}}"#);
        let mut bytes = [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat();
        let sum = sha256(&bytes);
        bytes.extend_from_slice(sum.as_bytes());
        let error = format!("{:#}", TrainState::parse(&bytes).unwrap_err());
        assert!(error.contains("larger than it"), "{error}");
    }
}
