//! The tensors of a file, and what lay around them.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use candle_core::{Device, Tensor};

use super::error::WeightsError;
use crate::names::{counted, shown};

/// The counters that PyTorch's batch norm keeps end in this; they are no weights, and leaving them
/// out goes without saying.
const COUNTER: &str = "num_batches_tracked";

/// The tensors of a file, and what else was found there.
#[derive(Clone, Debug, Default)]
pub struct WeightsFile {
    /// The tensors by name, float32, on the CPU.
    pub tensors: BTreeMap<String, Tensor>,
    /// What lay around them.
    pub report: ReadReport,
}

/// What lay around the tensors of a file, and whether their numbers are any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadReport {
    /// The entry of a checkpoint that they were taken from, such as `state_dict`, or the path to
    /// it, `state_dict.model`; the beginnings of long names, without control characters.
    pub entry: Option<String>,
    /// What the names began with and no longer do, such as `module.`; empty for nothing.
    pub prefix: String,
    /// The tensors that were left out since their names did not begin with that.
    pub beside: Vec<String>,
    /// The names beside them of what is no tensor of floating-point numbers.
    pub left_out: Vec<String>,
    /// Numbers that are NaN or infinite.
    pub not_finite: Option<NotFinite>,
}

/// Numbers that are NaN or infinite, as float32.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotFinite {
    /// How many there are.
    pub count: usize,
    /// The first tensor that has some.
    pub first: String,
}

impl ReadReport {
    /// Whether there is anything to say.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// In one line, what there is to say; nothing where there is nothing.
impl Display for ReadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        parts.extend(self.entry.as_ref().map(|entry| format!("taken from its entry \"{entry}\"")));
        if !self.prefix.is_empty() {
            let which = if self.beside.is_empty() { "all" } else { "the" };
            parts.push(format!("\"{}\" removed from the beginning of {which} names", shown(&self.prefix)));
        }
        parts.extend(counted(&self.beside, "left out, whose names begin with something else"));
        parts.extend(counted(&self.left_out, "left out, not being floating-point tensors"));
        if let Some(NotFinite { count, first }) = &self.not_finite {
            parts.push(format!("{count} of its numbers are NaN or infinite, the first of them in {}", shown(first)));
        }
        f.write_str(&parts.join("; "))
    }
}

impl WeightsFile {
    pub(crate) fn add(&mut self, name: String, shape: &[usize], numbers: Vec<f32>) -> Result<(), WeightsError> {
        note_not_finite(&mut self.report.not_finite, &name, &numbers);
        self.tensors.insert(name, Tensor::from_vec(numbers, shape, &Device::Cpu)?);
        Ok(())
    }

    /// Notes the name of what is no weight.
    pub(crate) fn leave_out(&mut self, name: String) {
        if !name.ends_with(COUNTER) {
            self.report.left_out.push(name);
        }
    }
}

/// The numbers of tensors that are NaN or infinite.
pub(crate) fn not_finite(tensors: &BTreeMap<String, Tensor>) -> Result<Option<NotFinite>, WeightsError> {
    let mut found = None;
    for (name, tensor) in tensors {
        note_not_finite(&mut found, name, &tensor.flatten_all()?.to_vec1()?);
    }
    Ok(found)
}

fn note_not_finite(found: &mut Option<NotFinite>, name: &str, numbers: &[f32]) {
    let count = numbers.iter().filter(|number| !number.is_finite()).count();
    if count > 0 {
        found.get_or_insert_with(|| NotFinite { count: 0, first: name.to_owned() }).count += count;
    }
}
