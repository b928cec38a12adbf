//! Where a training stands, as a file.

mod kept;
mod place;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use candle_core::{Device, Tensor};
use safetensors::tensor::Metadata;
use serde::{Deserialize, Serialize};
use taper_transfer::sha256;

pub use self::kept::{Checkpoints, Every};
pub(crate) use self::place::Way;
use crate::files;
use crate::store::identity::Identity;

/// A training between two steps: all that its end depends on beside recipe and pictures, and which these are.
///
/// A file of it is a safetensors file and, behind it, its SHA-256 in 64 hexadecimal digits. Numbers with a fraction are tensors, which
/// keep every bit.
#[derive(Clone, Debug, Default)]
pub struct Checkpoint {
    pub(crate) position: Position,
    /// `model/NAME`, `optimizer/KEY`, `average/KEY`, `pace/KEY`, `best/NAME`, and what [`Position`] cannot hold below `run`.
    pub(crate) tensors: BTreeMap<String, Tensor>,
    /// The file that it was read from.
    origin: PathBuf,
}

/// How far it has come.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Position {
    /// What it is a training of.
    pub(crate) identity: Identity,
    /// The phase, from 0, and the steps before it.
    pub(crate) phase: usize,
    pub(crate) first_step: usize,
    /// Epochs of the phase that are done, and batches of the next.
    pub(crate) epochs: usize,
    pub(crate) batches: usize,
    /// Batches that the mean loss of the epoch at hand is of.
    pub(crate) counted: usize,
    /// Steps left out before this phase and in it.
    pub(crate) skipped: [u64; 2],
    /// The phase of each finished epoch.
    pub(crate) phases: Vec<usize>,
    /// What the numbers of [`Health`](crate::fit::health::Health) are of, by epoch: the parts that moved, the stages looked at.
    pub(crate) health: Vec<[Vec<String>; 2]>,
    /// Epochs of the phase that early stopping has seen, and the best of them.
    pub(crate) patience: Option<(usize, Option<usize>)>,
}

impl Checkpoint {
    /// Steps of the run that are done.
    pub fn steps(&self) -> usize {
        self.tensors.get("run/rates").map_or(0, Tensor::elem_count)
    }

    /// What it is a training of.
    pub fn identity(&self) -> &Identity {
        &self.position.identity
    }

    /// Adds tensors whose names begin with `group` and a slash.
    pub(crate) fn put(&mut self, group: &str, tensors: BTreeMap<String, Tensor>) {
        self.tensors.extend(tensors.into_iter().map(|(name, tensor)| (format!("{group}/{name}"), tensor)));
    }

    /// The tensors of a group.
    pub(crate) fn group(&self, group: &str) -> BTreeMap<String, Tensor> {
        let start = format!("{group}/");
        let below = self.tensors.iter().filter_map(|(name, tensor)| Some((name.strip_prefix(&start)?, tensor)));
        below.map(|(name, tensor)| (name.to_owned(), tensor.clone())).collect()
    }

    /// Adds numbers, where there are any.
    pub(crate) fn put_numbers(&mut self, name: &str, numbers: &[f64]) -> Result<()> {
        if !numbers.is_empty() {
            self.tensors.insert(name.to_owned(), Tensor::new(numbers, &Device::Cpu)?);
        }
        Ok(())
    }

    /// Numbers by name; none where there is nothing of the name.
    pub(crate) fn numbers(&self, name: &str) -> Result<Vec<f64>> {
        Ok(self.tensors.get(name).map(Tensor::to_vec1::<f64>).transpose()?.unwrap_or_default())
    }

    fn bytes(&self) -> Result<Vec<u8>> {
        let position = serde_json::to_string(&self.position)?;
        let about = [("position".to_owned(), position)].into_iter().collect();
        let mut bytes =
            safetensors::serialize(self.tensors.iter(), Some(about)).context("cannot serialize the state")?;
        let sum = sha256(&bytes);
        bytes.extend_from_slice(sum.as_bytes());
        Ok(bytes)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, or is not what was written.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = files::read(path)?;
        let checkpoint = Self::parse(&bytes).with_context(|| format!("{} cannot be gone on with", path.display()))?;
        Ok(Self { origin: path.into(), ..checkpoint })
    }

    /// Adds to an error that what it holds leads to the name of its file.
    pub(crate) fn names_itself<T>(&self, outcome: Result<T>) -> Result<T> {
        let said = || {
            format!(
                "{} does not fit its run: without it `taper resume` begins at the checkpoint before",
                self.origin.display()
            )
        };
        outcome.with_context(said)
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// When they are not those that were written.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let Some((bytes, wanted)) = bytes.split_at_checked(bytes.len().saturating_sub(DIGITS)) else {
            bail!("it is too short");
        };
        ensure!(sha256(bytes).as_bytes() == wanted, "its bytes are not those that were written");
        let header = header(bytes)?;
        let position = header.metadata().as_ref().and_then(|about| about.get("position"));
        let position =
            serde_json::from_str(position.context("it says nothing of its position")?).context(OtherVersion)?;
        let tensors = candle_core::safetensors::load_buffer(bytes, &Device::Cpu)?.into_iter().collect();
        Ok(Self { position, tensors, origin: PathBuf::new() })
    }
}

/// A checkpoint that is as it was written, and not as this version writes one.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("it was written by another version of taper: go on with that one, or begin a new run with another --out")]
pub struct OtherVersion;

/// What a safetensors file says of its tensors. The library adds up their sizes unchecked: they are compared with the file before it does.
fn header(bytes: &[u8]) -> Result<Metadata> {
    let (len, rest) = bytes.split_first_chunk().context("it is too short")?;
    let text = usize::try_from(u64::from_le_bytes(*len)).ok().and_then(|len| rest.get(..len));
    let header: Metadata = serde_json::from_slice(text.context("its header is longer than it")?)?;
    ensure!(header.data_len() <= rest.len(), "its tensors are larger than it");
    Ok(header)
}

/// Hexadecimal digits of a SHA-256.
const DIGITS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn checkpoint(batches: usize) -> Checkpoint {
        let mut checkpoint = Checkpoint { position: Position { batches, ..Default::default() }, ..Default::default() };
        checkpoint.put_numbers("run/rates", &[0.1, f64::NAN, 1.0 / 3.0]).unwrap();
        checkpoint.put("model", BTreeMap::from([("w".to_owned(), Tensor::new(&[1f32, 2.0], &Device::Cpu).unwrap())]));
        checkpoint
    }

    #[test]
    fn every_bit_comes_back_and_no_other_bytes_do() -> Result<()> {
        let bytes = checkpoint(3).bytes()?;
        let back = Checkpoint::parse(&bytes)?;
        assert_eq!((back.position.batches, back.group("model")["w"].to_vec1::<f32>()?), (3, vec![1.0, 2.0]));
        let bits = |numbers: Vec<f64>| numbers.into_iter().map(f64::to_bits).collect::<Vec<_>>();
        assert_eq!(bits(back.numbers("run/rates")?), bits(vec![0.1, f64::NAN, 1.0 / 3.0]));
        assert!(back.numbers("run/history")?.is_empty());
        for i in (0..bytes.len()).step_by(7) {
            let mut other = bytes.clone();
            other[i] ^= 1;
            assert!(Checkpoint::parse(&other).is_err(), "byte {i}");
            assert!(Checkpoint::parse(&bytes[..i]).is_err(), "{i} bytes");
        }
        Ok(())
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
        let error = format!("{:#}", Checkpoint::parse(&bytes).unwrap_err());
        assert!(error.contains("larger than it"), "{error}");
    }
}
